"""New pictures of known heights: the same trees under another sun, in other colours, over other ground.

A model that has seen one stand in a hundred lights and palettes has to read shape, shadow and texture, which hold at
sites it never saw, and cannot rely on the colour of one site's conifers. Heights are real, only the picture is
drawn.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from assay.canopy.tiles import Tile

Array = npt.NDArray[np.float32]

DRAWN = " (drawn)"  # after the name of a site whose pictures are drawn

_REACH = 60.0  # metres of height that can cast a shadow
_SOFT_EDGE = 1.0  # metres over which a shadow sets in


def rendered(tile: Tile, seed: tuple[int, ...]) -> Tile:
    """`tile` with a picture drawn from its heights; unlabelled land is drawn as ground."""
    draw = np.random.default_rng(seed)
    height = np.nan_to_num(np.asarray(tile.height, np.float32))
    light = _light(draw, height, tile.gsd_m)
    colour = _surface(draw, height, tile.gsd_m) * light
    seen = _camera(draw, colour)
    return replace(
        tile, name=f"{tile.name}#{'.'.join(map(str, seed))}", site=tile.site + DRAWN, rgb=seen, synthetic=True
    )


def _light(draw: np.random.Generator, height: Array, gsd_m: float) -> Array:
    """(3, H, W): direct light by the slope of the canopy and what stands in its way, and bluer light from the sky."""
    azimuth, slope = float(draw.uniform(0, 2 * np.pi)), float(np.tan(np.radians(draw.uniform(28, 68))))
    down, across = np.gradient(height, gsd_m) if min(height.shape) > 1 else (np.zeros_like(height),) * 2
    relief = float(draw.uniform(0.3, 1.0))  # crowns let light through: steeper than this no surface looks
    down, across = (np.tanh(part * relief) for part in (down, across))
    toward = np.sin(azimuth), np.cos(azimuth)
    facing = (slope + down * -toward[0] + across * -toward[1]) / np.hypot(1, slope)
    facing = np.clip(facing / np.sqrt(1 + down**2 + across**2), 0.05, None)
    direct = facing * (1 - _shadow(height, gsd_m, toward, slope))
    sky = float(draw.uniform(0.12, 0.4)) * np.array([0.9, 1.0, draw.uniform(1.0, 1.35)])
    light: Array = (direct[None] + sky[:, None, None]).astype(np.float32)
    return light


def _shadow(height: Array, gsd_m: float, toward: tuple[float, float], slope: float) -> Array:
    """How much of the sun is blocked, from 0 to 1, by what stands towards it."""
    blocked = np.zeros_like(height)
    highest = min(float(height.max(initial=0)), _REACH)
    for step in range(1, int(highest / slope / gsd_m) + 1):
        moved = _moved(height, round(toward[0] * step), round(toward[1] * step))
        blocked = np.maximum(blocked, moved - step * gsd_m * slope)
    shade: Array = np.clip((blocked - height) / _SOFT_EDGE, 0, 1)
    return shade


def _moved(values: Array, down: int, across: int) -> Array:
    """What lies `down` and `across` pixels away; 0 beyond the edge."""
    rows, columns = values.shape
    found = np.zeros_like(values)
    if abs(down) >= rows or abs(across) >= columns:
        return found
    target = np.s_[max(-down, 0) : rows - max(down, 0), max(-across, 0) : columns - max(across, 0)]
    source = np.s_[max(down, 0) : rows - max(-down, 0), max(across, 0) : columns - max(-across, 0)]
    found[target] = values[source]
    return found


def _surface(draw: np.random.Generator, height: Array, gsd_m: float) -> Array:
    """(3, H, W) reflectance: species in patches and crowns, over soil, grass or stone, all uneven."""
    leaf = np.stack([draw.uniform(0.04, 0.18, 4), draw.uniform(0.09, 0.26, 4), draw.uniform(0.03, 0.12, 4)])
    if draw.random() < 0.15:  # autumn, or dry
        leaf[0] = leaf[1] * draw.uniform(0.9, 1.6, 4)
    patch = noise(draw, height.shape, float(draw.uniform(4, 12)) / gsd_m)
    kind = np.digitize(patch, np.quantile(patch, [0.3, 0.6, 0.85]))
    canopy = leaf[:, kind] * np.exp(0.25 * noise(draw, height.shape, float(draw.uniform(1, 3)) / gsd_m))
    bright = float(np.exp(draw.uniform(np.log(0.08), np.log(0.5))))
    warmth = float(draw.uniform(0.55, 1.0))
    soil = np.array([bright, bright * (1 + warmth) / 2, bright * warmth])
    grass = np.array([0.6, 1.0, 0.4]) * float(draw.uniform(0.1, 0.3))
    cover = 1 / (1 + np.exp(-3 * (noise(draw, height.shape, 8 / gsd_m) + draw.normal(0, 1))))
    ground = soil[:, None, None] * (1 - cover) + grass[:, None, None] * cover
    ground = ground * np.exp(0.2 * noise(draw, height.shape, 1.5 / gsd_m))
    leaves = np.clip((height - float(draw.uniform(0.3, 1.5))) / 1.0, 0, 1)
    made: Array = (canopy * leaves + ground * (1 - leaves)).astype(np.float32)
    return made


def _camera(draw: np.random.Generator, colour: Array) -> npt.NDArray[np.uint8]:
    """Exposure, haze, tone curve, softness and grain, to uint8."""
    level = float(draw.uniform(0.25, 0.55)) / max(float(np.quantile(colour, 0.7)), 1e-3)
    seen = np.clip(colour * level + float(draw.uniform(0, 0.06)), 0, None) ** float(draw.uniform(0.6, 1.0))
    for _ in range(int(draw.integers(0, 3))):
        seen = _softened(seen)
    seen = seen + float(draw.uniform(0.005, 0.04)) * draw.standard_normal(seen.shape)
    picture: npt.NDArray[np.uint8] = (255 * np.clip(seen, 0, 1)).astype(np.uint8)
    return picture


def _softened(colour: Array) -> Array:
    for axis in (1, 2):
        before = np.take(colour, np.maximum(np.arange(colour.shape[axis]) - 1, 0), axis)
        after = np.take(colour, np.minimum(np.arange(colour.shape[axis]) + 1, colour.shape[axis] - 1), axis)
        colour = 0.25 * before + 0.5 * colour + 0.25 * after
    return colour


def noise(draw: np.random.Generator, shape: tuple[int, int], length: float) -> Array:
    """Smooth noise of deviation about 1 with features about `length` pixels wide."""
    length = max(length, 1.0)
    coarse = draw.standard_normal(tuple(int(side / length) + 4 for side in shape))
    for axis, side in enumerate(shape):
        at = np.arange(side) / length + float(draw.uniform(0, 1))
        low = at.astype(int)
        part = at - low
        part = part * part * (3 - 2 * part)
        part = part[:, None] if axis == 0 else part
        coarse = np.take(coarse, low, axis) * (1 - part) + np.take(coarse, low + 1, axis) * part
    return (coarse / max(float(coarse.std()), 1e-6)).astype(np.float32)
