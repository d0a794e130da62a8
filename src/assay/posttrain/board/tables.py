"""The published CSV tables as cells: means of several runs, and single runs before and after the fallback.

aggregated_avg_KEY.csv and aggregated_std_KEY.csv are means of runs and deviations between them; aggregated_KEY.csv is
one run with words where there is no score, final_KEY.csv the same run with the base's score in their place. A score
that final_ changed was taken away by a judge: the cell is flagged. What a table lacks becomes a status and a note;
what it should not hold (another figure than a share, a row twice) is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.errors import BadInput
from assay.posttrain.board.cells import (
    BASE,
    BASELINE_TITLES,
    FEW_SHOT,
    INSTRUCT,
    Baseline,
    Cell,
    Point,
    Source,
    Stated,
    Status,
    agent_name,
)
from assay.posttrain.board.published import Published
from assay.posttrain.board.reading import Table, names_in, read_json, read_table, share, shown
from assay.posttrain.board.scoring import weights

_AVG, _STD, _FINAL, _RAW = "aggregated_avg_", "aggregated_std_", "final_", "aggregated_"
_BASELINE, _FEW_SHOT = "aggregated_baseline.csv", "aggregated_baseline_fewshot.csv"
_SUMMARY, _FACTORS = "single_metrics_aggregated.csv", "factors.json"
_RUNS = 3  # of a mean whose table of deviations or summary is missing: the protocol's number
_SAME = 1e-12  # shares that differ by less are one figure

# What PostTrainBench's own scripts write where there is no score.
_WORDS = {
    "": (Status.NOT_SUBMITTED, "empty"),
    "not stored": (Status.NOT_SUBMITTED, "not stored: no final model was left"),
    "not avl.": (Status.NOT_SUBMITTED, "not avl.: the run did not end"),
    "ERR": (Status.BROKEN, "ERR: the evaluation failed"),
}

_Said = tuple[Status, str, float | None]  # what a place of a table says: status, reason, score in per cent


@dataclass
class Imported:
    """What was read so far, of one or several places."""

    cells: list[Cell] = field(default_factory=list)
    baselines: dict[str, dict[tuple[str, str], Point]] = field(default_factory=dict)
    stated: dict[str, Stated] = field(default_factory=dict)
    factors: dict[str, float] | None = None
    sources: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def holds_tables(folder: Path) -> bool:
    """Whether a folder holds tables as PostTrainBench publishes them."""
    return any(name.endswith(".csv") and name.startswith((_FINAL, _RAW)) for name in names_in(folder))


def read_tables(folder: Path, known: Published, into: Imported) -> None:
    """Add the cells, baselines and notes of one folder."""
    names = names_in(folder)
    _Reader(folder, names, known, into).read()


class _Reader:
    def __init__(self, folder: Path, names: list[str], known: Published, into: Imported) -> None:
        self.folder, self.names, self.known, self.into = folder, set(names), known, into
        self.benchmarks = [benchmark.name for benchmark in known.benchmarks]
        self.sizes = {benchmark.name: benchmark.items for benchmark in known.benchmarks}

    def read(self) -> None:
        self._baselines()
        self._factors()
        summary = self._summary()
        agents = {row.key: row.agent for row in self.known.rows}
        means = self._keys(_AVG)
        singles = (self._keys(_FINAL) | self._keys(_RAW)) - {"baseline", "baseline_fewshot"}
        singles -= {key for key in singles if key.startswith(("avg_", "std_"))}
        order = list(agents)
        for key in sorted(means | singles, key=lambda k: (order.index(k) if k in order else len(order), k)):
            if not self._repeated(key, means):
                agent = agents.get(key) or agent_name(key)
                if key in means:
                    self._mean(key, agent, summary.get(key))
                else:
                    self._single(key, agent)
        for row in self.known.rows:
            if row.key not in means | singles:
                one = f"{_AVG}{row.key}.csv or {_FINAL}{row.key}.csv"
                place = f"row {row.table_1} of the paper's table 1" if row.table_1 else "on the website"
                self.into.notes.append(f"{row.agent} ({place}) is absent: there is no {one}.")

    def _keys(self, prefix: str) -> set[str]:
        return {n[len(prefix) : -len(".csv")] for n in self.names if n.startswith(prefix) and n.endswith(".csv")}

    def _table(self, name: str, what: str) -> Table | None:
        if name not in self.names:
            return None
        table = read_table(self.folder / name, what)
        self.into.sources.append(table.source)
        return table

    # Baselines and weights -------------------------------------------------------------------------------------------

    def _baselines(self) -> None:
        siblings = {model.name: model.instruct for model in self.known.models}
        zero_shot = self._table(_BASELINE, "zero-shot base and instruct models")
        few_shot = self._table(_FEW_SHOT, "few-shot base models")
        for kind, table, names in (
            (BASE, zero_shot, {model: model for model in siblings}),
            (FEW_SHOT, few_shot, {model: model for model in siblings}),
            (INSTRUCT, zero_shot, siblings),
        ):
            self.into.baselines[kind] = self._baseline(kind, table, names)

    def _baseline(self, kind: str, table: Table | None, names: Mapping[str, str]) -> dict[tuple[str, str], Point]:
        packaged = self.known.baselines[kind]
        found: dict[tuple[str, str], Point] = {}
        lacking = []
        for model, row in names.items():
            for benchmark in self.benchmarks:
                text = table.rows.get(row, {}).get(benchmark, "") if table else ""
                if text in _WORDS:
                    found[benchmark, model] = packaged[benchmark, model]
                    lacking.append(f"{benchmark} with {row}")
                else:
                    assert table  # noqa: S101 - for the type checker: without a table there is no text
                    number = share(text, table.path, f"row {shown(row)}, column {benchmark}")
                    found[benchmark, model] = Point(100 * number, self.sizes[benchmark])
        if lacking:
            what = "all of it" if len(lacking) == len(found) else ", ".join(lacking)
            title = BASELINE_TITLES[kind]
            self.into.notes.append(
                f"The baseline {title!r} is not in the folder ({what}): the packaged figures stand in."
            )
        return found

    def _factors(self) -> None:
        if _FACTORS not in self.names:
            return
        document = read_json(self.folder / _FACTORS)
        fine = isinstance(document, dict) and all(
            isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in document.values()
        )
        if not fine:
            raise BadInput(f"{self.folder / _FACTORS} is not an object of weights between 0 and 1.")
        self.into.factors = {name: float(value) for name, value in document.items() if name in self.benchmarks}

    # Agents ----------------------------------------------------------------------------------------------------------

    def _summary(self) -> dict[str, Stated]:
        table = self._table(_SUMMARY, "averages and deviations between runs")
        found = {}
        for key, row in (table.rows if table else {}).items():
            assert table  # noqa: S101 - for the type checker
            if not {"avg", "std", "n"} <= row.keys():
                raise BadInput(f"{table.path} lacks one of the columns avg, std and n.")
            runs = row["n"]
            if not runs.isascii() or not runs.isdigit() or not 0 < int(runs[:9]) < 1000:
                raise BadInput(f"{table.path}, row {shown(key)}: {shown(runs)!r} is not a number of runs.")
            average = 100 * share(row["avg"], table.path, f"row {shown(key)}, column avg")
            spread = None if int(runs) < 2 else 100 * share(row["std"], table.path, f"row {shown(key)}, column std")
            found[key] = Stated(average, spread, int(runs))
        return found

    def _repeated(self, key: str, means: set[str]) -> bool:
        """Whether the files of `key` are left out, because others tell all that they tell."""
        repeat = next((r for r in self.known.repeats if r.key == key and r.of in means), None)
        if repeat is None:
            return False
        if key in means:
            one, other = (read_table(self.folder / f"{_AVG}{k}.csv", "") for k in (key, repeat.of))
            if one.rows != other.rows:
                return False
        self.into.notes.append(f"The files of {shown(key)} are left out, {repeat.why} ({shown(repeat.of)}).")
        return True

    def _mean(self, key: str, agent: str, stated: Stated | None) -> None:
        table = self._table(f"{_AVG}{key}.csv", f"{agent}: mean of runs")
        deviations = self._table(f"{_STD}{key}.csv", f"{agent}: deviation between runs")
        assert table  # noqa: S101 - for the type checker: its name was listed
        if deviations is None:
            self.into.notes.append(f"{agent}: {_STD}{key}.csv is missing, so variation between runs is not known.")
        if not self._of_the_matrix(table, agent):
            return
        runs = stated.runs if stated else _RUNS
        if stated:
            self.into.stated[agent] = stated
        else:
            self.into.notes.append(
                f"{agent} is not in {_SUMMARY}: {_RUNS} runs are assumed; the deviation of its average is not known."
            )
        self._others(table, agent)
        for benchmark, model, text in self._texts(table):
            where = f"row {model}, column {benchmark}"
            status, detail, score = self._read(text, table.path, where)
            spread = None
            if score is not None and deviations is not None:
                written = deviations.rows.get(model, {}).get(benchmark, "")
                spread = None if written in _WORDS else 100 * share(written, deviations.path, where)
            if score is not None:
                status, detail = (
                    Status.UNSTATED,
                    f"mean of {runs} runs; which had a valid score is not published",
                )
            cell = Cell(agent, model, benchmark, f"mean of {runs}", status, score, self.sizes[benchmark])
            shape = {"runs": runs if score is not None else 1, "spread": spread if runs > 1 else None}
            self.into.cells.append(Cell(**{**vars(cell), **shape, "detail": detail}))

    def _single(self, key: str, agent: str) -> None:
        final = self._table(f"{_FINAL}{key}.csv", f"{agent}: one run, after the fallback")
        raw = self._table(f"{_RAW}{key}.csv", f"{agent}: one run, before the fallback")
        table = final or raw
        assert table  # noqa: S101 - for the type checker: one of the names was listed
        if not self._of_the_matrix(table, agent):
            return
        if final is None:
            self.into.notes.append(f"{agent}: {_FINAL}{key}.csv is missing, so what judges flagged is not known.")
        if raw is None:
            self.into.notes.append(
                f"{agent}: {_RAW}{key}.csv is missing, so what became of cells at the base's score is not known."
            )
        self._others(table, agent)
        for benchmark, model, text in self._texts(table):
            before = raw.rows.get(model, {}).get(benchmark) if raw and final else None
            where = f"row {model}, column {benchmark}"
            status, detail, score = self._read(text, table.path, where)
            if score is not None and raw is not None and before is not None:
                status, detail, score = self._compare(score, before, raw.path, (benchmark, model))
            elif score is not None and raw is None and self._is_base(score, (benchmark, model)):
                status, detail = Status.UNSTATED, "equal to the base: a score, or the base's in its place"
            n = self.sizes[benchmark]
            self.into.cells.append(Cell(agent, model, benchmark, "1", status, score, n, detail=detail))

    def _compare(self, after: float, before: str, path: Path, place: tuple[str, str]) -> _Said:
        """What a figure after the fallback says, given what stood there before it. `after` is in per cent."""
        if before in _WORDS:
            if self._is_base(after, place):
                status, detail = _WORDS[before]
                return status, detail, None
            return Status.SCORED, f"{shown(before)!r} before the fallback, but not at the base's score after it", after
        measured = 100 * share(before, path, f"row {place[1]}, column {place[0]}")
        if abs(measured - after) < 100 * _SAME:
            return Status.SCORED, "", after
        if self._is_base(after, place):
            return Status.FLAGGED, "a judge took the score away", measured
        return Status.SCORED, f"was {measured:.2f} before the fallback", after

    def _is_base(self, score: float, place: tuple[str, str]) -> bool:
        return abs(self.into.baselines[BASE][place].score - score) < 100 * _SAME

    def _read(self, text: str, path: Path, where: str) -> _Said:
        if text in _WORDS:
            status, detail = _WORDS[text]
            return status, detail, None
        return Status.SCORED, "", 100 * share(text, path, where)

    def _texts(self, table: Table) -> list[tuple[str, str, str]]:
        """Benchmark, model and text of every place of the matrix; empty where the table has none."""
        return [
            (benchmark, model, table.rows.get(model, {}).get(benchmark, ""))
            for benchmark in self.benchmarks
            for model in self.known.bases
        ]

    def _of_the_matrix(self, table: Table, agent: str) -> bool:
        if set(table.columns) & set(self.benchmarks):
            return True
        self.into.notes.append(f"{shown(table.path.name)} is left out: none of its columns is a benchmark.")
        return False

    def _others(self, table: Table, agent: str) -> None:
        """Say what the table has too much, and what it lacks."""
        for kind, found, expected in (
            ("column", table.columns, self.benchmarks),
            ("row", tuple(table.rows), list(self.known.bases)),
        ):
            for name in found:
                if name not in expected:
                    self.into.notes.append(f"{agent}: the {kind} {shown(name)!r} is not of the matrix and is left out.")
            for name in expected:
                if name not in found:
                    self.into.notes.append(
                        f"{agent}: the {kind} {name} is missing, so its cells count as not submitted."
                    )


def weights_of(baselines: Mapping[str, Baseline], known: Published) -> dict[str, float]:
    names = [benchmark.name for benchmark in known.benchmarks]
    return weights(baselines[BASE], baselines[INSTRUCT], names, known.bases)
