"""The values that a payload can express: a table of scales, thirty-two to the octave.

A chunk has one or two of them: its lower level, and an upper level some steps above. They are float32 numbers made from
integers alone: no machine's mathematical library has a say in them.
"""

import math

import numpy as np
import numpy.typing as npt

STEPS = 32  # scales to the octave: half a step is 1.1 %
LOWEST, HIGHEST = -98, 97  # exponents of lower levels
SCALE_CODES = (HIGHEST - LOWEST + 1) * STEPS  # of lower levels
MOST_RISE = 63  # steps from the lower to the upper level, at most: nearly fourfold
FLOOR = 2.0**-96  # smaller magnitudes count as zero
CEILING = 2.0**96  # larger ones are not encoded


MANTISSA_BITS = 23


def _mantissas() -> list[int]:
    """The integers nearest to 2^(23 + i/32), for i = 0 to 31."""
    roots = []
    for step in range(STEPS):
        # Twice the number, rounded down: the 32nd root of 2^(32 * 24 + i), by five square roots.
        root = 1 << (STEPS * 24 + step)
        for _ in range(5):
            root = math.isqrt(root)
        roots.append((root + 1) // 2)
    return roots


MANTISSAS = _mantissas()


def _scales() -> npt.NDArray[np.float32]:
    mantissas = np.array(MANTISSAS, dtype=np.float64) / 2**MANTISSA_BITS
    octaves = [np.ldexp(mantissas, exponent) for exponent in range(LOWEST, HIGHEST + 3)]
    scales = np.concatenate(octaves)[: SCALE_CODES + MOST_RISE].astype(np.float32)
    scales.setflags(write=False)
    return scales


SCALES = _scales()  # (SCALE_CODES + MOST_RISE,): by code
