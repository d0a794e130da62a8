"""An evaluation as a page that opens in any browser: tables, where the errors are, and maps to look at."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from assay.canopy.evaluation import paper, pictures
from assay.canopy.evaluation.change import Change
from assay.canopy.evaluation.coverage import Coverage
from assay.canopy.evaluation.evaluating import Evaluation, Example, Figure, Group
from assay.canopy.evaluation.metrics import JOINT, Array
from assay.web import drawing, plots
from assay.web.page import render

_SIDE = 300  # pixels of the scatter plot
_MAP = 180


def evaluation_page(
    evaluation: Evaluation, *, model: str, data: str, change: Change | None = None, coverage: Coverage | None = None
) -> str:
    """The page of an evaluation of `model` on `data`."""
    overall = evaluation.overall()
    return render(
        "canopy_evaluation.html",
        ("report.css", "canopy.css"),
        pictures=True,
        title=f"Canopy height: {model}",
        model=model,
        data=data,
        overall=row(overall),
        sites=[row(group) for group in evaluation.by_site()],
        heights=[row(group) for group in evaluation.by_height()],
        levels=[f"{100 * level:g} %" for level in evaluation.levels],
        paper=paper.TABLE,
        scatter=scatter(evaluation.joint()),
        reliability=reliability(evaluation) if len(evaluation.levels) > 1 else None,
        examples=[_example(example) for example in evaluation.examples],
        height_ramp=pictures.ramp("height"),
        error_ramp=pictures.ramp("error"),
        highest=pictures.HIGHEST,
        farthest=pictures.FARTHEST,
        covered=coverage.sentences() if coverage else [],
        change=change,
        change_rows=change_rows(change) if change else [],
    )


def row(group: Group) -> dict[str, Any]:
    """A group's figures as they are printed; a dash where a metric is not defined."""
    return {
        "name": group.name,
        "tiles": group.tiles,
        "pixels": f"{group.pixels:,}",
        "mae": written(group.metrics.get("mae"), 2),
        "rmse": written(group.metrics.get("rmse"), 2),
        "bias": written(group.metrics.get("bias"), 2, signed=True),
        "r2": written(group.metrics.get("r2"), 2),
        "block_r2": written(group.metrics.get("block_r2"), 2),
        "edge_error": written(group.metrics.get("edge_error"), 3),
        "coverage": [written(figure, 1, percent=True) for figure in group.coverage.values()],
        "width": [f"{width:.1f}" for width in group.width.values()],
    }


def written(figure: Figure | None, digits: int, *, signed: bool = False, percent: bool = False) -> tuple[str, str]:
    """A figure and its interval, as text; the interval is empty where there is none."""
    if figure is None:
        return "-", ""
    sign, factor = ("+" if signed else ""), (100 if percent else 1)

    def number(value: float) -> str:
        return format(value * factor, f"{sign}.{digits}f")

    if figure.low is None or figure.high is None:
        return number(figure.value), ""
    return number(figure.value), f"{number(figure.low)} to {number(figure.high)}"


def scatter(joint: Array) -> Markup:
    """Predictions against lidar heights, darker where there are more pixels (in steps); the line is equality."""
    used = _last_used(joint) + 1
    top = min(JOINT, -(-used // 10) * 10)
    svg = drawing.svg(_SIDE + 40, "predicted against lidar height")
    inner = drawing.add(svg, "svg", "cells", x="8%", y=0, width="90%", height=_SIDE, viewBox=f"0 0 {top} {top}")
    inner.set("preserveAspectRatio", "none")
    most = math.log10(max(float(joint.max()), 1)) or 1
    for truth in range(top):
        for height in range(top):
            if count := float(joint[truth, height]):
                step = 1 + int(4 * math.log10(count) / most)
                drawing.add(inner, "rect", f"d{min(step, 5)}", x=truth, y=top - 1 - height, width=1, height=1)
    drawing.add(inner, "line", "equal", x1=0, y1=top, x2=top, y2=0)
    for mark in range(0, top + 1, 10):
        at = 8 + 90 * mark / top
        side = "start" if mark == 0 else "end" if mark == top else "middle"
        drawing.text(svg, f"tick {side}", at, _SIDE + 16, f"{mark}")
        if mark:
            drawing.text(svg, "tick end", 7, _SIDE - _SIDE * mark / top + 12, f"{mark}")
    drawing.text(svg, "tick middle", 53, _SIDE + 34, "lidar height, m")
    return drawing.markup(svg)


def _last_used(joint: Array) -> int:
    """The last cell that is used on either axis."""
    used = [index for axis in (0, 1) for index in joint.sum(axis=axis).nonzero()[0]]
    return int(max(used, default=0))


def reliability(evaluation: Evaluation) -> Markup:
    """What share of pixels the intervals hold, against what they claim."""
    overall = evaluation.overall()
    claimed = [100 * level for level in evaluation.levels]
    held = [100 * figure.value for figure in overall.coverage.values()]
    return plots.lines(
        [
            plots.Line("as claimed", list(zip(claimed, claimed, strict=True)), "two"),
            plots.Line("all sites", list(zip(claimed, held, strict=True)), "one"),
        ],
        title="coverage of the intervals",
        x="claimed, %",
        y="inside, %",
    )


def change_rows(change: Change) -> Sequence[tuple[str, tuple[str, str]]]:
    return [
        ("MAE of the change, m", written(change.metrics.get("mae"), 2)),
        ("bias of the change, m", written(change.metrics.get("bias"), 2, signed=True)),
        ("R² of the change", written(change.metrics.get("r2"), 2)),
        ("losses found, %", written(change.metrics.get("recall"), 1, percent=True)),
        ("of what is reported as lost, truly lost, %", written(change.metrics.get("precision"), 1, percent=True)),
    ]


def _example(example: Example) -> dict[str, Any]:
    about = f"{example.name}, {example.site}"
    maps = [
        ("imagery", pictures.picture(example.rgb.transpose(1, 2, 0), f"imagery of {about}", width=_MAP)),
        ("lidar", pictures.picture(pictures.heights(example.truth), f"lidar heights of {about}", width=_MAP)),
        ("prediction", pictures.picture(pictures.heights(example.height), f"prediction for {about}", width=_MAP)),
        (
            "prediction minus lidar",
            pictures.picture(pictures.errors(example.height - example.truth), f"errors of {about}", width=_MAP),
        ),
    ]
    if example.width is not None:
        maps.append(
            (
                "width of the interval",
                pictures.picture(pictures.heights(example.width), f"interval widths of {about}", width=_MAP),
            )
        )
    rows, columns = example.truth.shape
    size = f"{columns * example.gsd_m:.0f} x {rows * example.gsd_m:.0f} m"
    return {"name": example.name, "site": example.site, "mae": f"{example.mae:.2f}", "size": size, "maps": maps}
