"""Streams for the comparisons with C zlib: made by it in many ways, and broken; and what it says of them."""

import random
import zlib

STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)

FLUSHES = (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK)


def sample(rng: random.Random) -> bytes:
    """Up to 2 KB that compress in different ways."""
    size = rng.choice((0, 1, 2, 3, 10, 100, 500, 2000))
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        return bytes(rng.choice(b"abcdef ") for _ in range(size))
    if kind == 2:
        return b"".join(bytes((rng.randrange(256),)) * rng.choice((1, 2, 3, 4, 258, 300)) for _ in range(size))[:size]
    if kind == 3:
        words = [bytes(rng.choice(b"etaoinshrdlu") for _ in range(rng.randrange(1, 9))) for _ in range(20)]
        return b" ".join(rng.choice(words) for _ in range(size))[:size]
    return bytes(min(255, int(rng.expovariate(0.05))) for _ in range(size))


def stream(rng: random.Random) -> bytes:
    encoder = zlib.compressobj(
        rng.randrange(10), zlib.DEFLATED, -rng.randrange(9, 16), rng.randrange(1, 10), rng.choice(STRATEGIES)
    )
    parts = [encoder.compress(sample(rng))]
    if rng.random() < 0.3:
        parts.append(encoder.flush(rng.choice(FLUSHES)))
        parts.append(encoder.compress(sample(rng)))
    return b"".join([*parts, encoder.flush()])


def broken(rng: random.Random, data: bytes) -> bytes:
    """A bit changed, a piece lost, something added, or nothing done."""
    kind = rng.randrange(6)
    if kind == 0 or not data:
        return data
    if kind == 1:
        return data[: rng.randrange(len(data))]
    if kind == 2:
        return data + rng.randbytes(rng.randrange(1, 9))
    if kind == 3:
        return rng.randbytes(rng.randrange(1, 40))
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        changed[rng.randrange(min(len(data), rng.choice((4, 40, 4000))))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def by_zlib(data: bytes) -> str:
    decoder = zlib.decompressobj(-15)
    try:
        out = decoder.decompress(data)
    except zlib.error:
        return "invalid"
    if not decoder.eof:
        return "truncated"
    return f"data {len(data) - len(decoder.unused_data)} {out.hex() or '-'}"
