"""The catalogue: models, benchmarks and suites as data. Users add their own with a file, not a patch.

Built in are the TOML files beside this one; a user's lie in `$ASSAY_HOME/catalogue/*.toml` and have the same form
(docs/formats/posttrain.md). A name may be given only once.
"""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay.core.errors import BadInput
from assay.core.home import home
from assay.posttrain.sources import Source

MAX_CATALOGUE = 1 << 20  # bytes of one file
Mode = Literal["official", "hidden"]
_NAME = r"^[a-z0-9][a-z0-9.-]*$"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubModel(_Entry):
    """A repository on the hub. Without a revision the commit of the first fetch is kept, by the digest of its files."""

    repo: str
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    gated: bool = False


class Model(_Entry):
    """A model to post-train. `end_of_turn` is the token that ends an answer under its chat template."""

    title: str
    template: str = Field(description="a file in templates/, or below the catalogue file's folder")
    end_of_turn: str
    gguf: Source | None = None
    random_shape: dict[str, int] | None = Field(default=None, description="random weights of this shape instead")
    hub: HubModel | None = None
    folder: str | None = Field(default=None, description="below a data folder; or absolute")
    siblings: tuple[str, ...] = Field(default=(), description="models that must not be handed in, nor merged in")
    licence: str = ""
    chat_template: str = ""  # the template's text, filled in when the catalogue is read

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.gguf is None and self.hub is None and self.folder is None:
            raise ValueError("a model needs a source: gguf, hub or folder")
        return self


class Decoding(_Entry):
    """Greedy, in single precision unless the back end says otherwise."""

    max_new_tokens: int = Field(gt=0)
    stop: Literal["turn", "line"] = "turn"
    batch: int = Field(default=50, gt=0)


class JudgeSpec(_Entry):
    """The model that judges, as Inspect names it, with its settings."""

    model: str
    config: dict[str, Any] = Field(default_factory=dict)


class Split(_Entry):
    """What of the data is whose, chosen by a seed."""

    seed: int = 20261121
    dev: int = Field(
        default=0, ge=0, description="groups of items to develop on, from the training data if there are any"
    )
    hidden: int | None = Field(default=None, gt=0, description="items that are scored; all if not given")
    control: int = Field(default=0, ge=0, description="groups of training data that nobody gets")


class Benchmark(_Entry):
    """Data, how it is read, and how an answer is scored. `bounds` are the least and greatest score of an item."""

    title: str
    about: str = Field(
        description="what the model shall be able to do, to end the sentence 'Post-train X so that it …'"
    )
    reader: str
    scorer: str
    unit: str = "accuracy"
    test: tuple[Source, ...]
    train: tuple[Source, ...] = ()
    train_reader: str | None = None
    train_excludes_test_groups: bool = False
    split: Split = Split()
    decoding: Decoding
    judge: JudgeSpec | None = None
    bounds: tuple[float, float] = (0.0, 1.0)


class Engine(_Entry):
    """What computes the answers when a submission is measured. It is part of the method: no other stands in for it."""

    backend: Literal["transformers", "vllm"] = "transformers"
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: int = 2


class Limits(_Entry):
    """What a worker may spend on a task of a suite."""

    wall_seconds: float
    memory_bytes: int
    disk_bytes: int
    gpus: int = 0


class Suite(_Entry):
    """Models times benchmarks: the cells that are run and compared together."""

    title: str
    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    modes: tuple[Mode, ...] = ("hidden",)
    engine: Engine = Engine()
    budget: Limits


class Catalogue(_Entry):
    """All that is known, by name."""

    models: dict[str, Model] = Field(default_factory=dict)
    benchmarks: dict[str, Benchmark] = Field(default_factory=dict)
    suites: dict[str, Suite] = Field(default_factory=dict)


def load() -> Catalogue:
    """The built-in catalogue with the user's own files. `BadInput` names the file that is wrong, and why."""
    found = Catalogue(**{kind: dict(getattr(_built_in(), kind)) for kind in Catalogue.model_fields})
    folder = home() / "catalogue"
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
        _merge(found, read(path), str(path))
    _check(found)
    return found


def read(path: Path) -> Catalogue:
    """One catalogue file, parsed strictly."""
    if path.stat().st_size > MAX_CATALOGUE:
        raise BadInput(f"{path} is over 1 MiB: it is not a catalogue.")
    return _parse(path.read_bytes(), str(path), path.parent)


@cache
def _built_in() -> Catalogue:
    found = Catalogue()
    for name in ("models.toml", "benchmarks.toml", "suites.toml"):
        _merge(found, _parse((files(__package__) / name).read_bytes(), name, None), name)
    _check(found)
    return found


def _parse(data: bytes, name: str, folder: Path | None) -> Catalogue:
    try:
        document = tomllib.loads(data.decode())
        if document.pop("schema", None) != "assay.catalogue/1":
            raise BadInput(f'{name} does not begin with schema = "assay.catalogue/1": it is not a catalogue.')
        parsed = Catalogue.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{name} is not a catalogue: {where}: {first['msg']}.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} is not a catalogue: {error}.") from None
    models = {key: _with_template(model, name, folder) for key, model in parsed.models.items()}
    return parsed.model_copy(update={"models": models})


def _with_template(model: Model, name: str, folder: Path | None) -> Model:
    ours = files("assay.posttrain") / "templates" / model.template
    theirs = folder / model.template if folder and "/" not in model.template else None
    if theirs is not None and theirs.is_file() and theirs.stat().st_size <= MAX_CATALOGUE:
        return model.model_copy(update={"chat_template": theirs.read_text()})
    if "/" in model.template or not ours.is_file():
        raise BadInput(f"{name}: the chat template {model.template} is neither built in nor beside the file.")
    return model.model_copy(update={"chat_template": ours.read_text()})


def _merge(into: Catalogue, other: Catalogue, name: str) -> None:
    for kind in Catalogue.model_fields:
        known: dict[str, Any] = getattr(into, kind)
        for key, value in getattr(other, kind).items():
            if key in known:
                raise BadInput(f"{name}: {key} is already in the catalogue: choose another name.")
            known[key] = value


def _check(found: Catalogue) -> None:
    import re

    from assay.posttrain.benchmarks import JUDGED, READERS, SCORERS

    for kind in Catalogue.model_fields:
        for key in getattr(found, kind):
            if not re.match(_NAME, key):
                raise BadInput(f"{key!r} cannot be a name in the catalogue: use lower-case letters, digits, . and -.")
    for key, benchmark in found.benchmarks.items():
        readers = {benchmark.reader, benchmark.train_reader or benchmark.reader}
        if not readers <= READERS.keys():
            raise BadInput(f"The benchmark {key} has an unknown reader: known are {', '.join(sorted(READERS))}.")
        if benchmark.scorer not in SCORERS:
            raise BadInput(f"The benchmark {key} has an unknown scorer: known are {', '.join(sorted(SCORERS))}.")
        if (benchmark.scorer in JUDGED) != (benchmark.judge is not None):
            raise BadInput(
                f"The benchmark {key} must name a judge if, and only if, its scorer is {' or '.join(JUDGED)}."
            )
    models, benchmarks = set(found.models), set(found.benchmarks)
    named = [(f"The model {key}", name, models) for key, model in found.models.items() for name in model.siblings]
    for key, suite in found.suites.items():
        named += [(f"The suite {key}", name, models) for name in suite.models]
        named += [(f"The suite {key}", name, benchmarks) for name in suite.benchmarks]
    for who, name, known in named:
        if name not in known:
            raise BadInput(f"{who} names {name}, which is not in the catalogue.")


__all__ = [
    "Benchmark",
    "Catalogue",
    "Decoding",
    "Engine",
    "JudgeSpec",
    "Mode",
    "Model",
    "Split",
    "Suite",
    "load",
    "read",
]
