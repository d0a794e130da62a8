"""LEB128 against Python's integers of any size: the codes written and read directly, as the definition says."""


def write(number, signed):
    """The shortest code of a number."""
    out = bytearray()
    while True:
        byte = number & 127
        number >>= 7
        if number == (-(byte >> 6) if signed else 0):
            out.append(byte)
            return bytes(out)
        out.append(byte | 128)


def read(data, signed):
    """The number that `data` begins with, and its length. `ValueError` if it is not there, too large or too long."""
    length = next((i + 1 for i, byte in enumerate(data) if byte < 128), None)
    if length is None:
        raise ValueError("it has no end")
    number = sum((byte & 127) << 7 * i for i, byte in enumerate(data[:length]))
    if signed and data[length - 1] & 64:
        number -= 1 << 7 * length
    low, high = (-(1 << 63), 1 << 63) if signed else (0, 1 << 64)
    if not low <= number < high or write(number, signed) != data[:length]:
        raise ValueError("it is too large, or not the shortest")
    return number, length


def encode(data, signed):
    if len(data) % 8:
        raise ValueError("these are no 64-bit numbers")
    numbers = (int.from_bytes(data[i : i + 8], "little", signed=signed) for i in range(0, len(data), 8))
    return b"".join(write(number, signed) for number in numbers)


def decode(data, signed):
    out, at = [], 0
    while at < len(data):
        number, length = read(data[at:], signed)
        out.append(number.to_bytes(8, "little", signed=signed))
        at += length
    return b"".join(out)


def measure(data, signed):
    try:
        return read(data, signed)[1]
    except ValueError:
        return 0


ORIGINAL = {
    "encode_unsigned": lambda data: encode(data, False),
    "encode_signed": lambda data: encode(data, True),
    "decode_unsigned": lambda data: decode(data, False),
    "decode_signed": lambda data: decode(data, True),
    "unsigned_length": lambda data: measure(data, False),
    "signed_length": lambda data: measure(data, True),
}


def number(random):
    """Numbers of every size, many beside a power of two; 64 bits as they lie in memory."""
    value = (1 << random.randrange(65)) + random.randrange(-2, 3) if random.random() < 0.5 else random.getrandbits(64)
    value >>= random.randrange(64) if random.random() < 0.5 else 0
    return (value if random.random() < 0.5 else -value) % (1 << 64)


def stretched(data, signed, random):
    """The same value in more bytes than it needs."""
    last = data[-1] & 64 if signed else 0
    more = random.randrange(1, 4)
    return (
        data[:-1] + bytes([data[-1] | 128]) + bytes([255 if last else 128]) * (more - 1) + bytes([127 if last else 0])
    )


def inputs(entry, random):
    signed = entry.endswith("_signed") or entry.startswith("signed")
    while True:
        memory = b"".join(number(random).to_bytes(8, "little") for _ in range(random.randrange(6)))
        if entry.startswith("encode"):
            yield (memory[random.random() < 0.05 :],)
            continue
        text = bytearray(encode(memory, signed))
        kind = random.randrange(5)
        if kind == 0 and text:
            text[random.randrange(len(text))] ^= 1 << random.randrange(8)
        elif kind == 1 and memory:
            text += stretched(write(int.from_bytes(memory[:8], "little", signed=signed), signed), signed, random)
        elif kind == 2:
            text = text[: random.randrange(len(text) + 1)]
        elif kind == 3:
            text += bytes(
                random.choice((0, 1, 2, 63, 64, 127, 128, 129, 191, 192, 255)) for _ in range(random.randrange(12))
            )
        yield (bytes(text),)
