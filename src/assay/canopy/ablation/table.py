"""From evaluations to what is printed: one line per row, differences with paired intervals, claims and targets.

Seeds are pooled by adding their sums, so a figure is over all seeds and its interval over tiles; how far seeds
differ stands beside it. A claim holds or does not where the paired interval is on one side of 0, else it cannot be
told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.canopy.ablation.design import Protocol
from assay.canopy.ablation.running import Ablation
from assay.canopy.evaluation.evaluating import Evaluation, Figure, Group, Piece, compare
from assay.canopy.evaluation.metrics import Sums

REFERENCE = "SiLog"  # what CHMv2 started from
TALL = "30+ m"


@dataclass(frozen=True)
class Claim:
    """Something the paper says, and whether these data show it."""

    text: str
    protocol: Protocol
    figure: Figure  # the difference that was measured
    answer: str  # holds, does not hold, cannot be told


@dataclass(frozen=True)
class Target:
    """Something that was aimed for, and what was reached."""

    text: str
    protocol: Protocol
    value: float | None
    reached: bool | None  # None: nothing to measure it on


def pooled(evaluations: Sequence[Evaluation]) -> Evaluation:
    """One evaluation over all seeds: the mean of their sums, piece by piece."""
    pieces = []
    for same in zip(*(one.pieces for one in evaluations), strict=True):
        parts = [piece.sums for piece in same]
        mean = Sums(
            *(
                np.mean([getattr(part, name) for part in parts], axis=0)
                for name in ("pixels", "blocks", "edges", "covered", "width", "joint")
            )
        )
        pieces.append(Piece(same[0].name, same[0].site, mean))
    return Evaluation(tuple(pieces), evaluations[0].levels, (), 0)


def document(found: Ablation) -> dict[str, Any]:
    """The table as one JSON document."""
    rows = []
    for (protocol, name), evaluations in found.found.items():
        whole = pooled(evaluations)
        reference = found.found.get((protocol, REFERENCE))
        rows.append(
            {
                "protocol": protocol,
                "row": name,
                "seeds": len(evaluations),
                **whole.overall().to_json(),
                "name": name,
                "seed_mae": [_value(one.overall(), "mae") for one in evaluations],
                "against_silog": _differences(whole, reference) if reference and name != REFERENCE else None,
                "heights": [group.to_json() for group in whole.by_height()],
                "sites": [group.to_json() for group in whole.by_site()],
            }
        )
    return {
        "schema": "assay.canopy.ablation/1",
        "bias": "prediction minus lidar height",
        "intervals": "95 %, bootstrap over tiles (large tiles in pieces), paired where two rows are compared",
        "seconds": round(found.seconds, 1),
        "rows": rows,
        "claims": [
            {"claim": c.text, "protocol": c.protocol, "difference": c.figure.to_json(), "answer": c.answer}
            for c in claims(found)
        ],
        "targets": [
            {"target": t.text, "protocol": t.protocol, "value": t.value, "reached": t.reached} for t in targets(found)
        ],
    }


def _differences(whole: Evaluation, reference: Sequence[Evaluation]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in compare(whole, pooled(reference)).items()}


def _value(group: Group, metric: str) -> float | None:
    figure = group.metrics.get(metric)
    return None if figure is None else figure.value


_CLAIMS = (
    ("annealing SiLog into Charbonnier lowers the MAE", "annealed", "SiLog", "mae"),
    ("Charbonnier from the start is worse than annealing (MAE)", "annealed", "Charbonnier", "mae"),
    ("the Patch Gradient sharpens (edge error)", "annealed + gradient", "annealed", "edge_error"),
    ("the general recipe lowers the MAE of the paper's loss", "general recipe", "annealed + gradient", "mae"),
)  # the first row is said to have the lower figure


def claims(found: Ablation) -> list[Claim]:
    """The paper's claims, in every protocol that was run."""
    answers = []
    for protocol in dict.fromkeys(protocol for protocol, _ in found.found):
        for text, better, worse, metric in _CLAIMS:
            one, other = (found.found.get((protocol, name)) for name in (better, worse))
            if not one or not other:
                continue
            figure = compare(pooled(one), pooled(other)).get(metric)
            if figure is not None:
                answers.append(Claim(text, protocol, figure, _answer(figure)))
    return answers


def _answer(figure: Figure) -> str:
    if figure.low is None or figure.high is None or figure.low <= 0 <= figure.high:
        return "cannot be told"
    return "holds" if figure.high < 0 else "does not hold"


def targets(found: Ablation, row: str = "general recipe") -> list[Target]:
    """What the general recipe should reach on held-out real sites, in both ways of holding them out."""
    held_out: tuple[Protocol, ...] = ("site-held-out", "each-site")
    return [target for protocol in held_out for target in _targets(found, row, protocol)]


def _targets(found: Ablation, row: str, protocol: Protocol) -> list[Target]:
    ours, constant = found.found.get((protocol, row)), found.found.get((protocol, "constant"))
    if not ours or not constant:
        return []
    whole = pooled(ours)
    group, base = whole.overall(), pooled(constant).overall()
    tall = next((g for g in whole.by_height() if g.name == TALL), None)
    r2, mae, bias, base_mae = _value(group, "r2"), _value(group, "mae"), _value(group, "bias"), _value(base, "mae")
    share = mae / base_mae if mae is not None and base_mae else None
    tall_bias = _value(tall, "bias") if tall is not None else None
    return [
        Target("R² at least 0.3", protocol, r2, None if r2 is None else r2 >= 0.3),
        Target("MAE at most 0.6 of the constant's", protocol, share, None if share is None else share <= 0.6),
        Target("bias within 1 m", protocol, bias, None if bias is None else abs(bias) <= 1),
        Target(
            "bias above 30 m no worse than -8 m", protocol, tall_bias, None if tall_bias is None else tall_bias >= -8
        ),
    ]
