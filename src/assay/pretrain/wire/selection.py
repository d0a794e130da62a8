"""From tensors to sparse chunks, compiled: the largest entries of each chunk, and the two levels that stand for them.

The choice is exact: largest magnitudes first, of equal ones the lower position. The threshold of one chunk is only the
first guess for the next. All sums run in float64 in ascending order of position; there is no fused or reordered
arithmetic, so every machine makes the same bytes. What the loops depend on is in this file or among their arguments.
"""

# mypy: disable-error-code="assignment,no-any-return,return-value"
# Compiled loops: numba does not distinguish the numbers of numpy and Python, which mypy does.

import math

import numpy as np
import numpy.typing as npt
from numba import njit

BLOCK_ELEMENTS = 4096
FLOOR_BITS = (127 - 96) << 23  # 2^-96 as a float32's bits: smaller magnitudes count as zero
CEILING_BITS = (127 + 96) << 23  # 2^96
GUESS_BITS = (127 - 10) << 23  # 2^-10
STEPS = 32  # scales to the octave, as in `levels`
LOWEST = -98
SCALE_CODES = 196 * 32
MOST_RISE = 63
SCALE_BITS = 13  # of a head: its lower level; the rise is above
ROUNDS = 8  # of the two means; they settle after three or four

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Uint16 = npt.NDArray[np.uint16]
Uint32 = npt.NDArray[np.uint32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(keys: Int32, n: int, threshold: int) -> int:
    """How many of the first n keys reach the threshold."""
    found, least = np.int32(0), np.int32(threshold)
    for i in range(n):
        found = np.int32(found + np.int32(keys[i] >= least))
    return np.int64(found)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _threshold(keys: Int32, n: int, k: int, guess: int) -> int:
    """A threshold that at least k keys reach, and not many more; FLOOR_BITS if fewer reach even that."""
    low, high, at, step = np.int64(FLOOR_BITS), np.int64(CEILING_BITS + 1), np.int64(guess), np.int64(1 << 21)
    most = 2 * k + 64
    bounded = False  # whether `low` is known to be reached by at least k
    while True:
        found = _count(keys, n, at)
        if found >= k:
            if found <= most:
                return at
            low, bounded = at, True
            at = (low + high) >> 1 if high <= CEILING_BITS else min(at + step, (at + high) >> 1)
        else:
            if at == FLOOR_BITS:
                return at
            high = at
            at = (low + high) >> 1 if bounded else max(at - step, np.int64(FLOOR_BITS))
        if high - low <= 1 and bounded:
            return low
        step <<= 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _exact(keys: Int32, n: int, k: int, low: int) -> int:
    """The k-th largest of n keys, all of which are at least `low`; n >= k."""
    high = np.int64(low)
    for i in range(n):
        high = max(high, np.int64(keys[i]))
    high += 1
    while high - low > 1:
        middle = (low + high) >> 1
        if _count(keys, n, middle) >= k:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _nearest_scale(target: float, scales: Floats) -> int:
    """The code of the scale nearest to a positive target; of two equally near ones the lower."""
    _, exponent = math.frexp(target)
    first = (np.int64(exponent) - 1 - LOWEST) * STEPS
    if first < 0:
        return 0
    if first >= SCALE_CODES:
        return SCALE_CODES - 1
    code = first
    while code + 1 < SCALE_CODES and np.float64(scales[code + 1]) <= target:
        code += 1
    if code + 1 < SCALE_CODES and np.float64(scales[code + 1]) - target < target - np.float64(scales[code]):
        code += 1
    return code


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sums(magnitudes: Doubles, n: int, threshold: float) -> tuple[float, float, int]:
    """Sum of those below or at the threshold, sum of those above it, and how many are above."""
    low, high, above = 0.0, 0.0, 0
    for i in range(n):
        if magnitudes[i] > threshold:
            high += magnitudes[i]
            above += 1
        else:
            low += magnitudes[i]
    return low, high, above


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _levels(magnitudes: Doubles, n: int, bits: int, scales: Floats) -> tuple[int, int, float]:
    """Code of the lower level, steps to the upper, and what a value at the upper level exceeds (infinite: none is)."""
    total = 0.0
    for i in range(n):
        total += magnitudes[i]
    threshold = total / n
    plain = _nearest_scale(threshold, scales)
    if bits == 1:
        return plain, 0, np.inf
    low, high, above = _sums(magnitudes, n, threshold)
    for _ in range(ROUNDS):
        if above == 0 or above == n:
            return plain, 0, np.inf
        new = (low / (n - above) + high / above) / 2.0
        if new == threshold:
            break
        threshold = new
        low, high, above = _sums(magnitudes, n, threshold)
    if above == 0 or above == n:
        return plain, 0, np.inf
    code = _nearest_scale(low / (n - above), scales)
    rise = min(max(_nearest_scale(high / above, scales) - code, 1), MOST_RISE)
    threshold = (np.float64(scales[code]) + np.float64(scales[code + rise])) / 2.0
    low, high, above = _sums(magnitudes, n, threshold)
    if above == 0 or above == n:
        return plain, 0, np.inf
    return code, rise, threshold


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def select(
    values: Floats,
    bit_patterns: Int32,
    block_rows: int,
    block_columns: int,
    k: int,
    bits: int,
    scales: Floats,
    entries: Uint16,
    counts: Uint16,
    heads: Uint32,
) -> int:
    """All chunks of a matrix `(rows, columns)`. Returns the values kept, or -1 - i if element i cannot be encoded."""
    rows, columns = values.shape
    keys, places = np.empty(BLOCK_ELEMENTS, np.int32), np.empty(BLOCK_ELEMENTS, np.int32)
    magnitudes = np.empty(BLOCK_ELEMENTS, np.float64)
    kept, guess, chunk = np.int64(0), np.int64(GUESS_BITS), 0
    for top in range(0, rows, block_rows):
        height = min(block_rows, rows - top)
        for left in range(0, columns, block_columns):
            width = min(block_columns, columns - left)
            n = height * width
            largest = np.int32(0)
            for row in range(height):
                source = bit_patterns[top + row, left : left + width]
                target = keys[row * width : row * width + width]
                for column in range(width):
                    key = np.int32(source[column] & 0x7FFFFFFF)
                    target[column] = key
                    largest = max(largest, key)
            if largest > CEILING_BITS:
                for i in range(n):
                    if keys[i] > CEILING_BITS:
                        return -1 - ((top + i // width) * columns + left + i % width)
            fit = max(1, (k * n + BLOCK_ELEMENTS - 1) // BLOCK_ELEMENTS)
            found = np.int64(0)
            if largest >= FLOOR_BITS:
                threshold = np.int32(_threshold(keys, n, fit, guess))
                for i in range(n):  # those that reach it, in order; `found` never passes i
                    places[found] = i
                    found += np.int64(keys[i] >= threshold)
                if found > fit:
                    for i in range(found):
                        keys[i] = keys[places[i]]
                    least = _exact(keys, found, fit, np.int64(threshold))
                    equal = fit - _count(keys, found, least + 1)
                    candidates, found = found, np.int64(0)
                    for i in range(candidates):
                        if keys[i] > least or (keys[i] == least and equal > 0):
                            equal -= np.int64(keys[i] == least)
                            places[found] = places[i]
                            found += 1
                    guess = least - (1 << 18)  # a thirty-second below: room for the next chunk to be a little smaller
                    guess = max(guess, np.int64(FLOOR_BITS))
            counts[chunk], heads[chunk] = found, 0
            if found > 0:
                for i in range(found):
                    row, column = places[i] // width, places[i] % width
                    magnitudes[i] = abs(np.float64(values[top + row, left + column]))
                code, rise, upper = _levels(magnitudes, found, bits, scales)
                heads[chunk] = rise << SCALE_BITS | code
                for i in range(found):
                    row, column = places[i] // width, places[i] % width
                    sign = np.int64(values[top + row, left + column] < 0)
                    entries[kept + i] = places[i] << 2 | np.int64(magnitudes[i] > upper) << 1 | sign
            kept += found
            chunk += 1
    return kept
