"""A simulation as one HTML page and as terminal lines: who took part, what each was found to be worth, what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from assay.pretrain.plan import Link
from assay.pretrain.recipe import Recipe
from assay.pretrain.simulation.network import Cast, RoundResult
from assay.pretrain.simulation.summary import Summary
from assay.web import drawing, page, plots
from assay.web.plots import Line

_CELL = 20  # pixels of one round in the picture of who was aggregated


@dataclass(frozen=True)
class Peer:
    """One peer as the page shows it."""

    uid: int
    kind: str
    aggregated: int  # rounds
    share: float  # of all that was paid
    state: str


def write(
    dest: Path,
    recipe: Recipe,
    cast: Cast,
    results: Sequence[RoundResult],
    summary: Summary,
    link: Link,
    step_seconds: float,
    parameters: int,
    untrained: float,
) -> None:
    """Write the page; it appears (or is replaced) only when it is whole."""
    values: dict[str, Any] = {
        "title": f"{recipe.name}: {len(results)} rounds, {cast.honest + len(cast.attacks)} peers",
        "recipe": recipe,
        "cast": cast,
        "parameters": parameters,
        "untrained": untrained,
        "last": results[-1],
        "summary": summary,
        "peers": table(cast, results),
        "plots": pictures(recipe, results, link, step_seconds, parameters, untrained),
        "grid": grid(cast, results),
        "link": link,
    }
    page.write_page(dest, page.render("pretrain_simulation.html", ("report.css", "pretrain.css"), **values))


def table(cast: Cast, results: Sequence[RoundResult]) -> list[Peer]:
    """All peers, by uid."""
    last, paid = results[-1], sum(results[-1].paid.values())
    found = []
    for uid in range(cast.honest + len(cast.attacks)):
        kind = "honest" if uid < cast.honest else cast.attacks[uid - cast.honest]
        counted = [r.round for r in results if uid in r.selected or r.weights.get(uid, 0)]
        state = "expelled" if uid in last.expelled else "counts" if counted[-1:] == [last.round] else "does not count"
        found.append(
            Peer(
                uid=uid,
                kind=kind,
                aggregated=sum(uid in r.selected for r in results),
                share=last.paid[uid] / paid if paid else 0.0,
                state=state,
            )
        )
    return found


def pictures(
    recipe: Recipe,
    results: Sequence[RoundResult],
    link: Link,
    step_seconds: float,
    parameters: int,
    untrained: float,
) -> list[tuple[str, Markup]]:
    """Loss against tokens, against bytes that a peer sent, and against time under a stated network."""
    y = "validation loss, nats per token"
    tokens = [(0.0, untrained), *((float(r.tokens), r.loss) for r in results)]
    sent, sparse, dense, clock, slow = 0.0, [], [], 0.0, []
    seconds = []
    for number, result in enumerate(results, 1):
        mean = sum(result.bytes_sent.values()) / max(1, len(result.bytes_sent))
        sent += mean
        sparse.append((sent, result.loss))
        dense.append((4.0 * parameters * number, result.loss))
        train = recipe.inner.steps * step_seconds
        contributors = max(1, len(result.selected))
        clock += train + link.upload(mean) + link.download(mean, contributors)
        seconds.append((clock, result.loss))
        slow.append(
            (
                number * (train + link.upload(4.0 * parameters) + link.download(4.0 * parameters, contributors)),
                result.loss,
            )
        )
    this, other = "SparseLoCo", "sent as float32"
    return [
        (
            "Against tokens that were trained on and aggregated.",
            plots.lines([Line(this, tokens, "one")], title="Loss against tokens", x="tokens", y=y),
        ),
        (
            "Against bytes that each peer sent. The dashed line is the same run, had peers sent whole float32 tensors.",
            plots.lines(
                [Line(this, sparse, "one"), Line(other, dense, "two")],
                title="Loss against bytes sent",
                x="bytes sent by a peer",
                y=y,
                log_x=True,
            ),
        ),
        (
            f"Against time, if every peer had a link of {link.up:g} Mb/s up and {link.down:g} Mb/s down and took "
            f"{step_seconds:.2g} s a step. The chain's fixed phases are left out.",
            plots.lines(
                [Line(this, seconds, "one"), Line(other, slow, "two")],
                title="Loss against time",
                x="seconds",
                y=y,
                log_x=True,
            ),
        ),
    ]


def grid(cast: Cast, results: Sequence[RoundResult]) -> Markup:
    """A row for each peer and a square for each round: full if it was aggregated, a ring if only weighed."""
    count, left, top = cast.honest + len(cast.attacks), 180, 24
    width, height = left + _CELL * len(results) + 6, top + _CELL * count + 6
    svg = drawing.Element("svg", {"class": "plot rounds", "width": str(width), "height": str(height), "role": "img"})
    svg.set("viewBox", f"0 0 {width} {height}")
    svg.set("aria-label", "For each peer and round, whether its contribution was aggregated")
    for number, result in enumerate(results):
        if number % 5 == 0:
            x = left + number * _CELL + _CELL / 2
            drawing.add(svg, "text", "tick middle", x=x, y=top - 8).text = str(result.round)
    for peer in table(cast, results):
        y = top + peer.uid * _CELL
        drawing.add(svg, "text", "tick end", x=left - 8, y=y + 14).text = f"{peer.uid} {peer.kind}"
        for number, result in enumerate(results):
            if peer.uid in result.selected:
                kind = "full honest" if peer.uid < cast.honest else "full attacker"
            else:
                kind = (
                    "weighed" if result.weights.get(peer.uid, 0) else "gone" if peer.uid in result.expelled else "empty"
                )
            square = drawing.add(
                svg, "rect", kind, x=left + number * _CELL + 2, y=y + 2, width=_CELL - 4, height=_CELL - 4, rx=3
            )
            drawing.add(square, "title", "").text = f"uid {peer.uid}, round {result.round}: {kind.partition(' ')[0]}"
    return drawing.markup(svg)
