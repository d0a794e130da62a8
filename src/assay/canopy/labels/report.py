"""What a cleaning dropped and why, as a page: a person sees imagery, label and reasons, and can disagree."""

from collections.abc import Sequence
from typing import Any

from assay.canopy.evaluation import pictures
from assay.canopy.labels.cleaning import Cleaned, Judgement
from assay.canopy.tiles import Tile
from assay.web.page import render

_SHOWN = 100  # dropped labels; more are in the JSON
_DOUBTS = 12  # kept labels that came nearest to being dropped
_MAP = 128


def cleaning_page(cleaned: Cleaned, tiles: Sequence[Tile], data: str) -> str:
    """The page of a cleaning of `tiles` (as they were given)."""
    judged = sorted(zip(cleaned.judgements, tiles, strict=True), key=lambda pair: -pair[0].wrong)
    dropped = [pair for pair in judged if pair[0].dropped]
    kept = [pair for pair in judged if not pair[0].dropped]
    return render(
        "canopy_cleaning.html",
        ("report.css", "canopy.css"),
        pictures=True,
        title=f"Labels of {data}: what was dropped",
        data=data,
        total=len(judged),
        dropped=[_shown(*pair) for pair in dropped[:_SHOWN]],
        number=len(dropped),
        doubts=[_shown(*pair) for pair in kept[:_DOUBTS]],
        heights=cleaned.by_height(),
        sites=_by_site(cleaned.judgements),
        height_ramp=pictures.ramp("height"),
        highest=pictures.HIGHEST,
    )


def _by_site(judgements: Sequence[Judgement]) -> list[tuple[str, int, int]]:
    sites = sorted({j.site for j in judgements})
    return [
        (site, sum(j.site == site for j in judgements), sum(j.site == site and j.dropped for j in judgements))
        for site in sites
    ]


def _shown(judgement: Judgement, tile: Tile) -> dict[str, Any]:
    about = f"{judgement.name}, {judgement.site}"
    return {
        "name": judgement.name,
        "site": judgement.site,
        "wrong": f"{judgement.wrong:.2f}",
        "reasons": judgement.reasons,
        "maps": [
            ("imagery", pictures.picture(tile.rgb.transpose(1, 2, 0), f"imagery of {about}", width=_MAP)),
            ("label", pictures.picture(pictures.heights(tile.height), f"label of {about}", width=_MAP)),
        ],
    }
