"""What a wheel has besides Python: the printed C of the components, built, so that its users need no compiler.

Everything else is in pyproject.toml. `make wheel` checks components first; then the wheel has their certificates too.
Without gcc the wheel has the C alone and is for any machine: what is used is compiled when it is first used.
"""

import ast
import hashlib
import json
import platform
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CERTIFICATES = ROOT / "build" / "certificates"
PACKAGED = Path("assay", "prove", "packaged")  # where loading.py looks
OLDEST_GLIBC = 17  # of 2.17: what pip has known as manylinux2014 for long


def can_build() -> bool:
    return shutil.which("gcc") is not None and platform.libc_ver()[0] == "glibc"


def flags() -> dict[str, Any]:
    """The flags that gates and loader use. They are read, not imported: a build has no dependencies of the package."""
    tree = ast.parse((ROOT / "src/assay/prove/artefact.py").read_text())
    named = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign) and _plain(node)}
    return {name: ast.literal_eval(named[name]) for name in ("FLAGS", "LINK_FLAGS")}


def _plain(node: ast.Assign) -> bool:
    return isinstance(node.targets[0], ast.Name)


def built(source: bytes) -> bytes:
    """The shared library: the same commands as the gates', so with the same compiler the same bytes."""
    words = flags()
    with tempfile.TemporaryDirectory() as name:
        Path(name, "component.c").write_bytes(source)
        for command in (
            ["gcc", *words["FLAGS"], "-c", "component.c", "-o", "component.o"],
            ["gcc", *words["LINK_FLAGS"], "-o", "component.so", "component.o"],
        ):
            subprocess.run(command, cwd=name, check=True)
        return Path(name, "component.so").read_bytes()


def certificate(name: str, library: bytes | None) -> bytes | None:
    """The certificate of a component, if it was checked. It has to be of this very library."""
    path = CERTIFICATES / f"{name}.json"
    if library is None or not path.is_file():
        return None
    verdict = json.loads(path.read_bytes())["verdict"]
    digest = "sha256:" + hashlib.sha256(library).hexdigest()
    if verdict["outcome"] != "accepted" or verdict["method"]["gates"]["optimised"]["artefact"] != digest:
        raise SystemExit(f"{path} is not a certificate of what was built here: run `make wheel`, or remove it.")
    return (json.dumps(verdict, indent=1, sort_keys=True) + "\n").encode()


class WithPrograms(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            package(Path(self.build_lib))


def package(to: Path) -> None:
    """Components with printed C into `to`; libraries are named for the digest of their C."""
    folder = to / PACKAGED
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "built").mkdir(parents=True)
    for manifest in sorted(ROOT.glob("proofs/*/component.toml")):
        program = tomllib.loads(manifest.read_text()).get("program", {}).get("c")
        if program is None or not (manifest.parent / program).is_file():
            continue
        place = folder / manifest.parent.name
        (place / program).parent.mkdir(parents=True)
        shutil.copyfile(manifest, place / manifest.name)
        shutil.copyfile(manifest.parent / program, place / program)
        library = add(folder, place / program)
        if document := certificate(place.name, library):
            (place / "certificate.json").write_bytes(document)
    for source in sorted((to / "assay" / "prove" / "zlib").glob("*.c")):
        add(folder, source)


def add(folder: Path, source: Path) -> bytes | None:
    if not can_build():
        return None
    data = source.read_bytes()
    library = built(data)
    (folder / "built" / f"{hashlib.sha256(data).hexdigest()}.so").write_bytes(library)
    return library


class Tagged(bdist_wheel):
    """The tag says what the libraries need: a machine, and the oldest glibc that has what they call."""

    def get_tag(self) -> tuple[str, str, str]:
        libraries = sorted(Path(self.bdist_dir).glob(f"{PACKAGED}/built/*.so"))
        if not libraries:
            return "py3", "none", "any"
        called = [int(minor) for path in libraries for minor in re.findall(rb"GLIBC_2\.(\d+)", path.read_bytes())]
        return "py3", "none", f"manylinux_2_{max(OLDEST_GLIBC, *called)}_{platform.machine()}"


class Programs(Distribution):
    def has_ext_modules(self) -> bool:
        return "bdist_wheel" in (self.commands or ()) and can_build()


setup(distclass=Programs, cmdclass={"build_py": WithPrograms, "bdist_wheel": Tagged})
