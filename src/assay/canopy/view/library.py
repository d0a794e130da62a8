"""MapLibre GL JS, which draws the page's map: one pinned release, from npm, once, checked by its digest.

It is BSD-3-Clause, needs no key, no account and no server of anybody's, and draws tiles of any raster. With a
megabyte it is too large to keep in the source tree; it is fetched with the ordinary npm client (no script of the
package is run), and kept in Assay's home, so that the page works offline from then on."""

import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from assay.core.digest import digest_bytes
from assay.core.errors import Corrupt, Unavailable
from assay.core.home import home
from assay.core.whole import write_whole

VERSION = "5.9.0"
# Of the files in the release: what npm brings is compared with them.
FILES = {
    "maplibre-gl.js": "sha256:2276259c7bd8ec632cc055115efdad53783b7da6e7104fad4c4837ea467d908d",
    "maplibre-gl.css": "sha256:43c1d886b5fdf0aac4e7135bd6f84b823d9f48283a648012665f9be52c01389f",
}
_MOST = 8 << 20  # bytes of one of the files
_PACKAGE = 64 << 20  # bytes of the package
_SECONDS = 300


def library(given: Path | None = None) -> dict[str, bytes]:
    """The files by name: from `given` (a folder), from Assay's home, or fetched now."""
    folder = given or home() / "web" / f"maplibre-gl-{VERSION}"
    if given is None and not all((folder / name).is_file() for name in FILES):
        _fetch(folder)
    return {name: _checked(folder / name, digest) for name, digest in FILES.items()}


def _checked(path: Path, digest: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be read: {error.strerror}. It is part of maplibre-gl {VERSION} from npm."
        ) from None
    if digest_bytes(data) != digest:
        raise Corrupt(f"{path} is not the file of maplibre-gl {VERSION}: remove its folder to fetch it again.")
    return data


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable(
            f"The page draws with maplibre-gl {VERSION}, fetched once with npm: install npm, or copy {folder} from a "
            "machine that has it."
        )
    with tempfile.TemporaryDirectory(prefix="assay-maplibre-") as place:
        command = [npm, "pack", f"maplibre-gl@{VERSION}", "--ignore-scripts", "--loglevel=error"]
        try:
            done = subprocess.run(
                command, cwd=place, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"npm did not fetch maplibre-gl within {_SECONDS} seconds: try again.") from None
        packages = list(Path(place).glob("*.tgz"))
        if done.returncode != 0 or len(packages) != 1 or packages[0].stat().st_size > _PACKAGE:
            why = next((line for line in done.stderr.splitlines() if line.strip()), "it gave no reason")
            raise Unavailable(f"npm could not fetch maplibre-gl {VERSION}: {why[:200]}.")
        _unpack(packages[0].read_bytes(), folder)


def _unpack(package: bytes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        for name in (*FILES, "LICENSE.txt"):
            inside = "package/LICENSE.txt" if name == "LICENSE.txt" else f"package/dist/{name}"
            try:
                member = archive.extractfile(inside)
            except KeyError:
                member = None
            if member is None:
                raise Unavailable(f"The package maplibre-gl {VERSION} has no {inside}.")
            write_whole(folder / name, member.read(_MOST))
