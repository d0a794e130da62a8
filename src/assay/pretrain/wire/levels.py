"""The values that a payload can express: a table of scales and, at 2 bits, eight codebooks of two magnitudes.

A chunk's lower level is its scale, its upper level the scale times the codebook's ratio. All are float32 numbers made
from constants by exact operations and one rounding: no machine's mathematical library has a say in them.
"""

import numpy as np
import numpy.typing as npt

# 2^(i/16) in float32, i = 0..15: sixteen scales to the octave.
_MANTISSAS = (
    "0x1.000000p+0 0x1.0b5586p+0 0x1.172b84p+0 0x1.2387a6p+0 0x1.306fe0p+0 0x1.3dea64p+0 0x1.4bfdaep+0 0x1.5ab07ep+0 "
    "0x1.6a09e6p+0 0x1.7a1148p+0 0x1.8ace54p+0 0x1.9c4918p+0 0x1.ae89fap+0 0x1.c199bep+0 0x1.d5818ep+0 0x1.ea4afap+0"
)
STEPS = 16  # scales to the octave
LOWEST, HIGHEST = -98, 97  # exponents of the table
SCALE_CODES = (HIGHEST - LOWEST + 1) * STEPS
FLOOR = 2.0**-96  # smaller magnitudes count as zero
CEILING = 2.0**96  # larger ones are not encoded
# Upper level over lower level; a chunk without an upper level names codebook 0.
RATIOS = (1.125, 1.25, 1.375, 1.5, 1.75, 2.0, 2.75, 4.0)
BOOKS = len(RATIOS)

Floats = npt.NDArray[np.float32]


def _scales() -> Floats:
    mantissas = np.array([float.fromhex(text) for text in _MANTISSAS.split()], dtype=np.float32)
    octaves = [np.ldexp(mantissas, exponent) for exponent in range(LOWEST, HIGHEST + 1)]
    return np.concatenate(octaves).astype(np.float32)


SCALES = _scales()  # (SCALE_CODES,)
# A chunk's head is `book << 12 | scale code`; these give its two levels. What is no legal head is 0.
LOW = np.zeros(BOOKS << 12, dtype=np.float32)
HIGH = np.zeros(BOOKS << 12, dtype=np.float32)
for _book, _ratio in enumerate(RATIOS):
    _first = _book << 12
    LOW[_first : _first + SCALE_CODES] = SCALES
    HIGH[_first : _first + SCALE_CODES] = SCALES * np.float32(_ratio)  # one rounding
for _table in (SCALES, LOW, HIGH):
    _table.setflags(write=False)
