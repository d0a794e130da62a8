"""Brings the program of a command line agent onto this machine: one pinned version, from npm, once.

It is kept in Assay's home as `agents/NAME-VERSION` and mounted read-only into sandboxes. npm is told to run none of the
packages' install scripts, so nothing of a package runs outside a sandbox.
"""

import ctypes
import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.core.digest import Digest, canonical_json, digest_bytes, digest_file
from assay.core.errors import BadInput, Unavailable
from assay.core.home import home

_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}(-[0-9A-Za-z.-]{1,64})?")
_INSTALL_SECONDS = 1200
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Program:
    """A program that npm installs: packages, and where in them the executables are.

    Places are relative paths with `*`, alternatives separated by `|`, the best first; `{machine}` is x64 or arm64.
    """

    name: str
    package: str
    version: str  # the one that was tried with this version of Assay
    executables: tuple[tuple[str, str], ...]  # name on the PATH, places
    companions: tuple[str, ...] = ()  # further packages, pinned


@dataclass(frozen=True)
class Installed:
    """A program in Assay's home: `folder/bin` has its executables."""

    program: Program
    version: str
    folder: Path

    @property
    def digest(self) -> Digest:
        """Of the names and contents of all its files: two runs with equal digests had the same program."""
        files = {
            str(path.relative_to(self.folder)): str(path.readlink()) if path.is_symlink() else digest_file(path)
            for path in self.folder.rglob("*")
            if path.is_symlink() or path.is_file()
        }
        return digest_bytes(canonical_json(files))


def install(program: Program, version: str | None = None) -> Installed:
    """The program in this version, installed now if it is not there. `Unavailable` if that cannot be done."""
    version = version or program.version
    if not _VERSION.fullmatch(version):
        raise BadInput(f"{version[:50]!r} is not a version of {program.name}: write for example {program.version}.")
    place = home() / "agents"
    place.mkdir(mode=0o700, exist_ok=True)
    folder = place / f"{program.name}-{version}"
    installed = Installed(program, version, folder)
    if folder.is_dir():
        return installed
    with _alone(place / f".{folder.name}.lock"):
        if not folder.is_dir():
            _install(program, version, folder)
    return installed


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel drops when this process ends."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(program: Program, version: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable(
            f"{program.name} {version} is not in {folder.parent} and there is no npm to install it: install Node.js "
            "with npm, or copy the folder from a machine that has it."
        )
    new = folder.with_name(f".{folder.name}.new")
    if new.exists():  # a process that was killed left it
        shutil.rmtree(new)
    new.mkdir()
    command = [npm, "install", "--prefix", str(new), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    packages = [f"{program.package}@{version}", *program.companions]
    try:
        done = subprocess.run(
            [*command, "--", *packages],
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            stdin=subprocess.DEVNULL,
            cwd=new,
            preexec_fn=_end_with_parent,  # else the next process that installs it would meet this one
        )
    except subprocess.TimeoutExpired:
        shutil.rmtree(new)
        raise Unavailable(f"npm did not install {packages[0]} within {_INSTALL_SECONDS} seconds: try again.") from None
    if done.returncode != 0:
        shutil.rmtree(new)
        raise Unavailable(f"npm could not install {packages[0]} ({_why(done.stderr)}): check the version and npm.")
    _link(program, new)
    new.rename(folder)


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _why(complaint: str) -> str:
    lines = [line.removeprefix("npm error").strip() for line in complaint.splitlines()]
    return next((line for line in lines if line and not line.startswith("code ")), "it gave no reason")[:300].rstrip(
        "."
    )


def _link(program: Program, folder: Path) -> None:
    """Put links to the executables into `bin`."""
    machine = _MACHINES.get(platform.machine(), platform.machine())
    (folder / "bin").mkdir()
    for name, places in program.executables:
        found = [path for place in places.format(machine=machine).split("|") for path in sorted(folder.glob(place))]
        if not found:
            raise Unavailable(f"{program.package} has no program {name} for this machine ({platform.machine()}).")
        found[0].chmod(0o755)
        (folder / "bin" / name).symlink_to(os.path.relpath(found[0], folder / "bin"))
