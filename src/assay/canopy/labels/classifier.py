"""A small classifier that can say why: a sum of one smooth function per figure, fitted by logistic regression.

Each figure is scaled by what good labels have and bent into a few hinges, so that "too low" and "too high" can both
speak against a label. What each figure contributes is known, and is what reports print.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_HINGES = (-2.0, -1.0, 0.0, 1.0, 2.0)  # in deviations of good labels
_RIDGE = 0.02  # of the number of examples
_STEPS = 30
_CUT = 6.0  # deviations: farther is not more wrong


@dataclass(frozen=True, eq=False)
class Classifier:
    """Log odds that a label is wrong, as a sum over figures."""

    centre: Array  # (F,) of good labels
    scale: Array
    weights: Array  # (F * (1 + hinges) + 1,): the constant last

    def probability(self, figures: Array) -> Array:
        """(N,) from figures (N, F), with as many good as bad labels before one has looked."""
        odds = _bent(self._scaled(figures)) @ self.weights[:-1] + self.weights[-1]
        found: Array = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        return found

    def pull(self, figures: Array) -> Array:
        """(F,): what each figure of one label adds to the log odds beyond what a typical good label has."""
        here, typical = _bent(self._scaled(figures[None])), _bent(np.zeros((1, len(figures))))
        parts = (here - typical)[0] * self.weights[:-1]
        found: Array = parts.reshape(1 + len(_HINGES), -1).sum(axis=0)
        return found

    def _scaled(self, figures: Array) -> Array:
        return _scaled(figures, self.centre, self.scale)


def fit_classifier(good: Array, bad: Array) -> Classifier:
    """Fit to figures (N, F) of good and bad labels; both count alike, whatever their numbers."""
    centre = np.nanmedian(good, axis=0)
    scale = 1.4826 * np.nanmedian(np.abs(good - centre), axis=0)
    scale = np.maximum(scale, 0.1 * np.nanstd(np.concatenate([good, bad]), axis=0) + 1e-9)
    both = np.concatenate([good, bad])
    features = np.concatenate([_bent(_scaled(both, centre, scale)), np.ones((len(both), 1))], axis=1)
    target = np.repeat([0.0, 1.0], [len(good), len(bad)])
    share = np.repeat([0.5 / len(good), 0.5 / len(bad)], [len(good), len(bad)]) * len(both)
    penalty = _RIDGE * len(both) * np.eye(features.shape[1])
    penalty[-1, -1] = 0
    weights = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        odds = np.clip(features @ weights, -30, 30)
        chance = 1 / (1 + np.exp(-odds))
        slope = features.T @ (share * (target - chance)) - penalty @ weights
        curve = (features * (share * chance * (1 - chance) + 1e-6)[:, None]).T @ features + penalty
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return Classifier(centre, scale, weights)


def _scaled(figures: Array, centre: Array, scale: Array) -> Array:
    """In deviations of good labels; a figure that is missing is as far off as can be."""
    found: Array = np.nan_to_num(np.clip((figures - centre) / scale, -_CUT, _CUT), nan=_CUT)
    return found


def _bent(scaled: Array) -> Array:
    """(N, F * (1 + hinges)): each figure, and how far it is beyond each hinge."""
    return np.concatenate([scaled, *(np.maximum(scaled - hinge, 0) for hinge in _HINGES)], axis=1)
