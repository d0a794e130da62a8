"""Ways in which labels are wrong, made on purpose: what the cleaner learns to tell from labels as they should be.

Each takes a label and returns a wrong one. They are drawn from a seed. Another tile's label is the commonest wrong one.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from assay.canopy.labels.registration import Shift, moved
from assay.canopy.tiles import Heights

Draw = np.random.Generator
_FEET = 3.2808


def swapped(height: Heights, others: Sequence[Heights], draw: Draw) -> Heights:
    """The label of another tile, cut or repeated to this one's size."""
    other = others[int(draw.integers(len(others)))]
    reps = [-(-mine // its) for mine, its in zip(height.shape, other.shape, strict=True)]
    return np.tile(other, reps)[: height.shape[0], : height.shape[1]].astype(np.float32)


def turned(height: Heights, draw: Draw) -> Heights:
    """Mirrored, or turned by half: read in the wrong order."""
    ways: tuple[Callable[[Heights], Heights], ...] = (np.flipud, np.fliplr, lambda h: h[::-1, ::-1])
    return np.ascontiguousarray(ways[int(draw.integers(3))](height))


def displaced(height: Heights, draw: Draw) -> Heights:
    """Moved by more than registration looks for, wrapped round."""
    by = draw.integers(16, max(17, min(height.shape) // 2), size=2) * draw.choice([-1, 1], size=2)
    return np.roll(height, tuple(int(v) for v in by), axis=(0, 1))


def scaled(height: Heights, draw: Draw) -> Heights:
    """Feet read as metres, metres as feet, or another factor that no forest would explain."""
    factor = float(draw.choice([_FEET, 1 / _FEET, draw.uniform(2.0, 4.0), draw.uniform(0.2, 0.5)]))
    return (height * np.float32(factor)).astype(np.float32)


def noisy(height: Heights, draw: Draw) -> Heights:
    """Noise of the size of the heights themselves, pixel by pixel or in patches."""
    noise = draw.normal(size=height.shape)
    if draw.random() < 0.5:
        noise = ndimage.gaussian_filter(noise, 2.5)
        noise /= noise.std() + 1e-9
    size = max(3.0, float(np.nanstd(height)) * draw.uniform(1.0, 2.0))
    return np.maximum(height + size * noise, 0).astype(np.float32)


def emptied(height: Heights, draw: Draw) -> Heights:
    """Part of the canopy set to 0, as after a failed classification or a felling between the dates."""
    found = height.copy()
    rows, columns = height.shape
    share = draw.uniform(0.45, 1.0)
    size = int(rows * share**0.5), int(columns * share**0.5)
    top, left = int(draw.integers(rows - size[0] + 1)), int(draw.integers(columns - size[1] + 1))
    window = found[top : top + size[0], left : left + size[1]]
    window[np.isfinite(window)] = 0
    return found


def striped(height: Heights, draw: Draw) -> Heights:
    """Every few rows or columns shifted up, as by a scan line that is out of place."""
    every, width = int(draw.integers(4, 12)), int(draw.integers(1, 4))
    lines = (np.arange(height.shape[0]) % every < width)[:, None]
    if draw.random() < 0.5:
        lines = (np.arange(height.shape[1]) % every < width)[None, :]
    step = np.float32(draw.uniform(4, 12) * draw.choice([-1, 1]))
    return np.maximum(height + step * lines, 0).astype(np.float32)


def levelled(height: Heights, draw: Draw) -> Heights:
    """One height everywhere, or so smooth that no crown is left."""
    if draw.random() < 0.5:
        return np.where(np.isfinite(height), np.float32(draw.uniform(0, 25)), np.float32(np.nan)).astype(np.float32)
    known = np.isfinite(height)
    smooth = ndimage.gaussian_filter(np.where(known, height, np.nanmean(height)), draw.uniform(12, 24))
    return np.where(known, smooth, np.nan).astype(np.float32)


def corrupted(height: Heights, others: Sequence[Heights], draw: Draw) -> tuple[Heights, str]:
    """A wrong label and what is wrong with it. Half of them are another tile's."""
    if others and draw.random() < 0.5:
        return swapped(height, others, draw), "swapped"
    kinds: tuple[Callable[[Heights, Draw], Heights], ...] = (
        turned, displaced, scaled, noisy, emptied, striped, levelled,
    )  # fmt: skip
    kind = kinds[int(draw.integers(len(kinds)))]
    return kind(height, draw), kind.__name__


def shifted(height: Heights, shift: Shift) -> Heights:
    """Labels that lie by `shift` from where they should: what registration is tested with."""
    return moved(height, Shift(-shift.rows, -shift.columns))
