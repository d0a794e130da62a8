"""What a person may give as INPUT: a raster, a VRT, a STAC Item, a list of any of these, files or addresses.

A STAC Item gives its image, its date and where the map is derived from. A list is a text file with one input per line.
Everything is parsed strictly and with a limit: an item or a list may come from anywhere.
"""

import datetime as dt
import json
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from assay.canopy.mapping.imagery import Asked, Imagery, Scene, describe, remote
from assay.core.errors import BadInput, LimitExceeded, Unavailable
from assay.core.plain import one_line

MAX_DOCUMENT = 16 << 20  # bytes of a STAC Item or of a list
MAX_SCENES = 100_000
_SECONDS = 60  # to fetch an item
_PREFERRED = ("visual", "image", "rgb", "data")
_IMAGES = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/png", "image/jpeg", "application/x-geotiff")
_DATE = re.compile(
    r"(\d{4})[-:](\d{2})(?:[-:](\d{2}))?(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?"
)


def open_inputs(
    inputs: Sequence[str], asked: Asked, *, asset: str | None = None, date: str | None = None
) -> list[Imagery]:
    """The imagery of all inputs; scenes on one grid and of one date become one. Each has a date in the end."""
    scenes: list[Scene] = []
    for text in inputs:
        scenes += _scenes(text, asked, asset, listed=False)
        if len(scenes) > MAX_SCENES:
            raise LimitExceeded(f"More than {MAX_SCENES} scenes are not taken in one map.")
    if not scenes:
        raise BadInput("There is nothing to map: the list is empty.")
    return Imagery.group([_dated(scene, date) for scene in scenes])


def _scenes(text: str, asked: Asked, asset: str | None, *, listed: bool) -> list[Scene]:
    text = text.strip()
    if not text or "\x00" in text:
        raise BadInput("An input is empty or has a zero byte in its name.")
    suffix = PurePosixPath(urlsplit(text).path if "://" in text else text).suffix.lower()
    if suffix in (".txt", ".lst"):
        if listed:
            raise BadInput(f"{one_line(text, 200)} is a list in a list: name the rasters themselves.")
        return [s for line in _lines(text) for s in _scenes(line, asked, asset, listed=True)]
    if suffix in (".json", ".geojson"):
        return [_of_item(text, asked, asset)]
    if not remote(text) and not text.startswith("/vsi") and not Path(text).exists() and ":" not in text:
        raise BadInput(f"There is no file {one_line(text, 200)}.")
    if Path(text).is_dir():
        raise BadInput(f"{one_line(text, 200)} is a folder: name a raster, a VRT, a STAC Item or a list.")
    return [describe(text, asked)]


def _lines(place: str) -> list[str]:
    """The inputs of a list: relative names are relative to the list."""
    text = _fetch(place).decode("utf-8", "replace")
    names = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(names) > MAX_SCENES:
        raise LimitExceeded(f"{one_line(place, 200)} names {len(names)} inputs: {MAX_SCENES} are the most.")
    return [_resolved(name, place) for name in names]


def _resolved(name: str, base: str) -> str:
    if remote(name) or name.startswith("/") or "://" in name:
        return name
    return urljoin(base, name) if "://" in base else str(Path(base).parent / name)


def _fetch(place: str) -> bytes:
    """A small document from a file or an address."""
    name = one_line(place, 200)
    try:
        if place.startswith(("http://", "https://")):
            with urllib.request.urlopen(place, timeout=_SECONDS) as answer:  # noqa: S310 - the scheme is checked
                data: bytes = answer.read(MAX_DOCUMENT + 1)
        elif "://" in place:
            raise BadInput(f"{name}: only files, http and https are read for items and lists.")
        else:
            with Path(place).open("rb") as file:
                data = file.read(MAX_DOCUMENT + 1)
    except FileNotFoundError:
        raise BadInput(f"There is no file {name}.") from None
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise Unavailable(f"{name} cannot be read: {one_line(str(error), 200)}.") from None
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}.") from None
    if len(data) > MAX_DOCUMENT:
        raise LimitExceeded(f"{name} is larger than {MAX_DOCUMENT >> 20} MiB: it is no item or list.")
    return data


# STAC ----------------------------------------------------------------------------------------------------------------


def _of_item(place: str, asked: Asked, asset: str | None) -> Scene:
    name = one_line(place, 200)
    try:
        item = json.loads(_fetch(place))
    except (ValueError, RecursionError):
        raise BadInput(f"{name} is not JSON: a STAC Item is expected.") from None
    if not isinstance(item, dict) or item.get("type") != "Feature" or not isinstance(item.get("assets"), dict):
        raise BadInput(f"{name} is not a STAC Item: it is no Feature with assets.")
    key = _choose(item["assets"], asset, name)
    href = item["assets"][key].get("href")
    if not isinstance(href, str) or not href:
        raise BadInput(f"{name}: its asset {one_line(key, 60)} has no address.")
    scene = describe(_resolved(href, place), asked)
    taken = _item_date(item.get("properties"))
    return replace(
        scene,
        taken=taken or scene.taken,
        taken_from="the STAC Item" if taken else scene.taken_from,
        derived_from=place,
    )


def _choose(assets: dict[str, Any], asked: str | None, name: str) -> str:
    """The key of the asset to map: the one asked for, a usual name, or the only image."""
    keys = [key for key, value in assets.items() if isinstance(value, dict)]
    shown = ", ".join(one_line(key, 40) for key in keys[:20]) or "none"
    if asked is not None:
        if asked not in keys:
            raise BadInput(f"{name} has no asset {asked[:60]!r}: it has {shown}.")
        return asked
    for key in _PREFERRED:
        if key in keys:
            return key
    images = [key for key in keys if str(assets[key].get("type", "")).split(";")[0] in _IMAGES]
    if len(images) == 1:
        return images[0]
    raise BadInput(
        f"{name} has several assets and none is called visual or image: choose one with --asset from {shown}."
    )


def _item_date(properties: Any) -> str | None:
    if not isinstance(properties, dict):
        return None
    taken = properties.get("datetime")
    if isinstance(taken, str) and taken:
        return taken
    ends = properties.get("start_datetime"), properties.get("end_datetime")
    return f"{ends[0]}/{ends[1]}" if all(isinstance(end, str) and end for end in ends) else None


# Dates ---------------------------------------------------------------------------------------------------------------


def _dated(scene: Scene, asked: str | None) -> Scene:
    """The scene with its date in one form: from the imagery, or asked for."""
    if asked is not None:
        return replace(scene, taken=interval(asked), taken_from="asked for")
    if scene.taken is None:
        raise BadInput(
            f"{scene.name} does not say when it was taken: give --date, for example --date 2020-07-15 or "
            "--date 2018-01-01/2020-12-31. A height is of a day."
        )
    return replace(scene, taken=interval(scene.taken))


def interval(text: str) -> str:
    """A date, a time or two of them with a slash, in UTC as STAC writes them."""
    parts = text.strip().split("/")
    if len(parts) > 2:
        raise BadInput(f"{text[:60]!r} is not a date: write 2020-07-15 or 2018-01-01/2020-12-31.")
    times = [_instant(part, text) for part in parts]
    if len(times) == 2 and times[0] > times[1]:
        raise BadInput(f"{text[:60]!r} ends before it begins.")
    return "/".join(t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in times)


def _instant(part: str, whole: str) -> dt.datetime:
    match = _DATE.fullmatch(part.strip())
    if match is None:
        raise BadInput(f"{whole[:60]!r} is not a date: write 2020-07-15 or 2018-01-01/2020-12-31.")
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        local = dt.datetime(int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
        if zone in (None, "Z"):
            return local.replace(tzinfo=dt.UTC)
        offset = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        return (local - offset if zone[0] == "+" else local + offset).replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{whole[:60]!r} is not a date that exists.") from None
