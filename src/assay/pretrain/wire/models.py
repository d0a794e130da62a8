"""What a decoder believes before it has read anything: alphabets, contexts and priors of the entropy coder.

Counts begin with a prior in whole numbers; for gaps it says that all sets of positions are equally likely. Everything
here is made once, with integers. `docs/formats/pseudo-gradient.md` says it in words.
"""

import numpy as np

from assay.pretrain.wire.coder import (
    CONTEXTS,
    GAP_CONTEXTS,
    KIND,
    LEFT,
    MANTISSAS,
    MARKS,
    OCTAVES,
    RISE,
    SCALE,
    TOTAL,
    Int32,
    Int64,
    Models,
    Tables,
    Uint8,
    Uint16,
    set_frequencies,
)

ALPHABET = 64  # places for symbols per context
PRIOR = 256  # what a prior's counts add up to, nearly
# A gap is the number of positions passed over before the next kept one. Its class: 0..7 stand for themselves, then
# come four classes to the octave, up to 4,095.
GAP_SYMBOLS, GAP_DIRECT = 44, 8
KIND_SYMBOLS, SCALE_SYMBOLS, RISE_SYMBOLS, MARK_SYMBOLS = 3, 64, 64, 16
LEFT_FIRST = (1, 2, 3, 5, 9)  # values left: 1, 2, 3-4, 5-8, more
LEFT_TYPICAL = (1, 2, 3, 6, 32)  # what the priors are made for


def _gap_classes() -> tuple[Int64, Uint8]:
    """For each class its first gap << 8 | extra bits; for each gap its class."""
    firsts = np.zeros(GAP_SYMBOLS, dtype=np.int64)
    classes = np.zeros(4096, dtype=np.uint8)
    for number in range(GAP_SYMBOLS):
        octave = (number - GAP_DIRECT) // 4 + 1 if number >= GAP_DIRECT else 0
        first = (4 + (number - GAP_DIRECT) % 4) << octave if number >= GAP_DIRECT else number
        firsts[number] = first << 8 | octave
        classes[first : first + (1 << octave)] = number
    return firsts, classes


def _density_contexts() -> Uint16:
    """By floor(8 * places left / values left): shift << 8 | octave and quarter of the octave."""
    table = np.zeros(8 * 4096 + 1, dtype=np.uint16)
    for density in range(8, len(table)):
        length = density.bit_length()  # 4 for one to two places per value
        octave, shift = min(length - 4, OCTAVES - 1), max(0, length - 3 - OCTAVES)
        table[density] = shift << 8 | (octave * MANTISSAS + (density >> (length - 3) & 3))
    return table


def _tables() -> Tables:
    left = np.zeros(4097, dtype=np.uint8)
    for number, first in enumerate(LEFT_FIRST):
        left[first:] = number * MANTISSAS * OCTAVES
    alphabets = [GAP_SYMBOLS] * GAP_CONTEXTS + [KIND_SYMBOLS, SCALE_SYMBOLS, RISE_SYMBOLS] + [MARK_SYMBOLS] * 8
    firsts, classes = _gap_classes()
    return Tables(
        density=_density_contexts(),
        left=left,
        reciprocal=np.array([0] + [-(-(1 << 28) // divisor) for divisor in range(1, 4097)], dtype=np.int64),
        gap_class=classes,
        gap_first=firsts,
        symbols=np.array(alphabets, dtype=np.int64),
        divide=np.array([0] + [(1 << 42) // frequency + 1 for frequency in range(1, TOTAL + 1)], dtype=np.int64),
    )


def _gap_prior(left: int, octave: int, mantissa: int, classes: Uint8) -> list[int]:
    """Counts of the classes if `r` of `places` positions are kept, all sets of them equally likely."""
    r = LEFT_TYPICAL[left]
    places = max(r, (r * (2 * (MANTISSAS + mantissa) + 1) << octave) // 8)  # the middle of the context
    counts, remaining = [0] * GAP_SYMBOLS, 1 << 30
    for gap in range(places - r + 1):
        share = remaining * r // (places - gap)
        counts[classes[gap]] += share
        remaining -= share
    return [count * PRIOR >> 30 for count in counts]


def _priors(classes: Uint8) -> Int32:
    counts = np.zeros((CONTEXTS, ALPHABET), dtype=np.int32)
    for left in range(LEFT):
        for octave in range(OCTAVES):
            for mantissa in range(MANTISSAS):
                context = (left * OCTAVES + octave) * MANTISSAS + mantissa
                counts[context, :GAP_SYMBOLS] = _gap_prior(left, octave, mantissa, classes)
    counts[KIND, :KIND_SYMBOLS] = (60, 2, 2)
    counts[SCALE, :SCALE_SYMBOLS] = [max(1, 4 >> (symbol // 8)) for symbol in range(SCALE_SYMBOLS)]
    counts[RISE, :RISE_SYMBOLS] = [2 if symbol < 32 else 1 for symbol in range(RISE_SYMBOLS)]
    for symbol in range(MARK_SYMBOLS):
        counts[MARKS : MARKS + 8, symbol] = 3 ** (4 - symbol.bit_count())  # a quarter is at the upper level
    return counts


def _first_models(tables: Tables) -> Models:
    models = Models(
        counts=_priors(tables.gap_class),
        built=np.zeros(CONTEXTS, dtype=np.int64),
        frequencies=np.zeros((CONTEXTS, ALPHABET), dtype=np.uint32),
        slots=np.zeros((CONTEXTS, TOTAL), dtype=np.uint8),
    )
    for context in range(CONTEXTS):
        set_frequencies(context, tables.symbols, models, True)
    return models


TABLES = _tables()
FIRST = _first_models(TABLES)  # never learnt with: take `FIRST.fresh()`
