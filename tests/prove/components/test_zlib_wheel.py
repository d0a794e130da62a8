"""The wheel brings the programs built: neither a compiler nor a prover nor the sources are needed where it is used."""

import hashlib
import importlib.util
import json
import re
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
PARTS = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")

# Started without the site module, so that nothing but the wheel and what the package depends on is found.
USE = """
import sys
sys.path[1:1] = sys.argv[1:]
import assay.prove.loading
assay.prove.loading.compiler_version = None  # nothing may be compiled
from assay.prove import load, zlib
from assay.prove.zlib import gzip
text = b"".join(b"%d bottles of beer on the wall, " % n for n in range(999))
assert zlib.decompress(zlib.compress(text)) == text == gzip.decompress(gzip.compress(text))
assert zlib.crc32(b"123456789") == 0xCBF43926 and zlib.adler32(b"Wikipedia") == 0x11E60398
assert load("base64").encode(b"foobar") == b"Zm9vYmFy" and load("utf8").valid(text)
for name, module in sys.modules.items():
    assert not name.startswith("assay.") or module.__file__.startswith(sys.argv[1]), name
"""


@pytest.fixture(autouse=True)
def _needs() -> None:
    pytest.importorskip("setuptools.command.bdist_wheel")
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """setup.py as a module; it looks for certificates in `tmp_path`."""
    import setuptools

    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    spec = importlib.util.spec_from_file_location("wheel_hook", ROOT / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CERTIFICATES", tmp_path)
    return module


@pytest.mark.slow(seconds=20)
def test_the_wheel_needs_no_compiler_and_no_sources(tmp_path: Path) -> None:
    tree, unpacked = tmp_path / "tree", tmp_path / "unpacked"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.vo*", "*.glob", "tests")
    for name in ("src", "proofs"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name in PARTS:
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-c", "from setuptools import build_meta; print(build_meta.build_wheel('..'))"]
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    assert re.fullmatch(r"assay-[\d.]+-py3-none-manylinux_2_\d\d_\w+\.whl", wheel.name)
    zipfile.ZipFile(wheel).extractall(unpacked)
    shutil.rmtree(tree)
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-S", "-c", USE, str(unpacked), *site.getsitepackages()]
    environment = {"HOME": str(home), "PATH": str(home)}
    ran = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr


def test_a_certificate_has_to_be_of_what_was_built(hook: ModuleType, tmp_path: Path) -> None:
    library = hook.built(b"int f(void);\nint f(void) { return 1; }\n")
    assert hook.certificate("f", library) is None

    def certified(outcome: str, artefact: bytes) -> None:
        gates = {"optimised": {"artefact": "sha256:" + hashlib.sha256(artefact).hexdigest()}}
        document = {"verdict": {"outcome": outcome, "method": {"gates": gates}}}
        (tmp_path / "f.json").write_text(json.dumps(document))

    certified("accepted", library)
    assert json.loads(hook.certificate("f", library))["outcome"] == "accepted"
    for outcome, artefact in (("accepted", library + b"x"), ("rejected", library)):
        certified(outcome, artefact)
        with pytest.raises(SystemExit, match="not a certificate of what was built"):
            hook.certificate("f", library)
