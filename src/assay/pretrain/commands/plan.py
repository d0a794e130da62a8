"""`assay pretrain plan`: what a run would take, before anybody trains. Only `--dry-run` makes a model, without memory.

Exit 0: a round fits into the recipe's phases. Exit 1: it does not.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from assay.core.errors import BadInput, Unavailable
from assay.terminal import Json, command, emit, finish, foreign, out

if TYPE_CHECKING:
    from assay.pretrain.plan import Claim, Memory, Plan
    from assay.pretrain.recipe import Recipe

_PUBLISHED = "covenant-72b"  # the recipe whose published figures are known


@command
def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Make the model on meta tensors: parameters, memory, bytes per round.")
    ] = False,
    peers: Annotated[int, typer.Option(min=1, help="Peers that train.")] = 20,
    validators: Annotated[int, typer.Option(min=1, help="Validators, with the peers' machines.")] = 1,
    up: Annotated[float, typer.Option(metavar="MB/S", help="A peer's upload, megabits per second.")] = 110.0,
    down: Annotated[float, typer.Option(metavar="MB/S", help="Its download.")] = 500.0,
    latency: Annotated[float, typer.Option(help="Seconds per object.")] = 0.05,
    validator_up: Annotated[float | None, typer.Option(help="A validator's upload; the peers' if not given.")] = None,
    validator_down: Annotated[float | None, typer.Option(help="Its download.")] = None,
    gpu: Annotated[str, typer.Option(help="b200, h200, h100, a100, l40s or rtx4090.")] = "b200",
    gpus: Annotated[int, typer.Option(min=1, help="GPUs per peer.")] = 8,
    tflops: Annotated[float | None, typer.Option(help="Of one GPU, instead of the data sheet's.")] = None,
    mfu: Annotated[float, typer.Option(help="Share of it that training gets.")] = 0.4,
    compute: Annotated[float | None, typer.Option(help="Seconds of training per round, if known.")] = None,
    bits_per_value: Annotated[float | None, typer.Option(help="Of the wire; this project's if not given.")] = None,
    tokens: Annotated[float | None, typer.Option(help="Tokens to train on; all of the recipe's if not given.")] = None,
    price: Annotated[float | None, typer.Option(help="Of a GPU and hour.")] = None,
    feedback: Annotated[str, typer.Option(help="Where error feedback lies while training: host or device.")] = "host",
    json_: Json = False,
) -> None:
    """Compute a run's budget: payload, seconds of a round, utilisation, tokens per day, memory per GPU, money."""
    from assay.pretrain import plan as budget
    from assay.pretrain.recipe import read_recipe

    chosen = read_recipe(recipe)
    if gpu not in budget.GPUS:
        raise BadInput(f"There is no GPU {gpu[:40]!r} in the list: give one of {', '.join(budget.GPUS)}, or --tflops.")
    if feedback not in ("host", "device"):
        raise BadInput("--feedback is host or device.")
    link = budget.Link(up, down, latency)
    made = budget.plan(
        chosen,
        link,
        budget.Machine(gpus, tflops or budget.GPUS[gpu][0], mfu, price),
        peers=peers,
        validators=validators,
        validator_link=budget.Link(validator_up or up, validator_down or down, latency),
        compute=compute,
        bits_per_value=bits_per_value,
        tokens=tokens,
    )
    memory = budget.memory(chosen.model, gpus, feedback_on_device=feedback == "device")
    shape = _dry_run(chosen) if dry_run else None
    claims = budget.published(chosen) if chosen.name == _PUBLISHED else ()
    fits = made.commit_needed <= made.commit_given and made.score_needed <= made.score_given
    if json_:
        document = {**made.to_json(), "fits": fits, "memory": [phase.to_json() for phase in memory]}
        document |= {"dry_run": shape} if shape else {}
        emit(document | ({"published": [vars(claim) for claim in claims]} if claims else {}))
    else:
        if shape:
            _print_shape(shape)
        _print_plan(made)
        _print_memory(memory, budget.GPUS[gpu][1], gpu)
        if claims:
            _print_claims(claims)
    finish(fits)


def _dry_run(recipe: "Recipe") -> dict[str, Any]:
    """What the model on meta tensors has, tied and untied, and what a round sends."""
    try:
        from assay.pretrain.model import build
    except ModuleNotFoundError as error:
        raise Unavailable(f"This needs {error.name}: install it with `pip install 'assay[pretrain]'`.") from None
    from assay.pretrain.plan import PUBLISHED_BITS, REAL_BITS, WIRE_BITS, payload, replace_model, transmitted

    counts = {
        tied: sum(p.numel() for p in build(replace_model(recipe.model, tied=tied), seed=0, meta=True).parameters())
        for tied in (True, False)
    }
    keep = recipe.outer.keep
    kinds = {
        "2 bits": WIRE_BITS[2],
        "1 bit": WIRE_BITS[1],
        "published: 14 bits": PUBLISHED_BITS,
        "published code: 20 bits": REAL_BITS,
    }
    return {
        "parameters_tied": counts[True],
        "parameters_untied": counts[False],
        "tied": recipe.model.tied,
        "values_per_round": transmitted(recipe.model, keep),
        "bytes_per_round": {name: round(payload(recipe.model, keep, bits)) for name, bits in kinds.items()},
        "float32_bytes": 4 * counts[recipe.model.tied],
    }


# Output ---------------------------------------------------------------------------------------------------------------


def _print_shape(shape: dict[str, Any]) -> None:
    table = Table("the model", "", title="On meta tensors", title_justify="left")
    for tied in (True, False):
        word = "tied" if tied else "untied"
        mark = " (this recipe)" if tied == shape["tied"] else ""
        table.add_row(f"parameters, {word}{mark}", f"{shape[f'parameters_{word}']:,}")
    table.add_row("values that a peer sends per round", f"{shape['values_per_round']:,}")
    for name, size in shape["bytes_per_round"].items():
        times = shape["float32_bytes"] / size
        table.add_row(f"bytes per round, {name}", f"{_size(size)}  ({times:.0f} x below float32)")
    out.print(table)


def _print_plan(made: "Plan") -> None:
    round_ = made.round
    table = Table("a round", "seconds", "", title=str(foreign(made.recipe)), title_justify="left")
    rows = [
        ("fetch what was selected", round_.download, f"{made.contributors} x {_size(round_.payload)}"),
        ("train", round_.compute, f"{made.tokens_per_round / made.contributors:,.0f} tokens"),
        ("upload", round_.upload, f"{_size(round_.payload)} at {made.bits_per_value:g} bits a value"),
        ("reveal, publish", round_.waiting, "the recipe's phases"),
        ("be scored: validators fetch", round_.score_download, ""),
        ("be scored: validators evaluate", round_.score_compute, "forward passes only"),
    ]
    for name, seconds, note in rows:
        table.add_row(name, f"{seconds:,.1f}", note)
    table.add_section()
    table.add_row(
        "the shortest round", f"{round_.seconds:,.1f}", f"a peer trains {100 * round_.utilisation:.1f} % of it"
    )
    ahead = f"a peer would train {100 * round_.utilisation_ahead:.1f} %"
    table.add_row("if fetched while being scored", f"{round_.seconds_ahead:,.1f}", ahead)
    table.add_row("by the recipe's clock", f"{made.clock:,}", f"a peer trains {100 * made.utilisation:.1f} % of it")
    out.print(table)
    table = Table("the run", "", show_header=True)
    table.add_row("tokens per round", f"{made.tokens_per_round:,.0f}")
    table.add_row("tokens per day", f"{made.tokens_per_day:,.0f}")
    table.add_row(f"days to {made.tokens:,.0f} tokens", f"{made.days:,.1f}")
    if made.cost is not None:
        machines = f"{made.peers} peers and {made.validators} validators"
        table.add_row("money", f"{made.cost:,.0f} for {machines}")
    for phase, needed, given in (
        ("commit", made.commit_needed, made.commit_given),
        ("score", made.score_needed, made.score_given),
    ):
        fits = "fits" if needed <= given else "[red]does not fit[/]"
        table.add_row(f"phase {phase}", f"{fits}: {needed:,.0f} s of {given:,} s")
    if round_.reexecution:
        share = f"{100 * made.reexecution_share:.1f} % of what the peers compute"
        table.add_row("doing drawn peers' work again", f"{round_.reexecution:,.0f} s a round per validator, {share}")
        table.add_row("machines that this keeps busy, per validator", f"{made.validators_to_keep_up}")
    out.print(table)


def _print_memory(phases: "tuple[Memory, ...]", limit: int, gpu: str) -> None:
    gib = 1 << 30
    table = Table("per GPU, GiB", "on the GPU", "", "on the host", title="Memory", title_justify="left")
    for phase in phases:
        parts = ", ".join(f"{name} {size / gib:.1f}" for name, size in phase.device.items())
        full = "" if phase.device_total < limit * gib else f" [red](a {gpu} has {limit})[/]"
        table.add_row(phase.phase, f"{phase.device_total / gib:.1f}{full}", parts, f"{phase.host_total / gib:.1f}")
    out.print(table)


def _print_claims(claims: "tuple[Claim, ...]") -> None:
    table = Table("published", "as published", "computed", "", title="What follows", title_justify="left")
    for claim in claims:
        verdict = "follows. " if claim.follows else "[red]does not follow.[/] "
        table.add_row(claim.what, claim.published, claim.computed, verdict + claim.because)
    out.print(table)


def _size(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f} B"
