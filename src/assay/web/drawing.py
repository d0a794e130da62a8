"""Elements of inline SVG for pages: no script, no image, no font of their own.

Positions across are percentages and heights are pixels, so a plot fills a phone or a printed page and its text keeps
its size. Colours come from classes in the page's style sheet. Every element is built, never pasted together.
"""

from collections.abc import Callable
from xml.etree import ElementTree

from markupsafe import Markup

from assay.core.plain import one_line

Element = ElementTree.Element
PAD = 3.0  # per cent left free on each side, so that a mark at the end is whole


def svg(height: float, title: str) -> Element:
    """A plot over the whole width, `height` pixels high; `title` is read out to who cannot see it."""
    found = ElementTree.Element("svg", {"class": "plot", "width": "100%", "height": str(height), "role": "img"})
    found.set("aria-label", one_line(title, 300))
    return found


def add(parent: Element, tag: str, kind: str, **attributes: object) -> Element:
    """A new element in `parent`; `kind` is its class, if it has one."""
    element = ElementTree.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
    if kind:
        element.set("class", kind)
    return element


def vertical(parent: Element, kind: str, at: float, top: float, bottom: float) -> None:
    """A line from `top` to `bottom` (pixels) at `at` per cent."""
    add(parent, "line", kind, x1=per(at), x2=per(at), y1=top, y2=bottom)


def text(parent: Element, kind: str, at: float, y: float, words: str) -> None:
    add(parent, "text", kind, x=per(at), y=y).text = one_line(words, 60)


def note(parent: Element, at: float, words: str) -> None:
    """What a line across all rows means, above it; it grows towards the middle, so that it is never cut."""
    text(parent, "note start" if at < 50 else "note end", at, 16, words)


def scale(low: float, high: float, pad: float = PAD) -> Callable[[float], float]:
    """From a value to its position across, in per cent."""
    return lambda value: pad + (100 - 2 * pad) * (value - low) / (high - low)


def per(number: float) -> str:
    return f"{number:.2f}%"


def markup(root: Element) -> Markup:
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - serialised, so all text is escaped
