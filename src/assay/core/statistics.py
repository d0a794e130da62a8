"""How sure a score is: bootstrap intervals over groups of items that are not independent.

Items that share a group (such as a function that they call) are resampled together; treating them as independent would
make intervals too narrow. Percentile intervals; the seed is part of the method and goes into the verdict.
Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapters 8 and 13.
"""

from collections.abc import Sequence

import numpy as np

from assay.core.verdict import Interval

RESAMPLES = 10_000


def mean_interval(
    values: Sequence[float], groups: Sequence[str], *, bounds: tuple[float, float], seed: int, level: float = 0.95
) -> Interval:
    """A percentile interval for the mean of `values` (one per item), resampling `groups`.

    For a paired comparison pass the per-item differences: both systems then share every resample. `bounds` are the
    least and greatest value an item can have. Where all values are equal a bootstrap would claim certainty; then the
    interval is the exact one for a rare event that was not seen in so many groups (Clopper and Pearson 1934).
    """
    if len(values) != len(groups) or not values:
        raise ValueError(f"{len(values)} values and {len(groups)} groups: need one group per value and at least one")
    names = sorted(set(groups))
    tail = (1 - level) / 2
    if len(set(values)) == 1:
        value, unseen = values[0], 1 - tail ** (1 / len(names))
        low, high = value - unseen * (value - bounds[0]), value + unseen * (bounds[1] - value)
        return Interval(low=low, high=high, level=level, method=f"exact, no variation in {len(names)} groups")
    if len(names) == 1:
        return Interval(low=bounds[0], high=bounds[1], level=level, method="none: a single group tells nothing")
    method = f"percentile bootstrap over {len(names)} groups, {RESAMPLES} resamples, seed {seed}"
    position = {name: i for i, name in enumerate(names)}
    index = np.array([position[group] for group in groups])
    sums = np.bincount(index, weights=np.asarray(values, dtype=float))  # (groups,)
    sizes = np.bincount(index).astype(float)  # (groups,)
    drawn = np.random.default_rng(seed).integers(len(names), size=(RESAMPLES, len(names)))  # (resamples, groups)
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)  # (resamples,)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high), level=level, method=method)
