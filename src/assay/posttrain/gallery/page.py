"""The gallery's tables as one page that works offline and runs nothing."""

import os
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from jinja2 import Environment, PackageLoader, StrictUndefined

from assay.core.errors import Unavailable
from assay.posttrain.gallery.judging import Judgement
from assay.posttrain.gallery.rates import Rate, Summary

_environment = Environment(
    loader=PackageLoader("assay.posttrain.gallery", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def write_page(dest: Path, judgements: Sequence[Judgement], summary: Summary) -> None:
    """Write the page to `dest`, which appears only when it is whole."""
    page = _environment.get_template("page.html").render(
        summary=summary,
        rogues=[j for j in judgements if j.specimen.rogue],
        honest=[j for j in judgements if not j.specimen.rogue],
        bar=_bar,
    )
    place = dest.with_name(f".{dest.name[:200]}.{token_hex(4)}")
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        place.replace(dest)
    except OSError as error:
        place.unlink(missing_ok=True)
        raise Unavailable(f"{dest} cannot be written: {error.strerror}.") from None


def _bar(rate: Rate) -> dict[str, float]:
    """Where an interval and its value stand on a scale of 0 to 100."""
    low, high = rate.interval
    return {"low": 100 * low, "width": 100 * (high - low), "value": 100 * rate.value if rate.n else 0.0}
