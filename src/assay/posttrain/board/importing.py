"""A board from what others published: folders of CSV tables, folders of results, or both."""

from collections.abc import Sequence
from pathlib import Path

from assay.core.errors import BadInput
from assay.posttrain.board.cells import Board
from assay.posttrain.board.published import published
from assay.posttrain.board.reading import shown
from assay.posttrain.board.results import holds_results, read_results
from assay.posttrain.board.tables import Imported, holds_tables, read_tables, weights_of


def read_board(places: Sequence[Path]) -> Board:
    """The board of the published matrix with every agent found in `places`."""
    known, into = published(), Imported()
    for place in places:
        if not place.is_dir():
            raise BadInput(f"{shown(place)} is not a folder: give a folder of published tables or of results.")
        if holds_tables(place):
            read_tables(place, known, into)
        elif holds_results(place):
            read_results(place, known, into)
        else:
            raise BadInput(
                f"{shown(place)} holds neither published tables (final_*.csv, aggregated_*.csv) nor result folders "
                "(METHOD/BENCHMARK_MODEL_ID): give the folder that holds them."
            )
    if not into.cells:
        raise BadInput("No agent was found in what was given: there is nothing to compare.")
    _distinct(into)
    if not into.baselines:
        into.baselines.update({kind: dict(table) for kind, table in known.baselines.items()})
        into.notes.append("No table of baselines was given: the packaged figures are used.")
    weights = weights_of(into.baselines, known)
    return Board(
        title="PostTrainBench",
        benchmarks=known.benchmarks,
        models=known.bases,
        cells=tuple(into.cells),
        baselines=into.baselines,
        weights=weights,
        weights_from="1 / (mean instruct - mean base), normalised (PostTrainBench, equation 1)",
        stated=into.stated,
        published_weights=into.factors,
        sources=tuple(into.sources),
        notes=tuple(into.notes),
    )


def _distinct(into: Imported) -> None:
    """Refuse two results for one place of one run: which one counts would be a matter of order."""
    seen: set[tuple[str, str, str, str]] = set()
    for cell in into.cells:
        key = cell.agent, cell.model, cell.benchmark, cell.run
        if key in seen:
            raise BadInput(f"{shown(cell.agent)}, run {shown(cell.run)} was found in two places: give one of them.")
        seen.add(key)
