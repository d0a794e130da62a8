"""Streams for the comparisons with the standard module `zlib`: data of many kinds, packed in all ways, whole or broken.

Encoders other than C zlib (`isal`, `deflate`, `zopfli`) take part if they are installed.
"""

import importlib
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)
FLUSHES = (zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK)
SIZES = (0, 1, 2, 3, 10, 100, 100, 500, 500, 2000, 2000, 9000, 70_000)
Encoder = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Case:
    """A stream and how it is to be read."""

    data: bytes
    wbits: int
    zdict: bytes | None
    encoder: str
    broken: bool


class Material:
    """Much data, of which samples are cut."""

    def __init__(self, rng: random.Random) -> None:
        words = [bytes(rng.choices(b"etaoinshrdlu", k=rng.randrange(1, 9))) for _ in range(400)]
        text = b" ".join(rng.choices(words, k=60_000))
        runs = b"".join(bytes((rng.randrange(4),)) * rng.choice((1, 2, 3, 4, 258, 300)) for _ in range(3000))
        skewed = bytes(min(255, int(rng.expovariate(0.05))) for _ in range(100_000))
        rows = b"".join(b"%d,%d,0.%d\n" % (i, rng.randrange(99), rng.randrange(9999)) for i in range(9000))
        self._kinds = (text, runs, skewed, rows, rng.randbytes(200_000), bytes(200_000), bytes(range(256)) * 400)

    def sample(self, rng: random.Random) -> bytes:
        parts = []
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            kind = rng.choice(self._kinds)
            start = rng.randrange(len(kind))
            parts.append(kind[start : start + rng.choice(SIZES)])
        return b"".join(parts)


def others() -> dict[str, Any]:
    """Encoders of other makers that are installed."""
    found = {}
    for name in ("isal.igzip_lib", "deflate", "zopfli.zlib"):
        try:
            found[name] = importlib.import_module(name)
        except ImportError:
            continue
    return found


def by_zlib(rng: random.Random, data: bytes, wbits: int, zdict: bytes | None) -> bytes:
    words = {} if zdict is None else {"zdict": zdict}
    size = rng.randrange(9, 16)
    form = -size if wbits < 0 else size + 16 if wbits > 15 else size
    level, memory = rng.randrange(-1, 10), rng.randrange(1, 10)
    encoder = zlib.compressobj(level, zlib.DEFLATED, form, memory, rng.choice(STRATEGIES), **words)
    made = []
    while data and rng.random() < 0.3:
        cut = rng.randrange(len(data) + 1)
        made += [encoder.compress(data[:cut]), encoder.flush(rng.choice(FLUSHES))]
        data = data[cut:]
    return b"".join([*made, encoder.compress(data), encoder.flush()])


def by_other(rng: random.Random, name: str, module: Any, data: bytes, wbits: int) -> bytes:
    if name == "isal.igzip_lib":
        flag = module.COMP_DEFLATE if wbits < 0 else module.COMP_GZIP if wbits > 15 else module.COMP_ZLIB
        return bytes(module.compress(data, rng.randrange(4), flag))
    if name == "deflate":
        pack = module.deflate_compress if wbits < 0 else module.gzip_compress if wbits > 15 else module.zlib_compress
        return bytes(pack(data, rng.randrange(1, 13)))
    stream: bytes = module.compress(data, numiterations=1)  # zlib's format; the rest is put around it here
    if wbits > 15:
        tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        return gzip_header(rng) + stream[2:-4] + tail
    return stream[2:-4] if wbits < 0 else stream


def gzip_header(rng: random.Random) -> bytes:
    """A header with any of the fields of RFC 1952."""
    flags = rng.randrange(32)
    header = b"\x1f\x8b\x08" + bytes((flags,)) + rng.randbytes(6)
    if flags & 4:
        extra = rng.randbytes(rng.choice((0, 1, 5, 300)))
        header += len(extra).to_bytes(2, "little") + extra
    for flag in (8, 16):
        if flags & flag:
            header += bytes(rng.choices(range(1, 256), k=rng.choice((0, 1, 9, 3000)))) + b"\0"
    if flags & 2:
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    return header


def break_it(rng: random.Random, data: bytes) -> bytes:
    """Bits changed, a piece lost or doubled, something added, or other bytes altogether."""
    kind = rng.randrange(7)
    if kind == 0 or not data:
        return data[: rng.randrange(len(data))] if data else data
    if kind == 1:
        return data + rng.randbytes(rng.randrange(1, 9))
    if kind == 2:
        return data[: rng.randrange(4)] + rng.randbytes(rng.randrange(1, 60))
    if kind == 3:
        start = rng.randrange(len(data))
        return data[:start] + data[start + rng.randrange(1, 9) :]
    if kind == 4:
        start = rng.randrange(len(data))
        return data[:start] + data[rng.randrange(len(data)) :]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        changed[rng.randrange(min(len(data), rng.choice((4, 40, 400, 100_000))))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def case(rng: random.Random, material: Material, modules: dict[str, Any]) -> Case:
    data = material.sample(rng)
    wbits = rng.choice((-15, -15, 15, 15, 31, 31, 47, 47 + 1000))
    form = {47: 15, 1047: 31}.get(wbits, wbits)
    zdict = material.sample(rng)[:40_000] if form < 16 and rng.random() < 0.15 else None
    name = "zlib"
    if modules and zdict is None and len(data) <= 20_000 and rng.random() < 0.2:
        # zopfli is slow: it gets little.
        name = rng.choice(
            [n for n in modules if n != "zopfli.zlib" or (len(data) <= 600 and rng.random() < 0.3)] or ["zlib"]
        )
    packed = by_zlib(rng, data, form, zdict) if name == "zlib" else by_other(rng, name, modules[name], data, form)
    if form > 15 and name != "zopfli.zlib" and rng.random() < 0.5:
        packed = gzip_header(rng) + packed[10:]
    broken = rng.random() < 0.5
    return Case(break_it(rng, packed) if broken else packed, 47 if wbits > 47 else wbits, zdict, name, broken)
