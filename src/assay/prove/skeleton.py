"""Components to start from, kept as templates beside this file."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from assay.core.errors import BadInput

_SUFFIX = ".in"


def make(name: str, prover: str, folder: Path) -> list[str]:
    """Write the component `name` into the new folder `folder`; returns its files. `BadInput` if there is something."""
    if folder.exists():
        raise BadInput(f"{folder} is there already: choose another name, or remove it.")
    written = []
    for path, source in _templates(files("assay.prove").joinpath("skeletons", prover)):
        path = path.removesuffix(_SUFFIX).replace("program.c", f"{name.replace('-', '_')}.c")
        text = _fill(source.read_text(), name)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        written.append(path)
    return written


def template(prover: str, path: str, name: str) -> str:
    """One file of the component `name` as `make` would write it."""
    return _fill(files("assay.prove").joinpath("skeletons", prover, *f"{path}{_SUFFIX}".split("/")).read_text(), name)


def _fill(text: str, name: str) -> str:
    words = {
        "@name@": name,
        "@symbol@": name.replace("-", "_"),
        "@Name@": "".join(part.capitalize() for part in name.split("-")),
    }
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def _templates(place: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found = []
    for child in sorted(place.iterdir(), key=lambda c: c.name):
        path = f"{prefix}{child.name}"
        if child.is_dir():
            found += _templates(child, path + "/")
        elif child.name.endswith(_SUFFIX):
            found.append((path, child))
    return found
