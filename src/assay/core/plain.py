"""Text from strangers, made safe to look at, in a terminal and on a page.

Nothing is dropped in silence: what cannot be seen, or would turn or stack the text around it, is written as an escape.
Markup is not this file's business: a page still escapes it.
"""

import re
import unicodedata

# Terminal sequences that are complete: they are taken out. Of an incomplete one the rest stays to be read.
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links, clipboard and other strings, with their end
    r"|\x1b[ -/]*[0-~]"  # character sets, resets
)
_STACKED = 4  # combining marks on one letter: more than any language needs, they cover the lines around


def visible(text: str, keep: str = "\n") -> str:
    """`text` with every control, format and direction character written as an escape, but for those in `keep`."""
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for c in text:
        marks = marks + 1 if unicodedata.category(c).startswith("M") else 0
        fine = (c.isprintable() or c in keep) and marks <= _STACKED
        shown.append(c if fine else c.encode("unicode_escape").decode())
    return "".join(shown)


def one_line(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters."""
    line = visible(text[: 4 * most], keep="")
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def terminal_line(text: str) -> str:
    """One line of a program's output as a terminal would leave it: overwritten parts and colours are gone."""
    plain = _SEQUENCE.sub("", text).expandtabs(4)
    written = [part for part in plain.split("\r") if part.strip()]
    return visible(written[-1] if written else "", keep="").rstrip()


def terminal_lines(output: bytes) -> list[str]:
    """A program's output as lines that can be shown anywhere."""
    return [terminal_line(line) for line in output.decode("utf-8", "replace").split("\n")]
