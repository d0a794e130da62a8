"""Rocq sources as sentences, and the commands that a submission may not use.

Vernacular commands cannot be defined in Rocq without a plugin, and plugins are refused: so what begins each sentence
says what it does. Assumptions and switched-off checks are not this file's business: they are audited in what was
compiled.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assay.prove.look_alikes import invisible, look_alike


@dataclass(frozen=True)
class Sentence:
    """One sentence without comments; strings are emptied to `""`."""

    line: int
    text: str


@dataclass(frozen=True)
class Fault:
    """Something in a source that is refused."""

    line: int
    what: str


# What may stand before a command without changing which command it is.
_PREFIX = re.compile(
    r"(?:[-+*{}\s]+|\d+\s*:|all\s*:|!\s*:|par\s*:|\[[^\]]*\]\s*:|#\s*\[(?:[^\[\]]|\[[^\[\]]*\])*\]"
    r"|(?:Time|Fail|Succeed|Instructions|Local|Global|Program|Polymorphic|Monomorphic|Cumulative|NonCumulative|Private)\b"
    r"|Export(?=\s+(?:Set|Unset)\b)|Timeout\s+\d+)\s*"
)

_REFUSED: tuple[tuple[str, str], ...] = (
    (r"Declare\s+ML\s+Module\b", "it loads a plugin, which could change what the prover accepts"),
    (r"Load\b(?!\s*:)", "it loads a file as text: use Require"),
    (r"(?:Add|Remove)\s+(?:Rec\s+)?(?:LoadPath|ML\s+Path)\b", "it changes where libraries are looked for"),
    (r"(?:Cd|Pwd)\b", "it changes the folder that the prover works in"),
    (r"Redirect\b", "it writes a file"),
    (r'Print\s+(?:Sorted\s+)?Universes\b[^"]*""', "it writes a file"),
    (r"(?:Write|Restore)\s+State\b", "it writes or reads the state of the prover"),
    (
        r"(?:Recursive\s+|Separate\s+)?Extraction\b|Extract\s+(?:Inlined\s+)?(?:Constant|Inductive)\b|Show\s+Extraction\b",
        "it decides how definitions become programs, which is the verifier's to do",
    ),
    (r"(?:Drop|Quit)\b", "it leaves the prover"),
    (r"Primitive\b", "it declares a primitive of the machine, which no module type may have in this version"),
    (r"Register\b", "it tells the prover which definitions are the standard ones"),
    # Neither Print Assumptions nor coqchk of 8.16 reports what rests on this one.
    (r"Set\s+Definitional\s+UIP\b", "it adds an axiom in the guise of an option"),
    (r"Set\s+Cumulative\s+StrictProp\b", "it changes the rules of the kernel"),
    (r"(?:Set|Unset)\s+Extraction\b", "it changes how definitions become programs"),
    # Loaded is enough: its table then holds for the verifier's translation too, numbers that overflow among it.
    (
        r"(?:From\s+[\w.]+\s+)?Require\b[^\"]*?\bExtr(?:O[cC]aml|Haskell)\w*",
        "it loads a table of how definitions become programs, which is the verifier's to choose",
    ),
)
_REFUSED_RE = tuple((re.compile(pattern), why) for pattern, why in _REFUSED)


class Unreadable(ValueError):
    """A source that is not made of sentences: a comment or string without an end."""


_PIECE = re.compile(r'\(\*|"|\.+|\(|[^("\n.]+|\n')


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a source, as the prover would split them."""
    out: list[str] = []
    line, start, blank = 1, 1, True
    i = 0
    while i < len(text):
        match = _PIECE.match(text, i)
        piece = match[0] if match else text[i]
        ends = False
        if piece == "(*":
            i, lines = _skip_comment(text, i)
            line += lines
            out.append(" ")
            continue
        if piece == '"':
            i, lines = _skip_string(text, i)
            piece, after = '""', line + lines
        else:
            i += len(piece)
            after = line + (piece == "\n")
            ends = piece[0] == "." and len(piece) != 2 and (i >= len(text) or text[i] in " \t\r\n\f")
        if blank and piece.strip():
            start, blank = line, False
        out.append(piece)
        line = after
        if ends:
            yield Sentence(start, "".join(out).strip())
            out, blank = [], True
    if not blank:
        yield Sentence(start, "".join(out).strip())


def _skip_comment(text: str, i: int) -> tuple[int, int]:
    """The place after the comment that begins at `i`, and how many lines it ends. Strings count inside comments."""
    depth, lines, n = 0, 0, len(text)
    while i < n:
        if text.startswith("(*", i):
            depth, i = depth + 1, i + 2
        elif text.startswith("*)", i):
            depth, i = depth - 1, i + 2
            if depth == 0:
                return i, lines
        elif text[i] == '"':
            i, more = _skip_string(text, i)
            lines += more
        else:
            lines += text[i] == "\n"
            i += 1
    raise Unreadable("a comment has no end")


def _skip_string(text: str, i: int) -> tuple[int, int]:
    end = text.find('"', i + 1)
    if end < 0:
        raise Unreadable("a string has no end")
    return end + 1, text.count("\n", i, end)  # a doubled quote reads as two strings: the same to us


def blanked(text: str) -> str:
    """The source with comments and the insides of strings as spaces: every other character stays where it is."""
    out: list[str] = []
    i = 0
    while i < len(text):
        if text.startswith("(*", i):
            end, _ = _skip_comment(text, i)
            out.append(_spaces(text[i:end]))
        elif text[i] == '"':
            end, _ = _skip_string(text, i)
            out += ('"', _spaces(text[i + 1 : end - 1]), '"')
        else:
            end = i + 1
            out.append(text[i])
        i = end
    return "".join(out)


def _spaces(text: str) -> str:
    return "".join("\n" if c == "\n" else " " for c in text)


def command(sentence: str) -> str:
    """What a sentence begins with, once bullets, attributes and the like are taken away."""
    text = sentence
    while match := _PREFIX.match(text):
        if match.end() == 0:
            break
        text = text[match.end() :]
    return text


def faults(text: str) -> list[Fault]:
    """What is refused in a source."""
    try:
        found = list(sentences(text))
    except Unreadable as error:
        return [Fault(1, f"{error}")]
    out = []
    for sentence in found:
        rest = command(sentence.text)
        for pattern, why in _REFUSED_RE:
            if match := pattern.match(rest):
                out.append(Fault(sentence.line, f"the command `{' '.join(match[0].split())}` is refused: {why}"))
        if told := look_alike(sentence.text):
            out.append(Fault(sentence.line, told))
    for number, line in enumerate(text.split("\n"), 1):
        if told := invisible(line):
            out.append(Fault(number, told))
    return out


def required(text: str) -> set[str]:
    """Last names of the libraries that a source loads, in lower case."""
    try:
        found = [command(sentence.text) for sentence in sentences(text)]
    except Unreadable:
        return set()
    names: set[str] = set()
    for sentence in found:
        match = re.match(r"(?:From\s+[\w.]+\s+)?Require\s+(?:Import\s+|Export\s+)?(.*)", sentence, re.S)
        if match is not None:
            names |= {word.strip(".").rpartition(".")[2].lower() for word in re.findall(r"[\w.']+", match[1])}
    return names


def comment_before(text: str, name: str) -> tuple[str, str] | None:
    """The definition of `name` in a source as it is written, and the comment just before it, for people to read."""
    match = re.search(rf"^[ \t]*(?:Definition|Theorem|Fixpoint|Inductive|Record)\s+{re.escape(name)}\b", text, re.M)
    if match is None:
        return None
    end = re.compile(r"\.(?=\s|$)").search(text, match.end())
    written = text[match.start() : end.end() if end else len(text)].strip()
    before = text[: match.start()].rstrip()
    if not before.endswith("*)"):
        return written, ""
    start = before.rfind("(*")
    said = before[start + 2 : -2].strip("* \n\t")
    return written, re.sub(r"\s+", " ", said)
