"""`load("adler32")`: the printed C of a component as Python functions. Compiled once, kept by digest.

    adler32 = load("adler32").adler32
    adler32(b"Wikipedia")   # 300286872

Loading checks nothing: `assay prove check` does.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import BadInput, Unavailable
from assay.core.home import home
from assay.prove.artefact import COMPILE_SECONDS, COMPILER, FLAGS, LINK_FLAGS, compiler_version
from assay.prove.calling import Function, bind
from assay.prove.component import MAX_TOML, Manifest, parse

VARIABLE = "ASSAY_PROOFS"  # a folder of components
PACKAGED = Path(__file__).with_name("packaged")  # what a wheel brings: their programs, printed and built
MAX_C = 8 << 20


@dataclass(frozen=True)
class Loaded:
    """The functions of one component, also as attributes."""

    name: str
    functions: Mapping[str, Function]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.functions[name]
        except KeyError:
            raise AttributeError(f"{self.name} has no function {name!r}: it has {', '.join(self.functions)}") from None


def proofs_folder() -> Path:
    """Where components lie: `$ASSAY_PROOFS`, or the folder `proofs` of a source checkout."""
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "proofs"
    if not folder.is_dir():
        raise Unavailable(f"There are no components at {folder}: name their folder in ${VARIABLE}.")
    return folder


def component_folder(name: str) -> Path:
    """The folder of the component `name`."""
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise BadInput(f"{name[:80]!r} is not the name of a component.")
    root = PACKAGED if PACKAGED.is_dir() and VARIABLE not in os.environ else proofs_folder()
    folder = root / name
    if not (folder / "component.toml").is_file():
        raise BadInput(f"There is no component {name!r} in {folder.parent}.")
    return folder


def load(name: str | Path) -> Loaded:
    """The functions of the component `name`, or of a component's folder. `Unavailable` without a C compiler."""
    folder = name if isinstance(name, Path) else component_folder(name)
    manifest = _manifest(folder)
    return Loaded(manifest.name, {entry.name: f for entry, f in bind(_library(folder, manifest), manifest.entries)})


def library(name: str) -> Path:
    """The built program of the component `name`, for those who call it in ways of their own."""
    folder = component_folder(name)
    return _library(folder, _manifest(folder))


def _manifest(folder: Path) -> Manifest:
    path = folder / "component.toml"
    if not path.is_file() or path.stat().st_size > MAX_TOML:
        raise BadInput(f"{folder} is not a component: it has no component.toml.")
    return parse(path.read_bytes(), str(path))


def _library(folder: Path, manifest: Manifest) -> Path:
    program = manifest.program
    if program is None or not manifest.entries:
        raise BadInput(f"{manifest.name} has no program that Python could load.")
    if program.c is not None:
        return _compiled(folder / program.c)
    from assay.prove.extraction import extracted_library

    return extracted_library(folder)


def _compiled(source: Path) -> Path:
    """The shared library of a printed program, built with the pinned flags if it is not there yet."""
    if not source.is_file() or source.stat().st_size > MAX_C:
        raise BadInput(f"{source} is not there: `assay prove print` writes it.")
    return compiled(source.read_bytes(), str(source))


def compiled(data: bytes, source: str) -> Path:
    """The shared library of this C, which comes from `source`: built once, and then kept."""
    packaged = PACKAGED / "built" / f"{digest_bytes(data).removeprefix('sha256:')}.so"
    if packaged.is_file():
        return packaged
    kind = [digest_bytes(data), compiler_version(), *FLAGS, *LINK_FLAGS]
    library = cache() / f"{digest_bytes(canonical_json(kind)).removeprefix('sha256:')}.so"
    if library.exists():
        return library
    place = library.with_name(f".{library.name}.{token_hex(4)}")
    command = [COMPILER, *FLAGS, *LINK_FLAGS, "-x", "c", "-", "-o", str(place)]
    ran = subprocess.run(command, input=data, capture_output=True, timeout=COMPILE_SECONDS)
    if ran.returncode != 0:
        place.unlink(missing_ok=True)
        said = ran.stderr.decode(errors="replace").strip().splitlines()
        raise Unavailable(f"{source} cannot be compiled: {said[0][:200] if said else 'the compiler failed'}.")
    place.replace(library)
    return library


def cache() -> Path:
    """Where built libraries are kept."""
    folder = home() / "prove"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
