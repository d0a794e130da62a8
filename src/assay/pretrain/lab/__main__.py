"""`python -m assay.pretrain.lab`: run an experiment, or as much of it as is missing, and print its table."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from assay.core.data import use_folders
from assay.core.errors import BadInput
from assay.core.store import open_store
from assay.pretrain.lab import experiments, report
from assay.pretrain.lab import probe as probing
from assay.pretrain.lab.experiments import Case
from assay.pretrain.lab.gradients import keep
from assay.pretrain.lab.runs import MODELS, Settings
from assay.pretrain.lab.text import read_text
from assay.pretrain.recipe import read_recipe
from assay.terminal import Json, command, emit, out

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

Out = Annotated[Path, typer.Option("--out", help="Folder of the results; what is there is not run again.")]
Data = Annotated[list[Path] | None, typer.Option("--data", help="Folder with wikitext-2/ and tinyshakespeare.txt.")]
Jobs = Annotated[int, typer.Option(min=1, help="Runs at a time, one thread each.")]
Seeds = Annotated[int, typer.Option(min=1)]
Peers = Annotated[int, typer.Option(min=3)]
Tokens = Annotated[int, typer.Option(min=1, help="Of all peers together, rounded up to whole rounds of 60 steps.")]
Sequences = Annotated[int, typer.Option(min=1, help="Per peer and inner step.")]
InnerSteps = Annotated[int, typer.Option("--inner-steps", min=1, help="H: inner steps of a round, a divisor of 60.")]
Model = Annotated[str, typer.Option(help=f"One of {', '.join(MODELS)}.")]
Docs = Annotated[Path | None, typer.Option(help="The docs folder, to write the table (and the plot) into.")]

_ROUND = 60  # every H of the ablation divides it
_PAGE, _PLOT = "pretrain/sparseloco.md", "pretrain/images/sparseloco.svg"
_IMAGE = "\n\n![Validation loss against tokens, bytes sent and minutes](images/sparseloco.svg)"


@app.command()
@command
def compare(
    out_: Out,
    data: Data = None,
    seeds: Seeds = 3,
    peers: Peers = 8,
    tokens: Tokens = 983_040,
    sequences: Sequences = 8,
    inner_steps: InnerSteps = 2,
    model: Model = "5m",
    jobs: Jobs = 2,
    docs: Docs = None,
    json_: Json = False,
) -> None:
    """SparseLoCo, DiLoCo and data-parallel AdamW at equal tokens."""
    cases = list(
        experiments.compare(_base(model, peers, tokens, sequences, inner_steps), seeds, experiments.read_tuned(out_))
    )
    rows = _run(cases, out_, data, jobs, json_, report.compare_table, docs, "compare", _IMAGE)
    plot = (docs / _PLOT) if docs else out_ / "compare.svg"
    report.plot_comparison(rows, plot, report.Network())


@app.command()
@command
def trend(
    out_: Out,
    data: Data = None,
    seeds: Seeds = 1,
    peers: Peers = 8,
    tokens: Tokens = 122_880,
    sequences: Sequences = 2,
    inner_steps: InnerSteps = 2,
    model: Model = "tiny",
    jobs: Jobs = 2,
    docs: Docs = None,
    json_: Json = False,
) -> None:
    """The comparison with half to twice as many steps of two sizes of batch: where the differences go."""
    cases = list(
        experiments.trend(_base(model, peers, tokens, sequences, inner_steps), seeds, experiments.read_tuned(out_))
    )
    _run(cases, out_, data, jobs, json_, report.trend_table, docs, "trend")


@app.command()
@command
def ablate(
    out_: Out,
    data: Data = None,
    seeds: Seeds = 1,
    peers: Peers = 8,
    tokens: Tokens = 245_760,
    sequences: Sequences = 4,
    inner_steps: InnerSteps = 2,
    model: Model = "tiny",
    jobs: Jobs = 2,
    docs: Docs = None,
    only: Annotated[list[str] | None, typer.Option(help="A group of changes, such as k or H. May be repeated.")] = None,
    json_: Json = False,
) -> None:
    """One setting of SparseLoCo changed at a time."""
    cases = list(
        experiments.ablate(_base(model, peers, tokens, sequences, inner_steps), seeds, experiments.read_tuned(out_))
    )
    cases = experiments.of_groups(cases, only or [])
    _run(cases, out_, data, jobs, json_, report.ablation_table, docs, "ablate")


@app.command()
@command
def tune(
    out_: Out,
    data: Data = None,
    peers: Peers = 8,
    tokens: Tokens = 122_880,
    sequences: Sequences = 2,
    inner_steps: InnerSteps = 2,
    model: Model = "5m",
    jobs: Jobs = 2,
    docs: Docs = None,
    wide: Annotated[bool, typer.Option("--wide", help="A wide grid, for a small model.")] = False,
    json_: Json = False,
) -> None:
    """A grid of rates for each method, on a seed that no comparison uses. The best are used by what runs into OUT."""
    cases = list(experiments.tune(_base(model, peers, tokens, sequences, inner_steps), wide))
    mark = "wide" if wide else "tune"
    rows = _run(cases, out_, data, jobs, json_, report.tuning_table, docs, mark)
    experiments.write_tuned(out_, rows)


@app.command()
@command
def robust(
    out_: Out,
    data: Data = None,
    seeds: Seeds = 1,
    tokens: Tokens = 61_440,
    sequences: Sequences = 1,
    inner_steps: InnerSteps = 5,
    model: Model = "1m",
    jobs: Jobs = 2,
    docs: Docs = None,
    json_: Json = False,
) -> None:
    """The aggregates with two of eight peers attacking."""
    cases = list(
        experiments.robust(_base(model, 8, tokens, sequences, inner_steps), seeds, experiments.read_tuned(out_))
    )
    _run(cases, out_, data, jobs, json_, report.robust_table, docs, "robust")


@app.command()
@command
def probe(
    data: Data = None,
    rounds: Annotated[int, typer.Option(min=probing.FIRST + 1)] = 24,
    model: Model = "tiny",
    seed: int = 0,
    docs: Docs = None,
) -> None:
    """What each aggregate makes of each attack in single rounds; quick."""
    use_folders(data or [])
    base = _base(model, 8, 1, 1, 5)
    steps = rounds * base.inner_steps
    settings = base.model_copy(update={"steps": steps, "seed": seed, "warmup": steps // 8})
    looked = probing.Probe(settings, read_text(data or []))
    looked.run()
    out.print(probing.table(looked), markup=False, soft_wrap=True)
    if docs:
        report.write_between(docs / _PAGE, "probe", probing.table(looked))


@app.command()
@command
def gradients(
    out_: Annotated[Path, typer.Option("--out", help="Folder for the files.")],
    data: Data = None,
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")] = "laptop",
    peers: Annotated[int, typer.Option(min=1)] = 4,
    rounds: Annotated[int, typer.Option(min=1)] = 20,
    every: Annotated[int, typer.Option(min=1, help="Rounds from one file to the next.")] = 5,
) -> None:
    """Real pseudo-gradients of a recipe's model, as safetensors files for `benchmarks/wire.py`."""
    use_folders(data or [])
    for path, loss in keep(read_recipe(recipe), open_store(), peers, rounds, every, out_):
        out.print(f"{path}: validation loss {loss:.4f}", markup=False, soft_wrap=True)


def _base(model: str, peers: int, tokens: int, sequences: int, inner_steps: int) -> Settings:
    if model not in MODELS:
        raise BadInput(f"There is no model {model[:40]!r} in the laboratory: choose from {', '.join(MODELS)}.")
    if _ROUND % inner_steps:
        raise BadInput(
            f"H is {inner_steps}: give a divisor of {_ROUND}, so that every run is a whole number of rounds."
        )
    one = Settings(
        method="sparseloco", model=model, peers=peers, sequences=sequences, inner_steps=inner_steps, steps=_ROUND
    )
    rounds = -(-tokens // one.tokens)
    steps = rounds * _ROUND
    return one.model_copy(update={"steps": steps, "warmup": int(experiments.WARMUP * steps)})


def _run(
    cases: Sequence[Case],
    folder: Path,
    data: list[Path] | None,
    jobs: int,
    json_: bool,
    table: Callable[[report.Rows], str],
    docs: Path | None,
    mark: str,
    below: str = "",
) -> report.Rows:
    use_folders(data or [])
    rows = experiments.run_all(cases, folder, data or [], jobs)
    if json_:
        runs = [{"table": c.table, "label": c.label, "result": r.model_dump(mode="json")} for c, r in rows]
        emit({"runs": runs})
    else:
        out.print(table(rows), markup=False, soft_wrap=True)
    if docs:
        report.write_between(docs / _PAGE, mark, table(rows) + below)
    return rows


if __name__ == "__main__":
    app()
