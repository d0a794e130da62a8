"""A second encoder and decoder, written from docs/formats/pseudo-gradient.md alone: slow, obvious, in plain Python.

Content is plain data: {name: (shape, [chunk, ...])} with chunk = None or (scale code, coderise, [(position, negative,
upper), ...]).
"""

import bisect
import math
import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

Value = tuple[int, int, int]
Chunk = tuple[int, int, list[Value]] | None
Content = dict[str, tuple[tuple[int, ...], list[Chunk]]]

SCALE_CODES = 196 * 32
KIND, SCALE, RISE, MARKS = 60, 61, 62, 63
ALPHABETS = [44] * 60 + [3, 64, 64] + [16] * 8


def mantissa(step: int) -> int:
    """The integer nearest to 2^(23 + step / 32), by trial."""
    low, high = 1 << 24, 1 << 25  # of twice its size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**32 <= 1 << (24 * 32 + step) else (low, middle)
    return (low + 1) // 2


MANTISSAS = [mantissa(step) for step in range(32)]


def scale(code: int) -> float:
    return MANTISSAS[code % 32] * 2.0 ** (code // 32 - 98 - 23)


SCALES = [Fraction(scale(code)) for code in range(SCALE_CODES)]


# Chunks --------------------------------------------------------------------------------------------------------------


def blocks(shape: tuple[int, ...]) -> list[list[int]]:
    """For each chunk the flat positions of its elements, in order."""
    if len(shape) < 2:
        total = math.prod(shape)
        return [list(range(first, min(first + 4096, total))) for first in range(0, total, 4096)]
    rows, columns = shape[0], math.prod(shape[1:])
    return [
        [
            row * columns + column
            for row in range(top, min(top + 64, rows))
            for column in range(left, min(left + 64, columns))
        ]
        for top in range(0, rows, 64)
        for left in range(0, columns, 64)
    ]


def room(elements: int, k: int) -> int:
    return max(1, math.ceil(Fraction(k * elements, 4096)))


def order(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: [part.encode() for part in name.split(".")])


def dense(content: Content) -> dict[str, np.ndarray]:
    out = {}
    for name, (shape, chunks) in content.items():
        array = np.zeros(math.prod(shape), dtype=np.float32)
        for places, chunk in zip(blocks(shape), chunks, strict=True):
            if chunk is not None:
                code, rise, values = chunk
                for position, negative, upper in values:
                    level = scale(code + rise) if upper else scale(code)
                    array[places[position]] = -level if negative else level
        out[name] = array.reshape(shape)
    return out


# Compressing ---------------------------------------------------------------------------------------------------------


def nearest(target: float) -> int:
    above = bisect.bisect_left(SCALES, Fraction(target))
    near = [code for code in (above - 1, above) if 0 <= code < SCALE_CODES]
    return min(near, key=lambda code: (abs(SCALES[code] - Fraction(target)), code))


def summed(numbers: Sequence[float]) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total


def split(magnitudes: list[float], threshold: float) -> tuple[float, float, int, int]:
    upper = [one for one in magnitudes if one > threshold]
    lower = [one for one in magnitudes if not one > threshold]
    return summed(lower), summed(upper), len(lower), len(upper)


def levels(magnitudes: list[float], bits: int) -> tuple[int, int, float]:
    """Scale code, rise, threshold."""
    mean = summed(magnitudes) / len(magnitudes)
    plain = (nearest(mean), 0, math.inf)
    if bits == 1:
        return plain
    t = mean
    for _ in range(8):
        low, high, n_low, n_high = split(magnitudes, t)
        if not n_high or not n_low:
            return plain
        new = (low / n_low + high / n_high) / 2
        if new == t:
            break
        t = new
    low, high, n_low, n_high = split(magnitudes, t)
    if not n_high or not n_low:
        return plain
    code = nearest(low / n_low)
    rise = min(max(nearest(high / n_high) - code, 1), 63)
    threshold = (scale(code) + scale(code + rise)) / 2
    _, _, n_low, n_high = split(magnitudes, threshold)
    return plain if not n_high or not n_low else (code, rise, threshold)


def compress(tensors: dict[str, np.ndarray], k: int, bits: int) -> Content:
    content: Content = {}
    for name, array in tensors.items():
        flat = [float(number) for number in array.astype(np.float32).reshape(-1)]
        chunks: list[Chunk] = []
        for places in blocks(array.shape):
            values = [flat[place] for place in places]
            ranked = sorted((-abs(value), position) for position, value in enumerate(values) if abs(value) >= 2.0**-96)
            kept = sorted(position for _, position in ranked[: room(len(places), k)])
            if not kept:
                chunks.append(None)
                continue
            code, rise, threshold = levels([abs(values[position]) for position in kept], bits)
            triples = [(at, int(values[at] < 0), int(abs(values[at]) > threshold)) for at in kept]
            chunks.append((code, rise, triples))
        content[name] = (array.shape, chunks)
    return content


# The model of symbols ------------------------------------------------------------------------------------------------


def gap_class(number: int) -> tuple[int, int, int]:
    """Class, its first number, its extra bits."""
    if number < 8:
        return number, number, 0
    o = number.bit_length() - 4
    q = (number >> (o + 1)) - 4
    return 8 + 4 * o + q, (4 + q) << (o + 1), o + 1


def class_of(symbol: int) -> tuple[int, int]:
    """First number and extra bits of a class."""
    if symbol < 8:
        return symbol, 0
    o, q = divmod(symbol - 8, 4)
    return (4 + q) << (o + 1), o + 1


def density(m: int, r: int) -> tuple[int, int]:
    """Context and shift of a gap."""
    d = 8 * m // r
    length = d.bit_length()
    a = 0 if r == 1 else 1 if r == 2 else 2 if r <= 4 else 3 if r <= 8 else 4
    return 12 * a + 4 * min(length - 4, 2) + (d >> (length - 3) & 3), max(0, length - 6)


def prior(context: int) -> list[int]:
    if context == KIND:
        return [60, 2, 2]
    if context == SCALE:
        return [max(1, 4 >> (symbol // 8)) for symbol in range(64)]
    if context == RISE:
        return [2] * 32 + [1] * 32
    if context >= MARKS:
        return [3 ** f"{symbol:04b}".count("0") for symbol in range(16)]
    a, (b, c) = context // 12, divmod(context % 12, 4)
    r = (1, 2, 3, 6, 32)[a]
    n = max(r, ((r * (2 * (4 + c) + 1)) << b) // 8)
    sums, t = [0] * 44, 1 << 30
    for g in range(n - r + 1):
        share = t * r // (n - g)
        t -= share
        sums[gap_class(g)[0]] += share
    return [one * 256 >> 30 for one in sums]


PRIORS = [prior(context) for context in range(71)]


class Model:
    def __init__(self) -> None:
        self.counts = [list(counts) for counts in PRIORS]
        self.totals = [0] * 71
        self.frequencies = [[0]] * 71
        for context in range(71):
            self.build(context)

    def build(self, context: int) -> None:
        counts = self.counts[context]
        if sum(counts) > 32768:
            counts[:] = [one >> 1 for one in counts]
        total, size = sum(counts), ALPHABETS[context]
        frequencies = [1 + count * (4096 - size) // total for count in counts]
        frequencies[counts.index(max(counts))] += 4096 - sum(frequencies)
        self.frequencies[context], self.totals[context] = frequencies, total

    def learn(self) -> None:
        for context in range(71):
            before = self.totals[context]
            if sum(self.counts[context]) - before > before >> 1:
                self.build(context)

    def interval(self, context: int, symbol: int) -> tuple[int, int]:
        """Frequency, and the sum of those before."""
        return self.frequencies[context][symbol], sum(self.frequencies[context][:symbol])


# Writing -------------------------------------------------------------------------------------------------------------


class Lane:
    """What one lane says: intervals of symbols, and raw bits, lowest first."""

    def __init__(self) -> None:
        self.symbols: list[tuple[int, int]] = []
        self.bits: list[int] = []

    def raw(self, number: int, width: int) -> None:
        self.bits += [number >> bit & 1 for bit in range(width)]

    def streams(self) -> tuple[list[int], bytes, int]:
        x, words = 1 << 16, []
        for f, s in reversed(self.symbols):
            if x >= f << 20:
                words.append(x % 65536)
                x >>= 16
            x = (x // f << 12) + x % f + s
        padded = self.bits + [0] * (-len(self.bits) % 8)
        raw = bytes(sum(padded[at + bit] << bit for bit in range(8)) for at in range(0, len(padded), 8))
        return words[::-1], raw, x


def write_section(chunks: list[tuple[int, Chunk]], k: int, bits: int) -> bytes:
    model, lanes, before = Model(), (Lane(), Lane()), 2848

    def put(lane: Lane, context: int, symbol: int) -> None:
        lane.symbols.append(model.interval(context, symbol))
        model.counts[context][symbol] += 1

    for number, (elements, chunk) in enumerate(chunks):
        lane, fits = lanes[number % 2], room(elements, k)
        if chunk is None:
            put(lane, KIND, 1)
        else:
            code, rise, values = chunk
            put(lane, KIND, 0 if len(values) == fits else 2)
            if len(values) < fits:
                lane.raw(len(values) - 1, (fits - 1).bit_length())
            step = code - before
            zigzag = 2 * step if step >= 0 else -2 * step - 1
            put(lane, SCALE, min(zigzag, 63))
            if zigzag >= 63:
                lane.raw(code, 13)
            before = code
            if bits == 2:
                put(lane, RISE, rise)
            place = 0
            for done, (position, negative, _) in enumerate(values):
                m, r, gap = elements - place, len(values) - done, position - place
                if m > r:
                    context, shift = density(m, r)
                    symbol, first, extra = gap_class(gap >> shift)
                    put(lane, context, symbol)
                    lane.raw(negative | (gap - (first << shift)) << 1, 1 + shift + extra)
                else:
                    lane.raw(negative, 1)
                place = position + 1
            if bits == 2:
                for at in range(0, len(values), 4):
                    put(
                        lane,
                        MARKS + (rise >> 3),
                        sum(upper << one for one, (_, _, upper) in enumerate(values[at : at + 4])),
                    )
        if (number + 1) % 32 == 0:
            model.learn()
    (words0, raw0, x0), (words1, raw1, x1) = lanes[0].streams(), lanes[1].streams()
    head = struct.pack("<6I", len(words0), len(words1), len(raw0), len(raw1), x0, x1)
    return head + struct.pack(f"<{len(words0 + words1)}H", *words0, *words1) + raw0 + raw1


def leb128(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number % 128 + 128]), number // 128
    return out + bytes([number])


def table(shapes: dict[str, tuple[int, ...]]) -> bytes:
    seen: list[object] = []

    def node(under: dict[str, tuple[int, ...]]) -> tuple[bytes, object]:
        """Bytes, and what is the same for equal nodes."""
        own = under.get("")
        parts = sorted({name.split(".")[0] for name in under if name})
        out = leb128(1 + 10 * len(parts) + (0 if own is None else 1 + len(own))) + b"".join(map(leb128, own or ()))
        inside = []
        for part in parts:
            below = {
                name[len(part) + 1 :]: shape for name, shape in under.items() if name and name.split(".")[0] == part
            }
            written, identity = node(below)
            out += bytes([len(part)]) + part.encode() + written
            inside.append((part, identity))
        identity = (own, tuple(inside))
        if identity in seen:
            return b"\0" + leb128(seen.index(identity)), identity
        seen.append(identity)
        return out, identity

    return node(shapes)[0]


def sections(content: Content, k: int) -> list[list[tuple[int, Chunk]]]:
    out, held, total = [], [], 0
    for name in order(list(content)):
        shape, chunks = content[name]
        for places, chunk in zip(blocks(shape), chunks, strict=True):
            held.append((len(places), chunk))
            total += room(len(places), k)
            if total >= 1 << 18:
                out.append(held)
                held, total = [], 0
    return [*out, held] if held else out


def pack(content: Content, k: int, bits: int) -> bytes:
    listed = table({name: shape for name, (shape, _) in content.items()})
    body = listed + b"".join(write_section(section, k, bits) for section in sections(content, k))
    payload = struct.pack("<4sBBHQII", b"ASPG", 1, bits, k, 24 + len(body) + 4, len(content), len(listed)) + body
    return payload + struct.pack("<I", zlib.crc32(payload))


# Reading (of payloads known to be good) ------------------------------------------------------------------------------


def read_table(data: bytes) -> dict[str, tuple[int, ...]]:
    at, seen = 0, []

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                return value

    def node() -> dict[str, tuple[int, ...]]:
        nonlocal at
        head = number()
        if head == 0:
            return seen[number()]
        count, kind = divmod(head - 1, 10)
        found = {"": tuple(number() for _ in range(kind - 1))} if kind else {}
        for _ in range(count):
            part = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
            found |= {f"{part}.{name}" if name else part: shape for name, shape in node().items()}
        seen.append(found)
        return found

    return node()


def unpack(payload: bytes) -> Content:
    _, _, bits, k, _, _, listed = struct.unpack_from("<4sBBHQII", payload)
    shapes = read_table(payload[24 : 24 + listed])
    content: Content = {name: (shape, []) for name, shape in shapes.items()}
    slots = [(name, len(places)) for name, shape in shapes.items() for places in blocks(shape)]
    at, total, held = 24 + listed, 0, []
    for number, (name, elements) in enumerate(slots):
        held.append((name, elements))
        total += room(elements, k)
        if total >= 1 << 18 or number + 1 == len(slots):
            at = read_section(payload, at, held, k, bits, content)
            total, held = 0, []
    return content


class Reader:
    def __init__(self, words: list[int], raw: bytes, x: int, model: Model) -> None:
        self.words, self.x, self.model = iter(words), x, model
        self.bits = iter([byte >> bit & 1 for byte in raw for bit in range(8)])

    def take(self, context: int) -> int:
        slot, symbol = self.x % 4096, 0
        while True:
            f, s = self.model.interval(context, symbol)
            if s <= slot < s + f:
                break
            symbol += 1
        self.x = f * (self.x >> 12) + slot - s
        if self.x < 1 << 16:
            self.x = self.x << 16 | next(self.words)
        self.model.counts[context][symbol] += 1
        return symbol

    def raw(self, width: int) -> int:
        return sum(next(self.bits) << bit for bit in range(width))


def read_section(payload: bytes, at: int, slots: list[tuple[str, int]], k: int, bits: int, content: Content) -> int:
    *sizes, x0, x1 = struct.unpack_from("<6I", payload, at)
    at += 24
    words = []
    for count in sizes[:2]:
        words.append(list(struct.unpack_from(f"<{count}H", payload, at)))
        at += 2 * count
    raws = []
    for count in sizes[2:]:
        raws.append(payload[at : at + count])
        at += count
    model, before = Model(), 2848
    lanes = [Reader(words[0], raws[0], x0, model), Reader(words[1], raws[1], x1, model)]
    for number, (name, elements) in enumerate(slots):
        lane, count = lanes[number % 2], room(elements, k)
        kind = lane.take(KIND)
        if kind == 1:
            content[name][1].append(None)
        else:
            if kind == 2:
                count = lane.raw((count - 1).bit_length()) + 1
            zigzag = lane.take(SCALE)
            before = lane.raw(13) if zigzag == 63 else before + (zigzag // 2 if zigzag % 2 == 0 else -(zigzag + 1) // 2)
            rise = lane.take(RISE) if bits == 2 else 0
            place, placed = 0, []
            for done in range(count):
                m, r, gap = elements - place, count - done, 0
                if m > r:
                    context, shift = density(m, r)
                    first, extra = class_of(lane.take(context))
                    value = lane.raw(1 + shift + extra)
                    gap, negative = (first << shift) + (value >> 1), value & 1
                else:
                    negative = lane.raw(1)
                placed.append((place + gap, negative))
                place += gap + 1
            uppers = [0] * count
            for first in range(0, count if bits == 2 else 0, 4):
                marks = lane.take(MARKS + (rise >> 3))
                uppers[first : first + 4] = [marks >> one & 1 for one in range(min(4, count - first))]
            values = [(position, negative, upper) for (position, negative), upper in zip(placed, uppers, strict=True)]
            content[name][1].append((before, rise, values))
        if (number + 1) % 32 == 0:
            model.learn()
    return at
