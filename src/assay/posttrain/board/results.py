"""PostTrainBench's own result folders as cells: METHOD/BENCHMARK_ORGANISATION_MODEL_ID/ with metrics and judgements.

Of several runs of one cell in one method folder the one with the highest id counts, compared as a number. What has no
valid metrics was not submitted or is broken; what a judge flagged is flagged; where the judgement is missing or cannot
be read the cell is undecided. All of these count as the base under the rule `base`, as in the original's aggregation.
The judgements are texts in folders that agents could write: they are read strictly and believed only that far.
"""

import re
from pathlib import Path

from assay.core.errors import BadInput, LimitExceeded
from assay.posttrain.board.cells import Cell, Status, agent_name
from assay.posttrain.board.published import Published
from assay.posttrain.board.reading import is_folder, names_in, read_json, read_text, shown
from assay.posttrain.board.tables import Imported

_CELL = re.compile(r"(?P<benchmark>[a-z0-9]+)_(?P<model>.{1,200})_(?P<id>[0-9]{1,15})")
_RUN = re.compile(r"(?P<agent>.+?)_(?P<run>(?:run|seed)[0-9]+.*)")  # METHOD of a repetition: …_10h_run2
_SKIPPED = ("baseline", "baseline_zeroshot", "baseline_fewshot")
_MAX_TEXT = 1 << 16  # bytes of a judgement or of metrics

# Version 1 of the judge: a file, what it says when all is well, and what it says when it is not.
_TEXTS = (
    ("contamination_judgement.txt", "no contamination detected", "contamination detected"),
    ("disallowed_model_judgement.txt", "only allowed use detected", "disallowed use detected"),
)
# Version 1.1: documents with booleans; a _rerun takes the place of the first. Without the first the cell is undecided.
_DOCUMENTS = (
    ("judgement_gpt5_4", ("contamination", "disallowed_model"), True),
    ("judgement_api", ("disallowed_api_usage",), False),  # absent for runs from before that judge
    ("judgement_ptb_lookup", ("disallowed_ptb_lookup",), False),
)


def holds_results(folder: Path) -> bool:
    """Whether `folder` is a results folder or the folder of one method in it."""
    return bool(_methods(folder))


def read_results(folder: Path, known: Published, into: Imported) -> None:
    """Add a cell for each place of the matrix and each method that has any result."""
    for method in _methods(folder):
        if method.name in _SKIPPED or method.name.startswith("_"):
            into.notes.append(f"The folder {shown(method.name)!r} is left out: it holds no agent's results.")
            continue
        match = _RUN.fullmatch(method.name)
        agent, run = (match["agent"], match["run"]) if match else (method.name, "1")
        latest = _latest(method, known, into)
        for benchmark in known.benchmarks:
            for model in known.bases:
                found = latest.get((benchmark.name, model))
                status, score, detail = _read(found) if found else (Status.NOT_SUBMITTED, None, "there was no run")
                cell = Cell(agent_name(agent), model, benchmark.name, shown(run), status, score, benchmark.items)
                into.cells.append(Cell(**{**vars(cell), "detail": detail}))


def _methods(folder: Path) -> list[Path]:
    """The method folders: `folder` itself, or those in it that hold cells."""
    inside = [folder / name for name in names_in(folder) if is_folder(folder / name)]
    if any(_CELL.fullmatch(path.name) for path in inside):
        return [folder]
    return [path for path in inside if any(_CELL.fullmatch(n) and is_folder(path / n) for n in names_in(path))]


def _latest(method: Path, known: Published, into: Imported) -> dict[tuple[str, str], Path]:
    """The newest run of each cell, by its number."""
    models = {model.hub.replace("/", "_"): model.name for model in known.models} | {m: m for m in known.bases}
    benchmarks = {benchmark.name for benchmark in known.benchmarks}
    newest: dict[tuple[str, str], tuple[int, Path]] = {}
    for name in names_in(method):
        match = _CELL.fullmatch(name)
        if not match or not is_folder(method / name):
            into.notes.append(f"{shown(method.name)}: {shown(name)!r} is not the folder of a result and is left out.")
        elif match["benchmark"] not in benchmarks or match["model"] not in models:
            into.notes.append(f"{shown(method.name)}: {shown(name)!r} is not of the matrix and is left out.")
        else:
            key, number = (match["benchmark"], models[match["model"]]), int(match["id"])
            if key not in newest or number > newest[key][0]:
                newest[key] = number, method / name
    return {key: path for key, (_, path) in newest.items()}


def _read(folder: Path) -> tuple[Status, float | None, str]:
    """Status, score in per cent and the reason of one result."""
    score, why = _accuracy(folder)
    if score is None:
        if not (folder / "time_taken.txt").exists():
            return Status.NOT_SUBMITTED, None, f"{why}, and the run did not end"
        if not (folder / "final_model").is_dir():
            return Status.NOT_SUBMITTED, None, f"{why}, and no final model was left"
        return Status.BROKEN, None, why
    flagged, unclear = _judgements(folder)
    if flagged:
        return Status.FLAGGED, score, f"flagged by {', '.join(flagged)}"
    if unclear:
        return Status.UNDECIDED, score, "; ".join(unclear)
    return Status.SCORED, score, ""


def _accuracy(folder: Path) -> tuple[float | None, str]:
    try:
        document = read_json(folder / "metrics.json", _MAX_TEXT)
    except (BadInput, LimitExceeded):
        missing = not (folder / "metrics.json").exists()
        return None, "there is no metrics.json" if missing else "metrics.json cannot be read"
    number = document.get("accuracy") if isinstance(document, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        return None, "metrics.json has no accuracy between 0 and 1"
    return 100 * number, ""


def _judgements(folder: Path) -> tuple[list[str], list[str]]:
    """What judges flagged, and what is missing or cannot be read. Version 1.1 counts if there is any of it."""
    newer = any((folder / f"{stem}{end}.json").exists() for stem, _, _ in _DOCUMENTS for end in ("_rerun", ""))
    return _from_documents(folder) if newer else _from_texts(folder)


def _from_texts(folder: Path) -> tuple[list[str], list[str]]:
    flagged, unclear = [], []
    for name, well, ill in _TEXTS:
        try:
            said = read_text(folder / name, _MAX_TEXT).strip()
        except (BadInput, LimitExceeded):
            unclear.append(f"{name} is missing or cannot be read")
            continue
        if said == ill:
            flagged.append(name)
        elif said != well:
            unclear.append(f"{name} says neither yes nor no")
    return flagged, unclear


def _from_documents(folder: Path) -> tuple[list[str], list[str]]:
    flagged, unclear = [], []
    for stem, fields, needed in _DOCUMENTS:
        path = folder / f"{stem}_rerun.json"
        path = path if path.exists() else folder / f"{stem}.json"
        if not path.exists() and not path.is_symlink():
            if needed:
                unclear.append(f"{stem}.json is missing")
            continue
        try:
            document = read_json(path, _MAX_TEXT)
        except (BadInput, LimitExceeded):
            unclear.append(f"{path.name} cannot be read")
            continue
        for name in fields:
            said = document.get(name) if isinstance(document, dict) else None
            if said is True:
                flagged.append(f"{name} in {path.name}")
            elif said is not False:
                unclear.append(f"{path.name} does not say yes or no to {name}")
    return flagged, unclear
