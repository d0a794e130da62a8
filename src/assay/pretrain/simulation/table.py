"""The campaign's results as a table of a documentation page, between two marks that name its cast."""

import re
from collections.abc import Sequence
from pathlib import Path

from assay.core.errors import BadInput
from assay.core.whole import write_whole
from assay.pretrain.simulation.attacks import ATTACKS, MIXTURES
from assay.pretrain.simulation.campaign import Line
from assay.pretrain.simulation.liars import LIARS

HEAD = (
    "| attack | what it does | final loss / clean run | counted for, rounds: median / worst | reward | honest expelled "
    "| aggregated | does not hold |\n|---|---|---|---|---|---|---|---|"
)


def table(lines: Sequence[Line]) -> str:
    return "\n".join([HEAD, *map(_row, lines)])


def _row(line: Line) -> str:
    cells = (
        line.name,
        what_it_does(line.name),
        f"{line.loss:.4f}",
        f"{line.rounds[0]:g} / {line.rounds[1]}",
        f"{100 * line.captured:.1f} %",
        str(line.honest_expelled),
        str(line.aggregated),
        ", ".join(line.fails) or "–",
    )
    return "| " + " | ".join(cells) + " |"


def what_it_does(name: str) -> str:
    """One attack in words, from its own description."""
    if name in MIXTURES:
        return "Some do one, some the other: " + ", ".join(MIXTURES[name]) + "."
    found = LIARS[name.removeprefix("validator: ")] if name.startswith("validator: ") else ATTACKS[name]
    return " ".join((found.__doc__ or "").partition("\n\n")[0].split())


def put_into(page: Path, mark: str, text: str) -> None:
    """Replace what stands between `<!-- mark -->` and the next `<!-- end -->` of a page."""
    found = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    written, count = found.subn(lambda place: f"{place[1]}\n{text}\n\n{place[2]}", page.read_text())
    if count != 1:
        raise BadInput(
            f"{page} must have one line `<!-- {mark} -->` with a line `<!-- end -->` after it; it has {count}."
        )
    write_whole(page, written.encode())
