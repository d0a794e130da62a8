"""`assay canopy evaluate`: how good a model is on tiles with lidar heights, with intervals, and beside the paper."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, finish, out

if TYPE_CHECKING:
    from assay.canopy.evaluation import Coverage, Evaluation, Predict
    from assay.canopy.evaluation.change import Change
    from assay.canopy.tiles import TileRef
    from assay.canopy.uncertainty import Calibration

BASELINES = ("constant", "colour")


@command
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=f"A folder with a model (or one per site that it never saw), or {', '.join(BASELINES)}.",
        ),
    ],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A folder with a manifest.csv of tiles.")],
    split: Annotated[
        list[str] | None, typer.Option(help="Evaluate tiles of these splits [default: all but train].")
    ] = None,
    site: Annotated[list[str] | None, typer.Option(help="Evaluate tiles of these sites only.")] = None,
    real_only: Annotated[bool, typer.Option("--real-only", help="Leave out tiles with rendered imagery.")] = False,
    flips: Annotated[bool, typer.Option("--flips", help="Average eight positions of each tile.")] = False,
    calibration: Annotated[Path | None, typer.Option(help="Measure the intervals of this calibration.")] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Write a calibration made from these tiles; the model must not know their sites."),
    ] = None,
    second: Annotated[Path | None, typer.Option(help="The same tiles at a later date: measure change too.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the evaluation as a page.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="What the intervals' draws depend on.")] = 0,
    json_: Json = False,
) -> None:
    """Evaluate a model on tiles with lidar heights. Bias is prediction minus lidar height."""
    from assay.canopy.evaluation import coverage_of
    from assay.canopy.evaluation import evaluate as run
    from assay.canopy.evaluation.change import evaluate_change, pairs
    from assay.canopy.evaluation.report import evaluation_page
    from assay.canopy.tiles import read_manifest
    from assay.canopy.uncertainty import Calibration, collect_errors, each_from_others
    from assay.canopy.uncertainty import calibrate as fit
    from assay.core.whole import write_whole
    from assay.web.page import write_page

    for path in (calibrate, html):
        _can_be_written(path)
    everything = [ref for ref in read_manifest(data) if not (real_only and ref.synthetic)]
    chosen = choose(everything, split or [], site or [])
    predict = predictor_of(model, everything, chosen, flips, unseen=calibrate is not None)
    errors = collect_errors(predict, (ref.load() for ref in chosen), seed=seed) if calibrate else []
    known = Calibration.read(calibration) if calibration else each_from_others(errors) or None
    evaluation = run(predict, (ref.load() for ref in chosen), calibration=known, seed=seed)
    made_from = f"of {calibration.name}" if calibration else "each site by the others" if known else "of the model"
    coverage = coverage_of(evaluation, made_from)
    change = None
    if second is not None:
        both = pairs(chosen, read_manifest(second))
        change = evaluate_change(predict, ((one.load(), other.load()) for one, other in both), seed=seed)
    document: dict[str, Any] = {"model": model, "data": str(data.absolute()), **evaluation.to_json()}
    if change is not None:
        document["change"] = change.to_json()
    if coverage is not None:
        document["coverage_of_intervals"] = coverage.to_json()
    if calibrate is not None:
        made = fit(errors)
        write_whole(calibrate, made.to_json().encode())
        document["calibration"] = str(calibrate.absolute())
        if not json_:
            _say_calibration(made, calibrate)
    if html is not None:
        page = evaluation_page(evaluation, model=Path(model).name, data=data.name, change=change, coverage=coverage)
        write_page(html, page)
        document["page"] = str(html.absolute())
    if json_:
        emit(document)
    else:
        show(evaluation, Path(model).name, change, coverage)
        if html is not None:
            err.print(f"Page: {html.absolute()}", markup=False, soft_wrap=True)
    finish(True)


def choose(refs: "list[TileRef]", splits: list[str], sites: list[str]) -> "list[TileRef]":
    """The labelled tiles to evaluate on: those of `splits` (all but train if none is named) and `sites`."""
    labelled = [ref for ref in refs if ref.height is not None]
    for kind, wanted, present in (
        ("split", splits, {ref.split for ref in labelled}),
        ("site", sites, {ref.site for ref in labelled}),
    ):
        for name in wanted:
            if name not in present:
                raise BadInput(
                    f"There is no labelled tile of the {kind} {name[:60]!r}: there are {', '.join(sorted(present))}."
                )
    found = [
        ref
        for ref in labelled
        if (ref.split in splits if splits else ref.split != "train" or bool(sites)) and (not sites or ref.site in sites)
    ]
    if not found:
        raise BadInput("No tile is left to evaluate on: name a split or a site that has labelled tiles.")
    return found


def predictor_of(
    model: str, refs: "list[TileRef]", held: "list[TileRef]", flips: bool, *, unseen: bool = False
) -> "Predict":
    """A model from its folder, or a baseline fitted to the labelled tiles of sites that are not evaluated.

    With `unseen` a model that says that it was trained on a site of `held` is refused.
    """
    if model not in BASELINES:
        return _trained(model, {ref.site for ref in held}, flips, unseen)
    from assay.canopy.evaluation.baselines import Constant, LinearColour

    sites = {ref.site for ref in held}
    tiles = [ref.load() for ref in refs if ref.height is not None and ref.site not in sites]
    if not tiles:
        raise BadInput("A baseline is fitted to other sites than it is evaluated on, and there is none: name a --site.")
    return Constant.fit(tiles) if model == "constant" else LinearColour.fit(tiles)


def _trained(model: str, sites: set[str], flips: bool, unseen: bool) -> "Predict":
    from assay.canopy.model import load
    from assay.canopy.predicting import has_models_by_site, predictor, predictor_by_site, trained_on

    folder = Path(model)
    if not folder.is_dir():
        raise BadInput(f"{model[:200]} is no folder with a model; the baselines are {', '.join(BASELINES)}.")
    if has_models_by_site(folder):
        return predictor_by_site(folder, flips=flips)
    loaded = load(folder)
    if unseen and (seen := sorted(trained_on(loaded) & sites)):
        raise BadInput(
            f"The model was trained on {', '.join(seen)}: intervals are calibrated on sites that it never saw, so name "
            "others with --site."
        )
    return predictor(loaded, flips=flips)


def _can_be_written(path: Path | None) -> None:
    """Asked before the work, not after it."""
    if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise BadInput(f"{path} cannot be written: name a file in a folder that exists.")


def show(evaluation: "Evaluation", model: str, change: "Change | None", coverage: "Coverage | None" = None) -> None:
    """The evaluation in the terminal: by site, by height, and beside the paper."""
    from rich.table import Table

    from assay.canopy.evaluation import paper
    from assay.canopy.evaluation.report import change_rows, row

    def cell(pair: tuple[str, str]) -> str:
        return f"{pair[0]}\n[dim]{pair[1]}[/]" if pair[1] else pair[0]

    overall = evaluation.overall()
    levels = [f"{100 * level:g} %" for level in evaluation.levels]
    for title, groups, wide in (
        ("site", [*evaluation.by_site(), overall], True),
        ("lidar height", evaluation.by_height(), False),
    ):
        table = Table(box=None, pad_edge=False)
        names = ["MAE m", "RMSE m", "bias m", *(["R²", "block R²", "edge error"] if wide else [])]
        for name in (title, "tiles", *names, *(f"inside {level}" for level in levels)):
            table.add_column(name, justify="left" if name == title else "right")
        for group in groups:
            found = row(group)
            keys = ["mae", "rmse", "bias", *(["r2", "block_r2", "edge_error"] if wide else [])]
            cells = [cell(found[key]) for key in keys] + [cell(pair) for pair in found["coverage"]]
            table.add_row(found["name"].replace("[", "("), str(found["tiles"]), *cells)
        out.print(table)
        out.print()
    if coverage is not None:
        for sentence in coverage.sentences():
            out.print(sentence, markup=False, soft_wrap=True)
        out.print()
    table = Table(box=None, pad_edge=False)
    for name in ("beside the paper", "tested on", "MAE m", "block R²", "bias m", "edge error"):
        table.add_column(name)
    for line in paper.TABLE:
        bias = "-" if line.bias is None else f"{line.bias:+.1f}"
        table.add_row(
            line.setting, line.test, f"{line.mae:.1f}", f"{line.block_r2:.2f}", bias, f"{line.edge_error:.2f}"
        )
    mine = row(overall)
    cells = [mine[key][0] for key in ("mae", "block_r2", "bias", "edge_error")]
    table.add_row(f"[bold]{model.replace('[', '(')}[/]", "these tiles", *cells)
    out.print(table)
    if change is not None:
        for name, pair in change_rows(change):
            out.print(f"{name}: {pair[0]}" + (f" ({pair[1]})" if pair[1] else ""))


def _say_calibration(made: "Calibration", path: Path) -> None:
    number = made.levels.index(0.9)
    outside = [site.site for site in made.sites if not 0.87 <= site.covered[number] <= 0.93]
    err.print(f"Calibration on {len(made.sites)} {made.held_out}: {path.absolute()}", markup=False, soft_wrap=True)
    if outside:
        err.print(f"Held out, 90 % intervals do not cover 87 to 93 % of: {', '.join(outside)}.", markup=False)
