"""Inflate against zlib: streams of every level and strategy, and streams with something changed."""

import zlib

HIDDEN = ("libz.so*",)


def inflate(data):
    """All of `data` as one raw stream; what is larger than the room of the output is refused."""
    room = 16 * len(data) + 4096
    stream = zlib.decompressobj(-15)
    try:
        out = stream.decompress(data, room + 1)
        if not stream.eof and len(out) <= room:
            out += stream.flush()
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not stream.eof or stream.unused_data or len(out) > room:
        raise ValueError("it is no whole stream, or does not fit")
    return out


ORIGINAL = {"inflate": inflate}


def compressed(random):
    kind = random.randrange(4)
    n = random.choice((0, 1, 2, 3, 10, 100, random.randrange(2000)))
    if kind == 0:
        data = random.randbytes(n)
    elif kind == 1:
        data = bytes(random.choice(b"abcd") for _ in range(n))
    elif kind == 2:
        data = random.randbytes(random.randrange(1, 300)) * random.randrange(1, 12)
    else:
        data = b" ".join(random.choice((b"the", b"of", b"words", b"and", b"between")) for _ in range(n // 4))
    level, strategy = random.randrange(10), random.choice((0, 1, 2, 3, 4))
    stream = zlib.compressobj(level, zlib.DEFLATED, -random.randrange(9, 16), random.randrange(1, 10), strategy)
    half = random.randrange(len(data) + 1)
    out = stream.compress(data[:half])
    out += stream.flush(random.choice((zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH)))
    return out + stream.compress(data[half:]) + stream.flush()


def inputs(entry, random):
    while True:
        data = bytearray(compressed(random))
        kind = random.randrange(8)
        if kind < 3 and data:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        elif kind == 3:
            del data[random.randrange(len(data) + 1) :]
        elif kind == 4:
            data += random.randbytes(random.randrange(1, 4))
        elif kind == 5:
            data = bytearray(random.randbytes(random.randrange(40)))
        yield (bytes(data),)
