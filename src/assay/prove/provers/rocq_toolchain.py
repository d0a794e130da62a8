"""The programs of Rocq that are installed here: which version, where their library is, and a digest of them all."""

import functools
import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import Unavailable
from assay.core.plain import one_line

OLDEST, NEWEST = (8, 16), (9, 0)  # the reports of coqc and coqchk are read strictly: as 8.16 writes them
_PROGRAMS = ("coqc", "coqchk", "coqdep")


@dataclass(frozen=True)
class Toolchain:
    """The programs of Rocq on this machine."""

    version: str
    library: Path  # coqc -where

    @functools.cached_property
    def digest(self) -> str:
        """Of the prover's programs and of all that is compiled in its library: what a kept result rests on."""
        programs = [Path(found) for name in _PROGRAMS if (found := shutil.which(name)) is not None]
        files = [path.resolve() for path in programs] + sorted(self.library.rglob("*.vo"))
        return digest_bytes(canonical_json([self.version, *(_hash(path) for path in files)]))

    @functools.cached_property
    def prelude(self) -> frozenset[str]:
        """Names of the files that are loaded before anything else, in lower case."""
        return frozenset(path.stem.lower() for path in (self.library / "theories" / "Init").glob("*.vo"))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def toolchain() -> Toolchain:
    """What is installed. `Unavailable` if nothing is, or another version than the gates are written for."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            raise Unavailable(
                f"The prover Rocq is not here ({program} is missing): install it (Debian: apt install coq)."
            )
    said = subprocess.run(["coqc", "--version"], capture_output=True, text=True, timeout=60).stdout
    match = re.search(r"version (\d+)\.(\d+)[^\s]*", said)
    if match is None or not OLDEST <= (int(match[1]), int(match[2])) < NEWEST:
        raise Unavailable(
            f"The prover here says {one_line(said.strip(), 80)!r}: the gates need Coq 8.16 or newer, below 9."
        )
    where = subprocess.run(["coqc", "-where"], capture_output=True, text=True, timeout=60).stdout.strip()
    return Toolchain(match[0].removeprefix("version "), Path(where))
