"""The losses as loops over pixels, written from the formulas and not from our code: slow, and easy to check by eye."""

import math
from collections.abc import Sequence

import numpy as np

Images = np.ndarray  # (B, H, W)


def silog(p: Images, t: Images, valid: Images, eps: float, beta: float) -> float:
    differences = []
    for place in np.ndindex(p.shape):
        if valid[place]:
            differences.append(math.log(p[place] + eps) - math.log(t[place] + eps))
    mean = sum(differences) / len(differences)
    variance = sum((d - mean) ** 2 for d in differences) / (len(differences) - 1)
    return math.sqrt(variance + beta * mean**2)


def charbonnier(p: Images, t: Images, valid: Images, eps: float) -> float:
    values = [math.sqrt((p[i] - t[i]) ** 2 + eps**2) for i in np.ndindex(p.shape) if valid[i]]
    return sum(values) / len(values)


def halved(image: np.ndarray, size: int) -> np.ndarray:
    """Means of size x size blocks."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    made = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            made[row, column] = image[row * size : (row + 1) * size, column * size : (column + 1) * size].mean()
    return made


def patch_gradient(
    p: Images,
    t: Images,
    valid: Images,
    *,
    weights: tuple[float, float, float],
    scales: Sequence[int],
    log_eps: float,
    direction_eps: float,
    pool: int,
    temperature: float | None,
    diagonals: bool,
) -> float:
    per_scale = []
    for scale in scales:
        magnitude, spread, direction = [], [], []
        for b in range(p.shape[0]):
            known = halved(valid[b].astype(float), scale) > 1 - 1e-6 if scale > 1 else valid[b]
            maps = []
            for image in (p[b], t[b]):
                small = halved(image, scale) if scale > 1 else image
                maps.append(_gradients(small, known, log_eps, diagonals))
            for place, (gp, gt) in _both(maps).items():
                mp, mt = _norm(gp), _norm(gt)
                magnitude.append(abs(mp - mt))
                cosine = sum(a / (mp + direction_eps) * c / (mt + direction_eps) for a, c in zip(gp, gt, strict=True))
                direction.append(1 - min(max(cosine, -1), 1))
                ranges = [_range(one, place, pool, temperature) for one in maps]
                if None not in ranges:
                    spread.append(abs(ranges[0] - ranges[1]))
        parts = [sum(values) / max(len(values), 1) for values in (magnitude, spread, direction)]
        per_scale.append(sum(w * part for w, part in zip(weights, parts, strict=True)))
    return sum(per_scale) / len(per_scale)


def _gradients(
    image: np.ndarray, known: np.ndarray, eps: float, diagonals: bool
) -> dict[tuple[int, int], tuple[float, ...]]:
    """Sobel gradients of log heights, at the pixels whose eight neighbours are all known."""
    logs = np.array([[math.log(max(value, eps)) for value in row] for row in image])
    chosen = [logs[i] for i in np.ndindex(logs.shape) if known[i]]
    if chosen:
        logs = logs - sum(chosen) / len(chosen)
    found = {}
    for r in range(1, image.shape[0] - 1):
        for c in range(1, image.shape[1] - 1):
            if not all(known[r + i, c + j] for i in (-1, 0, 1) for j in (-1, 0, 1)):
                continue

            def at(i: int, j: int, r: int = r, c: int = c) -> float:
                return float(logs[r + i, c + j])

            gx = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1)
            gy = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1)
            gradient = (gx, gy)
            if diagonals:
                falling = 2 * at(1, 1) + at(0, 1) + at(1, 0) - 2 * at(-1, -1) - at(0, -1) - at(-1, 0)
                rising = 2 * at(1, -1) + at(0, -1) + at(1, 0) - 2 * at(-1, 1) - at(0, 1) - at(-1, 0)
                gradient = (gx, gy, falling, rising)
            found[r, c] = gradient
    return found


def _both(maps: list[dict[tuple[int, int], tuple[float, ...]]]) -> dict[tuple[int, int], tuple[tuple[float, ...], ...]]:
    return {place: (gradient, maps[1][place]) for place, gradient in maps[0].items()}


def _norm(gradient: Sequence[float]) -> float:
    return math.sqrt(sum(g**2 for g in gradient) + 1e-12)


def _range(
    gradients: dict[tuple[int, int], tuple[float, ...]], place: tuple[int, int], pool: int, temperature: float | None
) -> float | None:
    """Greatest minus least magnitude around `place`, if all of them are known."""
    half = pool // 2
    around = [(place[0] + i, place[1] + j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    if any(one not in gradients for one in around):
        return None
    values = [_norm(gradients[one]) for one in around]
    if temperature is None:
        return max(values) - min(values)
    high = sum(v * math.exp(v / temperature) for v in values) / sum(math.exp(v / temperature) for v in values)
    low = sum(v * math.exp(-v / temperature) for v in values) / sum(math.exp(-v / temperature) for v in values)
    return high - low
