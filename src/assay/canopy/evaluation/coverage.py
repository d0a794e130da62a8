"""Whether intervals hold what they claim: of all pixels, at each site and at each lidar height; and where they do not.

A coverage of 87 to 93 % counts as the claimed 90 %. At one lidar height coverage may be far off although intervals are
right for every predicted height: very low and very tall canopy is where predictions miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.canopy.evaluation.evaluating import Evaluation, Group

LEVEL = 0.9
WITHIN = (0.87, 0.93)


@dataclass(frozen=True)
class Coverage:
    """What the 90 % intervals cover. Shares are of labelled pixels."""

    overall: float
    sites: dict[str, float]
    heights: dict[str, float]
    made_from: str  # what the intervals come from, in words

    @property
    def outside_sites(self) -> dict[str, float]:
        return _outside(self.sites)

    @property
    def outside_heights(self) -> dict[str, float]:
        return _outside(self.heights)

    @property
    def holds(self) -> bool:
        """Overall; sites and heights may differ."""
        return not _outside({"all": self.overall})

    def sentences(self) -> list[str]:
        """For people: overall, then the sites and heights where it is not so."""
        low, high = (f"{100 * share:g}" for share in WITHIN)
        said = "as claimed" if self.holds else "NOT as claimed"
        first = f"90 % intervals ({self.made_from}) hold {self.overall:.1%} of all pixels: {said} ({low} to {high} %)."
        places = ((self.outside_sites, self.sites, "sites"), (self.outside_heights, self.heights, "lidar heights"))
        return [first, *(_where(outside, among, what) for outside, among, what in places)]

    def to_json(self) -> dict[str, Any]:
        return {
            "level": LEVEL,
            "asked": list(WITHIN),
            "intervals": self.made_from,
            "overall": self.overall,
            "holds": self.holds,
            "sites": self.sites,
            "outside_sites": list(self.outside_sites),
            "heights": self.heights,
            "outside_heights": list(self.outside_heights),
        }


def coverage_of(evaluation: Evaluation, made_from: str) -> Coverage | None:
    """The coverage of an evaluation's 90 % intervals; None if it has none."""
    overall = _covered(evaluation.overall())
    if overall is None:
        return None
    return Coverage(overall, _named(evaluation.by_site()), _named(evaluation.by_height()), made_from)


def _named(groups: Sequence[Group]) -> dict[str, float]:
    return {group.name: share for group in groups if (share := _covered(group)) is not None}


def _covered(group: Group) -> float | None:
    figure = group.coverage.get(f"{LEVEL:g}")
    return None if figure is None else figure.value


def _outside(shares: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in shares.items() if not WITHIN[0] <= share <= WITHIN[1]}


def _where(outside: dict[str, float], among: dict[str, float], what: str) -> str:
    if not outside:
        return f"So at all {len(among)} {what}."
    named = ", ".join(f"{name} ({share:.1%})" for name, share in outside.items())
    return f"Not so at {len(outside)} of {len(among)} {what}: {named}."
