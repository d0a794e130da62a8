"""The entropy coder, compiled: sections of chunks to streams of symbols and bits, and back.

Symbols go through rANS (32-bit states, 16-bit words, 12-bit frequencies), in two streams that take turns by chunk; bits
that nothing is known about go beside them as they are. A stream is accepted only if its decoder ends where every
encoder begins: rANS is a bijection, so exactly one byte string has the content.
What the loops depend on is in this file or among their arguments: a compiled copy on disk is never out of date.
"""

# mypy: disable-error-code="assignment,call-overload,return-value"
# Compiled loops: numba does not distinguish the integers of numpy and Python, which mypy does.

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
RISE = SCALE + 1  # how far its upper level is above the lower
MARKS = RISE + 1  # eight contexts, by rise: which of four values are at the upper level
CONTEXTS = MARKS + 8

FULL, EMPTY, PARTIAL = 0, 1, 2
LONG_SCALE = 63  # the symbol after which the scale code itself follows
SCALE_BITS = 13
SCALE_CODES = 196 * 32  # as in `levels`
FIRST_SCALE = (98 - 9) * 32  # 2^-9: what the first scale of a section is compared with

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
    """New frequencies for every context that has grown by more than half since it last got some."""
    for context in range(len(symbols)):
        total = np.int64(0)
        for symbol in range(symbols[context]):
            total += models.counts[context, symbol]
        if total - models.built[context] > models.built[context] >> 1:
            set_frequencies(context, symbols, models, with_slots)


# Writing -------------------------------------------------------------------------------------------------------------
# Functions that take arrays are not called within the loops, and arrays are taken out of tuples before them: each time,
# they would be counted in and out. What looks written out twice is written out for that reason. Places in arrays are
# unsigned, so that no code is made for negative ones.

U = np.uint64


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
    heads: Uint32,
    tables: Tables,
    models: Models,
    symbols: Uint32,
    raw: Uint32,
    noted: Int64,
    raw_bits: Int64,
) -> int:
    """First pass: for each lane the symbols (2, many) are noted in order, the raw bits (2, many) written.

    Returns how many values were written, or -1 - chunk if that chunk is no content that the format can hold.
    """
    frequencies, seen = models.frequencies.reshape(-1), models.counts.reshape(-1)  # by context << 6 | symbol
    density, left, width = tables.density, tables.left, symbols.shape[1]
    noted_symbols, raw_words, raw_width = symbols.reshape(-1), raw.reshape(-1), raw.shape[1]
    reciprocal, gap_class, gap_first = tables.reciprocal, tables.gap_class, tables.gap_first
    words, held, fill = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    noted[:] = 0
    before, begin = np.int64(FIRST_SCALE), np.int64(first)
    for chunk in range(len(sizes)):
        lane = chunk & 1
        at, to = noted[lane] + lane * width, words[lane] + lane * raw_width
        bit, used = held[lane], fill[lane]
        count, fit, places = np.int64(counts[chunk]), np.int64(capacities[chunk]), np.int64(sizes[chunk])
        code, rise = np.int64(heads[chunk]) & 8191, np.int64(heads[chunk]) >> SCALE_BITS
        if count > fit or code >= SCALE_CODES or rise > (63 if bits == 2 else 0) or (count == 0 and heads[chunk] > 0):
            return -1 - chunk
        kind = FULL if count == fit else (EMPTY if count == 0 else PARTIAL)
        noted_symbols[U(at)] = frequencies[U(KIND << 6 | kind)]
        seen[U(KIND << 6 | kind)] += 1
        at += 1
        if kind == PARTIAL:
            bit |= (count - 1) << used
            used += _width(fit - 1)
        if kind != EMPTY:
            difference = code - before
            zigzag = min((difference << 1) ^ (difference >> 63), np.int64(LONG_SCALE))
            noted_symbols[U(at)] = frequencies[U(SCALE << 6 | zigzag)]
            seen[U(SCALE << 6 | zigzag)] += 1
            at += 1
            if zigzag == LONG_SCALE:  # with those of a partial chunk at most 56 bits are held
                bit |= code << used
                used += SCALE_BITS
            before = code
            if bits == 2:
                noted_symbols[U(at)] = frequencies[U(RISE << 6 | rise)]
                seen[U(RISE << 6 | rise)] += 1
                at += 1
        if used >= 32:
            raw_words[U(to)] = bit & 0xFFFFFFFF
            bit, used, to = bit >> 32, used - 32, to + 1
        place = np.int64(0)
        for number in range(count):
            entry = np.int64(entries[U(begin + number)])
            r, m, gap = count - number, places - place, (entry >> 2) - place
            if gap < 0 or gap > m - r or (bits == 1 and entry & 2):
                return -1 - chunk
            value, wide = entry & 1, np.int64(1)
            if m > r:
                look = np.int64(density[U((8 * m * reciprocal[U(r)]) >> 28)])
                context, shift = np.int64(left[U(r)]) + (look & 255), look >> 8
                symbol = np.int64(gap_class[U(gap >> shift)])
                noted_symbols[U(at)] = frequencies[U(context << 6 | symbol)]
                seen[U(context << 6 | symbol)] += 1
                at += 1
                base = gap_first[U(symbol)]
                value |= (gap - ((base >> 8) << shift)) << 1
                wide = 1 + (base & 255) + shift
            bit |= value << used
            used += wide
            if used >= 32:
                raw_words[U(to)] = bit & 0xFFFFFFFF
                bit, used, to = bit >> 32, used - 32, to + 1
            place += gap + 1
        if bits == 2:
            upper, context = np.int64(0), MARKS + (rise >> 3)
            for number in range(0, count, 4):
                marks = np.int64(0)
                for one in range(min(4, count - number)):
                    marks |= ((np.int64(entries[U(begin + number + one)]) >> 1) & 1) << one
                upper += (marks & 1) + ((marks >> 1) & 1) + ((marks >> 2) & 1) + (marks >> 3)
                noted_symbols[U(at)] = frequencies[U(context << 6 | marks)]
                seen[U(context << 6 | marks)] += 1
                at += 1
            if count > 0 and (upper == count or (upper > 0) != (rise > 0)):
                return -1 - chunk
        begin += count
        noted[lane], words[lane] = at - lane * width, to - lane * raw_width
        held[lane], fill[lane] = bit, used
        if (chunk + 1) % GROUP == 0:
            _learn(tables.symbols, models, False)
    for lane in range(2):
        raw[lane, words[lane]] = held[lane]
        raw_bits[lane] = 32 * words[lane] + fill[lane]
    return begin - first


@njit(cache=True, nogil=True, forceinline=True)  # type: ignore[untyped-decorator]
def _push(state: int, frequency: int, start: int, reciprocal: int) -> int:
    """The state after one more symbol. `reciprocal` is floor(2^42 / frequency) + 1."""
    quotient = (state * reciprocal) >> 42
    rest = state - quotient * frequency
    if rest < 0:  # one too many, for frequencies above 2,048
        quotient -= 1
        rest += frequency
    return (quotient << PRECISION) + rest + start


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def write_streams(symbols: Uint32, noted: Int64, out: Uint16, divide: Int64, states: Int64, begins: Int64) -> None:
    """Second pass, backwards: `out` (2, many) is filled from its end; `begins` says from where on."""
    first, second, left, right = symbols[0], symbols[1], out[0], out[1]
    a, b = np.int64(START), np.int64(START)
    i, j = noted[0] - 1, noted[1] - 1
    at, to = np.int64(out.shape[1]), np.int64(out.shape[1])
    while i >= 0 or j >= 0:  # two at a time: neither has to wait for the other
        if i >= 0:
            pair = np.int64(first[U(i)])
            frequency = pair >> 16
            if a >= frequency << (32 - PRECISION):
                at -= 1
                left[U(at)] = a & 0xFFFF
                a >>= 16
            a = _push(a, frequency, pair & 0xFFFF, divide[U(frequency)])
            i -= 1
        if j >= 0:
            pair = np.int64(second[U(j)])
            frequency = pair >> 16
            if b >= frequency << (32 - PRECISION):
                to -= 1
                right[U(to)] = b & 0xFFFF
                b >>= 16
            b = _push(b, frequency, pair & 0xFFFF, divide[U(frequency)])
            j -= 1
    states[0], states[1], begins[0], begins[1] = a, b, at, to


# Reading -------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def read_section(
    sizes: Uint16,
    capacities: Uint16,
    bits: int,
    largest: int,
    states: Int64,
    words: Uint16,
    raw: Uint32,
    ends: Int64,
    bit_ends: Int64,
    tables: Tables,
    models: Models,
    entries: Uint16,
    first: int,
    counts: Uint16,
    heads: Uint32,
) -> tuple[int, int, int]:
    """Decode a section into `entries` from `first` on, `counts` and `heads`. Returns fault, chunk, values read.

    `words` and `raw` (2, many) must go on for `SLACK_WORDS` and `SLACK_RAW` after `ends` (words) and `bit_ends` (bits).
    `largest` is the largest scale code that is allowed. `states` is changed.
    """
    slots = models.slots.reshape(-1)  # by context << 12 | slot
    frequencies, seen = models.frequencies.reshape(-1), models.counts.reshape(-1)  # by context << 6 | symbol
    left_words, right_words, left_raw, right_raw = words[0], words[1], raw[0], raw[1]
    density, left, reciprocal, gap_first = tables.density, tables.left, tables.reciprocal, tables.gap_first
    ats, bit_ats, begins = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    found, rises = np.zeros(2, np.int64), np.zeros(2, np.int64)
    before, begin, chunks = np.int64(FIRST_SCALE), np.int64(first), len(sizes)
    for chunk in range(0, chunks, 2):
        found[1] = 0
        for lane in range(min(2, chunks - chunk)):
            state, at, bit = states[lane], ats[lane], bit_ats[lane]
            fit, count, rise = np.int64(capacities[chunk + lane]), np.int64(0), np.int64(0)
            for context in range(KIND, RISE + bits - 1):
                slot = state & (TOTAL - 1)
                symbol = np.int64(slots[U(context << PRECISION | slot)])
                pair = np.int64(frequencies[U(context << 6 | symbol)])
                seen[U(context << 6 | symbol)] += 1
                state = (pair >> 16) * (state >> PRECISION) + slot - (pair & 0xFFFF)
                if state < START:
                    state = state << 16 | np.int64(words[U(lane), U(at)])
                    at += 1
                both = np.int64(raw[U(lane), U(bit >> 5)]) | np.int64(raw[U(lane), U((bit >> 5) + 1)]) << 32
                if context == KIND:
                    if symbol == EMPTY:
                        break
                    count = fit
                    if symbol == PARTIAL:
                        wide = _width(fit - 1)
                        count = ((both >> (bit & 31)) & ((1 << wide) - 1)) + 1
                        bit += wide
                        if count >= fit:
                            return COUNT, chunk + lane, 0
                elif context == SCALE:
                    code = before + ((symbol >> 1) ^ -(symbol & 1))
                    if symbol == LONG_SCALE:
                        code = (both >> (bit & 31)) & ((1 << SCALE_BITS) - 1)
                        bit += SCALE_BITS
                        difference = code - before
                        if ((difference << 1) ^ (difference >> 63)) < LONG_SCALE:
                            return ESCAPE, chunk + lane, 0
                    if code < 0 or code >= SCALE_CODES:
                        return BAD_SCALE, chunk + lane, 0
                    if code > largest:
                        return TOO_LARGE, chunk + lane, 0
                    before = code
                else:
                    rise = symbol
            states[lane], ats[lane], bit_ats[lane] = state, at, bit
            found[lane], rises[lane] = count, rise
            counts[chunk + lane] = count
            heads[chunk + lane] = rise << SCALE_BITS | before if count > 0 else 0
        # Indices and signs, of both lanes at once, so that neither has to wait for the other.
        count, also = found[0], found[1]
        begins[0], begins[1] = begin, begin + count
        second, places, room = begin + count, np.int64(sizes[chunk]), np.int64(sizes[min(chunk + 1, chunks - 1)])
        a, at, bit, place = states[0], ats[0], bit_ats[0], np.int64(0)
        b, to, bot, spot = states[1], ats[1], bit_ats[1], np.int64(0)
        for number in range(max(count, also)):
            if number < count:
                r, m, wide, shift, base = count - number, places - place, np.int64(1), np.int64(0), np.int64(0)
                if m > r:
                    look = np.int64(density[U((8 * m * reciprocal[U(r)]) >> 28)])
                    context, shift = np.int64(left[U(r)]) + (look & 255), look >> 8
                    slot = a & (TOTAL - 1)
                    symbol = np.int64(slots[U(context << PRECISION | slot)])
                    pair = np.int64(frequencies[U(context << 6 | symbol)])
                    seen[U(context << 6 | symbol)] += 1
                    a = (pair >> 16) * (a >> PRECISION) + slot - (pair & 0xFFFF)
                    short = np.int64(a < START)  # without a branch, which could not be foreseen
                    a = a << (short << 4) | (np.int64(left_words[U(at)]) & -short)
                    at += short
                    base = gap_first[U(symbol)]
                    wide = 1 + (base & 255) + shift
                both = np.int64(left_raw[U(bit >> 5)]) | np.int64(left_raw[U((bit >> 5) + 1)]) << 32
                value = (both >> (bit & 31)) & ((1 << wide) - 1)
                bit += wide
                place += ((base >> 8) << shift) + (value >> 1)
                if place > places - r:
                    return INDEX, chunk, 0
                entries[U(begin + number)] = place << 2 | (value & 1)
                place += 1
            if number < also:
                r, m, wide, shift, base = also - number, room - spot, np.int64(1), np.int64(0), np.int64(0)
                if m > r:
                    look = np.int64(density[U((8 * m * reciprocal[U(r)]) >> 28)])
                    context, shift = np.int64(left[U(r)]) + (look & 255), look >> 8
                    slot = b & (TOTAL - 1)
                    symbol = np.int64(slots[U(context << PRECISION | slot)])
                    pair = np.int64(frequencies[U(context << 6 | symbol)])
                    seen[U(context << 6 | symbol)] += 1
                    b = (pair >> 16) * (b >> PRECISION) + slot - (pair & 0xFFFF)
                    short = np.int64(b < START)
                    b = b << (short << 4) | (np.int64(right_words[U(to)]) & -short)
                    to += short
                    base = gap_first[U(symbol)]
                    wide = 1 + (base & 255) + shift
                both = np.int64(right_raw[U(bot >> 5)]) | np.int64(right_raw[U((bot >> 5) + 1)]) << 32
                value = (both >> (bot & 31)) & ((1 << wide) - 1)
                bot += wide
                spot += ((base >> 8) << shift) + (value >> 1)
                if spot > room - r:
                    return INDEX, chunk + 1, 0
                entries[U(second + number)] = spot << 2 | (value & 1)
                spot += 1
        states[0], ats[0], bit_ats[0] = a, at, bit
        states[1], ats[1], bit_ats[1] = b, to, bot
        # Which values are at the upper level.
        for lane in range(2 if bits == 2 else 0):
            state, at, n, upper, context = states[lane], ats[lane], found[lane], np.int64(0), MARKS + (rises[lane] >> 3)
            for number in range(0, n, 4):
                slot = state & (TOTAL - 1)
                marks = np.int64(slots[U(context << PRECISION | slot)])
                pair = np.int64(frequencies[U(context << 6 | marks)])
                seen[U(context << 6 | marks)] += 1
                state = (pair >> 16) * (state >> PRECISION) + slot - (pair & 0xFFFF)
                if state < START:
                    state = state << 16 | np.int64(words[U(lane), U(at)])
                    at += 1
                upper += (marks & 1) + ((marks >> 1) & 1) + ((marks >> 2) & 1) + (marks >> 3)
                some = min(4, n - number)
                if marks >> some:
                    return PADDING, chunk + lane, 0
                for one in range(some):
                    entries[U(begins[lane] + number + one)] |= ((marks >> one) & 1) << 1
            if n > 0 and (upper == n or (upper > 0) != (rises[lane] > 0)):
                return LEVELS, chunk + lane, 0
            states[lane], ats[lane] = state, at
        if ats[0] > ends[0] or ats[1] > ends[1] or bit_ats[0] > bit_ends[0] or bit_ats[1] > bit_ends[1]:
            return TRUNCATED, chunk, 0
        begin += count + also
        if (chunk + 2) % GROUP == 0:
            _learn(tables.symbols, models, True)
    for lane in range(2):
        bit, spare = bit_ats[lane], bit_ends[lane] - bit_ats[lane]
        if ats[lane] < ends[lane] or spare > 7:
            return UNUSED, chunks, 0
        if states[lane] != START:
            return STATE, chunks, 0
        both = np.int64(raw[U(lane), U(bit >> 5)]) | np.int64(raw[U(lane), U((bit >> 5) + 1)]) << 32
        if (both >> (bit & 31)) & ((1 << spare) - 1):
            return PADDING, chunks, 0
    return 0, chunks, begin - first
