"""What every page has in common: it is one file, explains itself, works offline, runs nothing and appears only whole.

A strict content security policy allows a page its own style sheet and nothing else. Every string goes through
`plain.visible` and HTML escaping on its way out, whoever wrote it.
"""

import base64
import hashlib
import os
from pathlib import Path
from secrets import token_hex
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.core.errors import Unavailable
from assay.core.plain import one_line, visible

_TEXT = 2000  # characters of one string that are shown


def render(template: str, styles: tuple[str, ...], *, pictures: bool = False, **values: Any) -> str:
    """The page `template` with the style sheets `styles`, all of them files of `web/templates`.

    With `pictures` the page may show images that it carries itself (`data:` addresses); it never loads any.
    """
    style = "\n".join(_environment.get_template(name).render() for name in styles)
    return _environment.get_template(template).render(
        style=Markup(style),  # noqa: S704 - our own files
        policy=_policy(style, pictures),
        **values,
    )


def write_page(dest: Path, page: str) -> None:
    """Write `page` to the file `dest`, which appears (or is replaced) only when it is whole."""
    place = dest.with_name(f".{dest.name[:200]}.{token_hex(4)}")
    try:
        try:
            with place.open("xb") as file:
                file.write(page.encode())
                file.flush()
                os.fsync(file.fileno())
            place.replace(dest)
        finally:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"{one_line(str(dest), 200)} cannot be written: {error.strerror}.") from None


def _policy(style: str, pictures: bool) -> str:
    """Nothing may be loaded, run or sent; the one style sheet is named by its hash."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = "img-src data:; " if pictures else ""
    return f"default-src 'none'; {images}style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _safe(value: Any) -> Any:
    """What every value in a template goes through before it is escaped."""
    if isinstance(value, Markup):
        return value
    return visible(value if len(value) <= _TEXT else value[:_TEXT] + "…") if isinstance(value, str) else value


_environment = Environment(
    loader=PackageLoader("assay.web"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_safe,
    trim_blocks=True,
    lstrip_blocks=True,
)
