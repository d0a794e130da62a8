"""The entropy coder, compiled: sections of chunks to streams of symbols and bits, and back.

Symbols go through rANS (32-bit states, 16-bit words, 12-bit frequencies), two streams that take turns by chunk; bits that
nothing is known about go beside them as they are. A stream is accepted only if its decoder ends where every encoder begins:
rANS is a bijection, so exactly one byte string has the content.
Everything that the loops depend on is in this file or among their arguments: a compiled copy on disk is never out of date.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

PRECISION = 12  # bits: frequencies add up to 4,096
TOTAL = 1 << PRECISION
START = 1 << 16  # the state in which encoders begin and decoders end
LANES = 2
GROUP = 32  # chunks between two occasions to learn
FORGET = 1 << 15  # counts are halved when a context has more

# Contexts
MANTISSAS, OCTAVES, LEFT = 4, 3, 5
GAP_CONTEXTS = MANTISSAS * OCTAVES * LEFT
KIND = GAP_CONTEXTS  # how many values a chunk has: all, none, or a number that follows
SCALE = KIND + 1  # its scale code less that of the chunk before, zigzag
BOOK = SCALE + 1  # its codebook
MARKS = BOOK + 1  # eight contexts, one per codebook: which of four values are at the upper level
CONTEXTS = MARKS + 8

FULL, EMPTY, PARTIAL = 0, 1, 2
LONG_SCALE = 63  # the symbol after which the scale code itself follows
SCALE_BITS = 12
SCALE_CODES = 196 * 16  # as in `levels`
FIRST_SCALE = (98 - 9) * 16  # 2^-9: what the first scale of a section is compared with

# Numbers of `errors.FAULTS`
TRUNCATED, COUNT, BAD_SCALE, ESCAPE, INDEX, PADDING, LEVELS, TOO_LARGE, STATE, UNUSED = range(1, 11)

# More than one chunk can take of a stream, so that a decoder need look for the end only once per chunk.
SLACK_WORDS = 8192  # of 16 bits: 4,096 gaps, 1,024 marks, a few for the head
SLACK_RAW = 2048  # of 32 bits: 4,096 values of 13 bits

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Uint8 = npt.NDArray[np.uint8]
Uint16 = npt.NDArray[np.uint16]
Uint32 = npt.NDArray[np.uint32]


class Tables(NamedTuple):
    """What never changes (made in `models`)."""

    density: Uint16  # by floor(8 * places / values left): shift << 8 | context
    left: Uint8  # by values left: what to add to the context
    reciprocal: Int64  # floor(8 M / r) == 8 M * reciprocal[r] >> 28
    gap_class: Uint8  # by gap >> shift
    gap_first: Int64  # by class: its first gap << 8 | extra bits
    symbols: Int64  # by context: size of the alphabet
    divide: Int64  # by frequency f: floor(2^42 / f) + 1


class Models(NamedTuple):
    """What is learnt: `(contexts, 64)`, and `slots` `(contexts, 4096)`, which symbol each slot belongs to."""

    counts: Int32
    built: Int64  # what the counts added up to when the frequencies were set
    frequencies: Uint32  # frequency << 16 | sum of the frequencies before
    slots: Uint8

    def fresh(self) -> "Models":
        """A copy to learn with."""
        return Models(self.counts.copy(), self.built.copy(), self.frequencies.copy(), self.slots.copy())


# Learning ------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def set_frequencies(context: int, symbols: Int64, models: Models, with_slots: bool) -> None:
    """One context's frequencies: 1, and a share of the rest rounded down; what is left over goes to the likeliest."""
    counts, n, total = models.counts, symbols[context], np.int64(0)
    for symbol in range(n):
        total += counts[context, symbol]
    if total > FORGET:
        total = np.int64(0)
        for symbol in range(n):
            counts[context, symbol] >>= 1
            total += counts[context, symbol]
    models.built[context] = total
    spare, likeliest = np.int64(TOTAL), 0
    for symbol in range(n):
        spare -= 1 + counts[context, symbol] * (TOTAL - n) // total
        if counts[context, symbol] > counts[context, likeliest]:
            likeliest = symbol
    start = np.int64(0)
    for symbol in range(n):
        frequency = 1 + counts[context, symbol] * (TOTAL - n) // total
        if symbol == likeliest:
            frequency += spare
        models.frequencies[context, symbol] = frequency << 16 | start
        if with_slots:
            for slot in range(start, start + frequency):
                models.slots[context, slot] = symbol
        start += frequency


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _learn(symbols: Int64, models: Models, with_slots: bool) -> None:
    """New frequencies for every context that has grown by more than a quarter since it last got some."""
    for context in range(len(symbols)):
        total = np.int64(0)
        for symbol in range(symbols[context]):
            total += models.counts[context, symbol]
        if total - models.built[context] > models.built[context] >> 2:
            set_frequencies(context, symbols, models, with_slots)


# Writing -------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _note(frequencies: Uint32, seen: Int32, context: int, symbol: int, out: Uint32, at: int) -> int:
    """Note a symbol for the second pass, which goes backwards, and count it."""
    out[at] = frequencies[context, symbol]
    seen[context, symbol] += 1
    return at + 1


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _put(out: Uint32, at: int, held: int, fill: int, value: int, bits: int) -> tuple[int, int, int]:
    """Append bits, lowest first. `held` has fewer than 32 that are not written yet."""
    held |= value << fill
    fill += bits
    if fill >= 32:
        out[at] = held & 0xFFFFFFFF
        return at + 1, held >> 32, fill - 32
    return at, held, fill


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _width(number: int) -> int:
    """Bits of a number."""
    bits = 0
    while number >> bits:
        bits += 1
    return bits


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def write_section(
    sizes: Uint16,
    capacities: Uint16,
    bits: int,
    entries: Uint16,
    first: int,
    counts: Uint16,
    heads: Uint16,
    tables: Tables,
    models: Models,
    symbols: Uint32,
    raw: Uint32,
    noted: Int64,
    raw_bits: Int64,
) -> int:
    """First pass: symbols (2, many) noted in order and raw bits (2, many) written, for each lane. Returns values written.

    -1 - chunk if that chunk is no content that the format can hold.
    """
    # Arrays by their own names: taken out of a tuple within a loop, they would be counted in and out each time.
    frequencies, seen, density, left = models.frequencies, models.counts, tables.density, tables.left
    reciprocal, gap_class, gap_first = tables.reciprocal, tables.gap_class, tables.gap_first
    words, held, fill = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    noted[:] = 0
    before, begin = np.int64(FIRST_SCALE), np.int64(first)
    for chunk in range(len(sizes)):
        lane = chunk & 1
        out, beside = symbols[lane], raw[lane]
        at, to, bit, used = noted[lane], words[lane], held[lane], fill[lane]
        count, fit, places = np.int64(counts[chunk]), np.int64(capacities[chunk]), np.int64(sizes[chunk])
        code, book = np.int64(heads[chunk]) & 4095, np.int64(heads[chunk]) >> 12
        if count > fit or code >= SCALE_CODES or book > 7 or (bits == 1 and book > 0):
            return -1 - chunk
        kind = FULL if count == fit else (EMPTY if count == 0 else PARTIAL)
        at = _note(frequencies, seen, KIND, kind, out, at)
        if kind == PARTIAL:
            to, bit, used = _put(beside, to, bit, used, count - 1, _width(fit - 1))
        if kind != EMPTY:
            difference = code - before
            zigzag = (difference << 1) ^ (difference >> 63)
            at = _note(frequencies, seen, SCALE, min(zigzag, LONG_SCALE), out, at)
            if zigzag >= LONG_SCALE:
                to, bit, used = _put(beside, to, bit, used, code, SCALE_BITS)
            before = code
            if bits == 2:
                at = _note(frequencies, seen, BOOK, book, out, at)
        place = np.int64(0)
        for number in range(count):
            entry = np.int64(entries[begin + number])
            r, m, gap = count - number, places - place, (entry >> 2) - place
            if gap < 0 or gap > m - r or (bits == 1 and entry & 2):
                return -1 - chunk
            value, wide = entry & 1, np.int64(1)
            if m > r:
                look = np.int64(density[(8 * m * reciprocal[r]) >> 28])
                shift = look >> 8
                symbol = np.int64(gap_class[gap >> shift])
                at = _note(frequencies, seen, np.int64(left[r]) + (look & 255), symbol, out, at)
                base = gap_first[symbol]
                value |= (gap - ((base >> 8) << shift)) << 1
                wide = 1 + (base & 255) + shift
            to, bit, used = _put(beside, to, bit, used, value, wide)
            place += gap + 1
        if bits == 2:
            upper = np.int64(0)
            for number in range(0, count, 4):
                marks = np.int64(0)
                for one in range(min(4, count - number)):
                    marks |= ((np.int64(entries[begin + number + one]) >> 1) & 1) << one
                upper += (marks & 1) + ((marks >> 1) & 1) + ((marks >> 2) & 1) + (marks >> 3)
                at = _note(frequencies, seen, MARKS + book, marks, out, at)
            if count > 0 and (upper == count or (upper == 0 and book > 0)):
                return -1 - chunk
        begin += count
        noted[lane], words[lane], held[lane], fill[lane] = at, to, bit, used
        if (chunk + 1) % GROUP == 0:
            _learn(tables.symbols, models, False)
    for lane in range(2):
        raw[lane, words[lane]] = held[lane]
        raw_bits[lane] = 32 * words[lane] + fill[lane]
    return begin - first


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _push(state: int, at: int, out: Uint16, pair: int, divide: Int64) -> tuple[int, int]:
    """Encode one symbol."""
    frequency = pair >> 16
    if state >= frequency << (32 - PRECISION):
        at -= 1
        out[at] = state & 0xFFFF
        state >>= 16
    quotient = (state * divide[frequency]) >> 42
    rest = state - quotient * frequency
    if rest < 0:  # only for frequencies above 2,048
        quotient -= 1
        rest += frequency
    return (quotient << PRECISION) + rest + (pair & 0xFFFF), at


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def write_streams(symbols: Uint32, noted: Int64, out: Uint16, divide: Int64, states: Int64, begins: Int64) -> None:
    """Second pass, backwards: `out` (2, many) is filled from its end; `begins` says from where on."""
    one, other = symbols[0], symbols[1]
    a, b = np.int64(START), np.int64(START)
    i, j = noted[0] - 1, noted[1] - 1
    at, to = np.int64(out.shape[1]), np.int64(out.shape[1])
    first, second = out[0], out[1]
    while i >= 0 and j >= 0:  # two at a time: neither has to wait for the other
        a, at = _push(a, at, first, np.int64(one[i]), divide)
        b, to = _push(b, to, second, np.int64(other[j]), divide)
        i -= 1
        j -= 1
    while i >= 0:
        a, at = _push(a, at, first, np.int64(one[i]), divide)
        i -= 1
    while j >= 0:
        b, to = _push(b, to, second, np.int64(other[j]), divide)
        j -= 1
    states[0], states[1], begins[0], begins[1] = a, b, at, to


# Reading -------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _pull(
    state: int, at: int, words: Uint16, context: int, slots: Uint8, frequencies: Uint32, seen: Int32
) -> tuple[int, int, int]:
    """Decode one symbol, and count it."""
    slot = state & (TOTAL - 1)
    symbol = np.int64(slots[context, slot])
    pair = np.int64(frequencies[context, symbol])
    state = (pair >> 16) * (state >> PRECISION) + slot - (pair & 0xFFFF)
    if state < START:
        state = state << 16 | np.int64(words[at])
        at += 1
    seen[context, symbol] += 1
    return state, at, symbol


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _take(raw: Uint32, at: int, bits: int) -> int:
    """Up to 31 raw bits from a bit position."""
    word = at >> 5
    both = np.int64(raw[word]) | np.int64(raw[word + 1]) << 32
    return (both >> (at & 31)) & ((np.int64(1) << bits) - 1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _head(
    state: int,
    at: int,
    bit: int,
    words: Uint16,
    raw: Uint32,
    fit: int,
    bits: int,
    before: int,
    slots: Uint8,
    frequencies: Uint32,
    seen: Int32,
) -> tuple[int, int, int, int, int, int, int]:
    """State, word, bit, count, scale code, codebook, fault."""
    state, at, kind = _pull(state, at, words, KIND, slots, frequencies, seen)
    count, code, book = fit, before, np.int64(0)
    if kind == EMPTY:
        return state, at, bit, 0, before, book, 0
    if kind == PARTIAL:
        wide = _width(fit - 1)
        count = _take(raw, bit, wide) + 1
        bit += wide
        if count >= fit:
            return state, at, bit, 0, before, book, COUNT
    state, at, zigzag = _pull(state, at, words, SCALE, slots, frequencies, seen)
    if zigzag == LONG_SCALE:
        code = _take(raw, bit, SCALE_BITS)
        bit += SCALE_BITS
        difference = code - before
        if ((difference << 1) ^ (difference >> 63)) < LONG_SCALE:
            return state, at, bit, 0, before, book, ESCAPE
    else:
        code = before + ((zigzag >> 1) ^ -(zigzag & 1))
    if code < 0 or code >= SCALE_CODES:
        return state, at, bit, 0, before, book, BAD_SCALE
    if bits == 2:
        state, at, book = _pull(state, at, words, BOOK, slots, frequencies, seen)
    return state, at, bit, count, code, book, 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _marks(
    state: int,
    at: int,
    words: Uint16,
    count: int,
    book: int,
    entries: Uint16,
    begin: int,
    slots: Uint8,
    frequencies: Uint32,
    seen: Int32,
) -> tuple[int, int, int]:
    """Which values of one chunk are at the upper level. State, word, fault."""
    upper = np.int64(0)
    for number in range(0, count, 4):
        state, at, marks = _pull(state, at, words, MARKS + book, slots, frequencies, seen)
        upper += (marks & 1) + ((marks >> 1) & 1) + ((marks >> 2) & 1) + (marks >> 3)
        n = min(4, count - number)
        if marks >> n:
            return state, at, PADDING
        for one in range(n):
            entries[begin + number + one] |= ((marks >> one) & 1) << 1
    if count > 0 and (upper == count or (upper == 0 and book > 0)):
        return state, at, LEVELS
    return state, at, 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_section(
    sizes: Uint16,
    capacities: Uint16,
    bits: int,
    largest: int,
    states: Int64,
    words: tuple[Uint16, Uint16],
    raw: tuple[Uint32, Uint32],
    ends: Int64,
    bit_ends: Int64,
    tables: Tables,
    models: Models,
    entries: Uint16,
    first: int,
    counts: Uint16,
    heads: Uint16,
) -> tuple[int, int, int]:
    """Decode a section into `entries` from `first` on, `counts` and `heads`. Returns fault, chunk, values read.

    `words` and `raw` must go on for `SLACK_WORDS` and `SLACK_RAW` after `ends` (words) and `bit_ends` (bits).
    `largest` is the largest scale code that is allowed.
    """
    # Arrays by their own names: taken out of a tuple within a loop, they would be counted in and out each time.
    one, two, beside, along = words[0], words[1], raw[0], raw[1]
    slots, frequencies, seen = models.slots, models.frequencies, models.counts
    density, left, reciprocal, gap_first = tables.density, tables.left, tables.reciprocal, tables.gap_first
    a, b = states[0], states[1]
    at, to, bit, bot = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    before, begin = np.int64(FIRST_SCALE), np.int64(first)
    chunks = len(sizes)
    for chunk in range(0, chunks, 2):
        other = chunk + 1
        fit, places = np.int64(capacities[chunk]), np.int64(sizes[chunk])
        a, at, bit, count, before, book, fault = _head(
            a, at, bit, one, beside, fit, bits, before, slots, frequencies, seen
        )
        if fault:
            return fault, chunk, 0
        if count > 0 and before > largest:
            return TOO_LARGE, chunk, 0
        counts[chunk], heads[chunk] = count, ((book << 12 | before) if count > 0 else 0)
        also, page, room = np.int64(0), np.int64(0), np.int64(0)
        if other < chunks:
            fit, room = np.int64(capacities[other]), np.int64(sizes[other])
            b, to, bot, also, before, page, fault = _head(
                b, to, bot, two, along, fit, bits, before, slots, frequencies, seen
            )
            if fault:
                return fault, other, 0
            if also > 0 and before > largest:
                return TOO_LARGE, other, 0
            counts[other], heads[other] = also, ((page << 12 | before) if also > 0 else 0)
        # Both lanes at once, so that neither has to wait for the other. Written out, for speed: see above.
        place, spot, second = np.int64(0), np.int64(0), begin + count
        for number in range(max(count, also)):
            if number < count:
                r, m, value, wide, shift, base = count - number, places - place, np.int64(0), 1, 0, np.int64(0)
                if m > r:
                    look = np.int64(density[(8 * m * reciprocal[r]) >> 28])
                    context, shift = np.int64(left[r]) + (look & 255), look >> 8
                    slot = a & (TOTAL - 1)
                    symbol = np.int64(slots[context, slot])
                    pair = np.int64(frequencies[context, symbol])
                    seen[context, symbol] += 1
                    a = (pair >> 16) * (a >> PRECISION) + slot - (pair & 0xFFFF)
                    if a < START:
                        a = a << 16 | np.int64(one[at])
                        at += 1
                    base = gap_first[symbol]
                    wide = 1 + (base & 255) + shift
                both = np.int64(beside[bit >> 5]) | np.int64(beside[(bit >> 5) + 1]) << 32
                value = (both >> (bit & 31)) & ((1 << wide) - 1)
                bit += wide
                place += ((base >> 8) << shift) + (value >> 1)
                if place > places - r:
                    return INDEX, chunk, 0
                entries[begin + number] = place << 2 | (value & 1)
                place += 1
            if number < also:
                r, m, value, wide, shift, base = also - number, room - spot, np.int64(0), 1, 0, np.int64(0)
                if m > r:
                    look = np.int64(density[(8 * m * reciprocal[r]) >> 28])
                    context, shift = np.int64(left[r]) + (look & 255), look >> 8
                    slot = b & (TOTAL - 1)
                    symbol = np.int64(slots[context, slot])
                    pair = np.int64(frequencies[context, symbol])
                    seen[context, symbol] += 1
                    b = (pair >> 16) * (b >> PRECISION) + slot - (pair & 0xFFFF)
                    if b < START:
                        b = b << 16 | np.int64(two[to])
                        to += 1
                    base = gap_first[symbol]
                    wide = 1 + (base & 255) + shift
                both = np.int64(along[bot >> 5]) | np.int64(along[(bot >> 5) + 1]) << 32
                value = (both >> (bot & 31)) & ((1 << wide) - 1)
                bot += wide
                spot += ((base >> 8) << shift) + (value >> 1)
                if spot > room - r:
                    return INDEX, other, 0
                entries[second + number] = spot << 2 | (value & 1)
                spot += 1
        if bits == 2:
            a, at, fault = _marks(a, at, one, count, book, entries, begin, slots, frequencies, seen)
            if fault:
                return fault, chunk, 0
            b, to, fault = _marks(b, to, two, also, page, entries, begin + count, slots, frequencies, seen)
            if fault:
                return fault, other, 0
        if at > ends[0] or to > ends[1] or bit > bit_ends[0] or bot > bit_ends[1]:
            return TRUNCATED, chunk, 0
        begin += count + also
        if (chunk + 2) % GROUP == 0:
            _learn(tables.symbols, models, True)
    if at < ends[0] or to < ends[1] or bit_ends[0] - bit > 7 or bit_ends[1] - bot > 7:
        return UNUSED, chunks, 0
    if a != START or b != START:
        return STATE, chunks, 0
    if _take(beside, bit, bit_ends[0] - bit) or _take(along, bot, bit_ends[1] - bot):
        return PADDING, chunks, 0
    return 0, chunks, begin - first
