"""What the coder is compared with: the same format, written directly in Python."""

from itertools import groupby


def encode(data):
    out = bytearray()
    for byte, group in groupby(data):
        left = sum(1 for _ in group)
        while left:
            out += bytes((min(left, 255), byte))
            left -= min(left, 255)
    return bytes(out)


def decode(text):
    if len(text) % 2 or 0 in text[::2]:
        raise ValueError("it describes nothing")
    return b"".join(bytes([x]) * n for n, x in zip(text[::2], text[1::2], strict=True))


ORIGINAL = {"encode": encode, "decode": decode}


def inputs(entry, random):
    while True:
        letters = random.randrange(1, 5)
        runs = [(random.randrange(letters), random.choice((1, 1, 2, 7, 254, 255, 256, 600))) for _ in range(random.randrange(9))]
        data = b"".join(bytes([x]) * n for x, n in runs)
        if entry == "encode":
            yield (data,)
        elif random.random() < 0.6:
            yield (encode(data),)
        else:
            yield (random.randbytes(random.randrange(12)),)
