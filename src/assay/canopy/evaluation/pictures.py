"""Maps as small pictures inside a page: heights, errors and widths in colours, each with a scale that says metres."""

import base64
import struct
import zlib

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from assay.canopy.tiles import Heights

Colours = NDArray[np.uint8]

HIGHEST = 45.0  # metres at the end of the height ramp
FARTHEST = 15.0  # metres at both ends of the error ramp

# Dark to light, even in lightness and readable without red and green; anchors of our own choosing.
_HEIGHT = ((12, 18, 48), (24, 66, 96), (32, 112, 104), (84, 158, 88), (176, 196, 88), (252, 236, 160))
_ERROR = ((24, 62, 130), (104, 156, 202), (244, 244, 240), (224, 138, 98), (150, 36, 30))
_UNKNOWN = (128, 128, 128)


def heights(values: Heights) -> Colours:
    """(H, W, 3): heights from 0 m to `HIGHEST`; grey where there is none."""
    return _ramp(values / HIGHEST, _HEIGHT)


def errors(values: Heights) -> Colours:
    """(H, W, 3): blue is too low, red too high; grey where it is not known."""
    return _ramp((values / FARTHEST + 1) / 2, _ERROR)


def ramp(kind: str, width: int = 180, height: int = 12) -> Markup:
    """A strip that shows a ramp from its low end to its high end."""
    anchors = _HEIGHT if kind == "height" else _ERROR
    strip = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    return picture(_ramp(strip, anchors), f"the colours of {kind}s, low to high", width=width)


def _ramp(shares: NDArray[np.floating], anchors: tuple[tuple[int, int, int], ...]) -> Colours:
    at = np.linspace(0, 1, len(anchors))
    known = np.isfinite(shares)
    inside = np.clip(np.where(known, shares, 0), 0, 1)
    bands = [np.interp(inside, at, [anchor[band] for anchor in anchors]) for band in range(3)]
    found = np.stack(bands, axis=-1)
    found[~known] = _UNKNOWN
    return found.astype(np.uint8)


def picture(colours: Colours, alt: str, *, width: int) -> Markup:
    """An image element, `width` pixels wide, that carries its picture."""
    data = base64.b64encode(png(colours)).decode()
    tall = max(1, round(width * colours.shape[0] / colours.shape[1]))
    # No foreign text but `alt`, which is escaped.
    return Markup(  # noqa: S704
        f'<img class="map" width="{width}" height="{tall}" alt="{escape(alt)}" src="data:image/png;base64,{data}">'
    )


def png(colours: Colours) -> bytes:
    """(H, W, 3) uint8 as a PNG (RFC 2083): one chunk of rows, each without a filter."""
    rows, columns, _ = colours.shape
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(colours))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(raw, 9)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
