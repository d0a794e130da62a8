"""`assay canopy ablate`: what each part of the training is worth, as one table. Run again to go on after a stop."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.terminal import Json, command, emit, err, finish, out


@command
def ablate(
    data: Annotated[Path, typer.Argument(help="A folder with a manifest.csv of tiles, split by site.")],
    out_: Annotated[Path, typer.Option("--out", help="Where results are kept: what is there is not done again.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of every training [default: the recipe's].")] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="in-domain, site-held-out or each-site [default: the first two]."),
    ] = None,
    row: Annotated[list[str] | None, typer.Option(help="Only these rows [default: all].")] = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep each model; `evaluate` takes those of each-site.")
    ] = False,
    json_: Json = False,
) -> None:
    """Train with each loss on the same tiles and print one table: in-domain and on sites never seen, by height."""
    from assay.canopy.ablation import PROTOCOLS, ROWS, document, run
    from assay.canopy.tiles import read_manifest
    from assay.core.errors import BadInput

    wanted = protocol or ["in-domain", "site-held-out"]
    if unknown := sorted(set(wanted) - set(PROTOCOLS)):
        raise BadInput(f"There is no protocol {unknown[0][:40]!r}: choose among {', '.join(PROTOCOLS)}.")
    names = [one.name for one in ROWS]
    if unknown := sorted(set(row or []) - set(names)):
        raise BadInput(f"There is no row {unknown[0][:40]!r}: choose among {', '.join(names)}.")
    rows = [one for one in ROWS if row is None or one.name in row]
    tiles = [ref.load() for ref in read_manifest(data) if ref.height is not None]
    chosen = [one for one in PROTOCOLS if one in wanted]
    found = run(
        tiles,
        out_,
        rows,
        chosen,
        range(seeds),
        steps=steps,
        keep_models=keep_models,
        told=lambda name: err.print(f"training: {name}", markup=False, soft_wrap=True),
    )
    made = document(found)
    if keep_models:
        made["models"] = str((out_ / "models").absolute())
    if json_:
        emit(made)
    else:
        _print(made)
    finish(all(target["reached"] is not False for target in made["targets"]))


def _print(made: dict[str, Any]) -> None:
    for protocol in dict.fromkeys(row["protocol"] for row in made["rows"]):
        rows = [row for row in made["rows"] if row["protocol"] == protocol]
        out.print(f"\n[bold]{protocol}[/]: {rows[0]['tiles']} tiles, {rows[0]['seeds']} seeds")
        out.print(_overall(rows))
        out.print(_by_height(rows))
    for claim in made["claims"]:
        figure = _figure(claim["difference"])
        out.print(f"{claim['protocol']}: {claim['claim']}: {claim['answer']} ({figure})", markup=False, soft_wrap=True)
    for target in made["targets"]:
        value = "nothing to measure it on" if target["value"] is None else f"{target['value']:.2f}"
        said = {True: "reached", False: "not reached", None: "not measured"}[target["reached"]]
        out.print(f"{target['protocol']}: {target['target']}: {value}, {said}", markup=False, soft_wrap=True)


def _overall(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Column, Table

    table = Table(
        Column("", no_wrap=True), "MAE m", "RMSE m", "R²", "block R²", "bias m", "edge", "MAE against SiLog", "seeds"
    )
    for row in rows:
        against = row["against_silog"]
        table.add_row(
            row["row"],
            *(_figure(row.get(name)) for name in ("mae", "rmse", "r2", "block_r2", "bias", "edge_error")),
            _figure(against["mae"]) if against else "",
            " ".join(f"{value:.2f}" for value in row["seed_mae"] if value is not None),
        )
    return table


def _by_height(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Column, Table

    bins = [group["name"] for group in rows[0]["heights"]]
    table = Table(Column("MAE / bias m", no_wrap=True), *bins)
    for row in rows:
        by_name = {group["name"]: group for group in row["heights"]}
        table.add_row(row["row"], *(_pair(by_name.get(name)) for name in bins))
    return table


def _figure(figure: dict[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return ""
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]".replace("[", "(").replace("]", ")")


def _pair(group: dict[str, Any] | None) -> str:
    if group is None or "mae" not in group:
        return ""
    return f"{group['mae']['value']:.1f} / {group['bias']['value']:+.1f}"
