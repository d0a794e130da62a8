"""A leaderboard in figures: how they are printed, and the document `assay.leaderboard/1`."""

from collections.abc import Sequence
from math import fsum
from typing import Any

from assay.core.verdict import Interval
from assay.posttrain.board.bootstrap import LEVEL, SCOPES, Scope, cell_interval
from assay.posttrain.board.cells import MEANINGS, Cell, Status
from assay.posttrain.board.scoring import RULES, Observation, counted, deviation
from assay.posttrain.board.standing import Leaderboard, Line, Pair, Place

SCHEMA = "assay.leaderboard/1"


def document(found: Leaderboard) -> dict[str, Any]:
    """The leaderboard as JSON. Numbers are in full; `printed` has them as a table would."""
    board = found.board
    return {
        "schema": SCHEMA,
        "title": board.title,
        "rule": {"missing": found.rule.value, "meaning": RULES[found.rule]},
        "unit": "per cent",
        "models": list(board.models),
        "benchmarks": [
            {"name": b.name, "title": b.title, "items": b.items, "weight": board.weights[b.name]}
            for b in board.benchmarks
        ],
        "weights": {
            "values": dict(board.weights),
            "from": board.weights_from,
            "published": dict(board.published_weights) if board.published_weights is not None else None,
        },
        "baselines": {line.name: _line_json(line, found) for line in found.lines if line.baseline},
        "agents": [_line_json(line, found) for line in found.agents],
        "pairs": [_pair_json(pair) for pair in found.pairs],
        "statuses": {status.value: MEANINGS[status] for status in Status},
        "statistics": {
            "level": LEVEL,
            "seed": found.seed,
            "resamples": found.resamples,
            "scopes": {scope.value: meaning for scope, meaning in SCOPES.items()},
        },
        "sources": [{"path": s.path, "what": s.what, "digest": s.digest} for s in board.sources],
        "notes": list(found.notes),
    }


def printed(value: float | None, spread: float | None = None) -> str:
    """As the paper prints it: one decimal, and the deviation between runs after a plus-minus sign."""
    if value is None:
        return "–"
    return f"{value:.1f}" if spread is None else f"{value:.1f} ± {spread:.1f}"


def printed_column(line: Line, benchmark: str, models: Sequence[str]) -> str:
    """A benchmark's mean as the paper prints it: of cells and deviations that were rounded to two decimals first.

    Found by comparing: so all 154 figures of its table 1 come out, from the unrounded cells all but three.
    """
    seen = [place.seen for m in models if (place := line.places.get((benchmark, m)))]
    if not seen:
        return printed(None)
    value = fsum(round(o.mean, 2) for o in seen) / len(seen)
    spreads = [deviation(o) for o in seen]
    known = [round(spread, 2) for spread in spreads if spread is not None]
    return printed(value, fsum(known) / len(known) if len(known) == len(models) else None)


def _line_json(line: Line, found: Leaderboard) -> dict[str, Any]:
    benchmarks = {
        b.name: {
            "mean": line.scored.benchmarks.get(b.name),
            "std": line.spreads[b.name],
            "printed": printed_column(line, b.name, found.board.models),
        }
        for b in found.board.benchmarks
    }
    common = {
        "name": line.name,
        "average": line.average,
        "std": line.spread,
        "printed": printed(line.average, line.spread),
        "runs": line.runs,
        "interval": _interval_json(line.interval),
        "intervals": {scope.value: _interval_json(line.intervals[scope]) for scope in Scope},
        "benchmarks": benchmarks,
    }
    if line.baseline:
        return {**common, "cells": [_place_json(place) for place in line.places.values()]}
    ranks = found.ranks(line)
    return {
        "rank": line.rank,
        "ranks": None if ranks is None else {"from": ranks[0], "to": ranks[1]},
        **common,
        "statuses": {status.value: number for status, number in sorted(line.statuses.items())},
        "cells": [_cell_json(cell, found) for cell in line.cells],
    }


def _place_json(place: Place) -> dict[str, Any]:
    seen = place.seen
    return {
        "benchmark": seen.benchmark,
        "model": seen.model,
        "score": seen.mean,
        "n": seen.n,
        "interval": _interval_json(place.interval),
    }


def _cell_json(cell: Cell, found: Leaderboard) -> dict[str, Any]:
    value, origin = counted(cell, found.board, found.rule)
    interval = cell.interval or _own_interval(cell)
    return {
        "benchmark": cell.benchmark,
        "model": cell.model,
        "run": cell.run,
        "status": cell.status.value,
        "detail": cell.detail or None,
        "score": cell.score,
        "n": cell.n,
        "runs": cell.runs,
        "std": cell.spread,
        "interval": _interval_json(interval),
        "counted": value,
        "counted_from": origin,
        "entry": cell.entry,
    }


def _own_interval(cell: Cell) -> Interval | None:
    """Of a cell's own score, whether it counts or not."""
    if cell.score is None:
        return None
    values = (cell.score,)
    seen = Observation(
        cell.benchmark, cell.model, cell.score, values, cell.runs, cell.spread, cell.n, cell.items, 0.0, "own"
    )
    return cell_interval(seen)


def _interval_json(interval: Interval | None) -> dict[str, Any] | None:
    return interval.model_dump() if interval else None


def _pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "better": pair.better,
        "worse": pair.worse,
        "difference": pair.difference,
        "told_apart": pair.told_apart,
        "intervals": {scope.value: _interval_json(pair.intervals[scope]) for scope in Scope},
    }
