"""Lean sources as tokens, and what a submission may not use.

Lean's grammar can be extended by the file that is read, so a list of refused words is sound only if whatever could
extend it is on the list: then the grammar stays the built-in one, and the words are what they seem. Only bare files
(`prelude`) are read like this: in others a word may mean anything.
"""

import re
from dataclasses import dataclass

from assay.prove.look_alikes import invisible, look_alike


@dataclass(frozen=True)
class Fault:
    """Something in a source that is refused."""

    rule: str
    line: int
    what: str


# What is refused anywhere in a bare file, outside comments: rule, reason, words.
_REFUSED: tuple[tuple[str, str, str], ...] = (
    (
        "grammar",
        "it changes how the rest is read",
        "syntax macro macro_rules notation notation3 infix infixl infixr prefix postfix elab elab_rules "
        "declare_syntax_cat binder_predicate unif_hint simproc register_option register_builtin_option attribute",
    ),
    (
        "code",
        "it runs while it is compiled",
        "run_cmd run_elab run_meta initialize builtin_initialize by_elab dbg_trace unsafe include_str load_dynlib "
        "deriving meta",
    ),
    (
        "realisation",
        "it gives a definition another meaning when it runs",
        "implemented_by extern csimp export_name init builtin_init never_extract",
    ),
    ("assumption", "it takes for granted what is to be proved", "axiom opaque sorry sorryAx ofReduceBool partial"),
    ("assumption", "it believes compiled code", "native_decide bv_decide"),
    ("option", "options can switch the kernel's check off", "set_option"),
    ("names", "it lets other names stand for the task's", "open export alias instance local scoped in"),
    ("names", "it adds hypotheses that a reader does not see", "variable variables include universe"),
    (
        "names",
        "it changes what names mean or who sees them",
        "private protected public module namespace section mutual",
    ),
)
_WORDS = {word: (rule, why) for rule, why, words in _REFUSED for word in words.split()}

_TOKEN = re.compile(
    r"(?P<line>\n)|(?P<comment>/-|--[^\n]*)|(?P<string>\"(?:\\.|[^\"\\])*\")|(?P<char>'(?:\\.|[^'\\])')"
    r"|(?P<quoted>«[^»\n]*»)|(?P<word>#?[^\W\d][\w'!?]*(?:\.[^\W\d][\w'!?]*)*)|(?P<number>\d\w*)"
    r"|(?P<blank>[ \t\r]+)|(?P<sign>.)"
)


class Unreadable(ValueError):
    """A source whose comments or strings have no end."""


def tokens(text: str) -> list[tuple[int, str]]:
    """Words and signs with their lines; comments, strings and blanks are left out."""
    found, line, i = [], 1, 0
    while i < len(text):
        match = _TOKEN.match(text, i)
        if match is None:
            raise Unreadable("it has a character that cannot be read")
        i = match.end()
        kind, piece = match.lastgroup, match[0]
        if kind == "line":
            line += 1
        elif kind == "comment" and piece == "/-":
            i, lines = _skip_comment(text, match.start())
            line += lines
        elif kind in ("word", "quoted", "sign", "number"):
            found.append((line, piece))
        elif kind == "string":
            line += piece.count("\n")
            found.append((line, '""'))
    return found


def _skip_comment(text: str, i: int) -> tuple[int, int]:
    depth, lines = 0, 0
    while i < len(text):
        if text.startswith("/-", i):
            depth, i = depth + 1, i + 2
        elif text.startswith("-/", i):
            depth, i = depth - 1, i + 2
            if depth == 0:
                return i, lines
        else:
            lines += text[i] == "\n"
            i += 1
    raise Unreadable("a comment has no end")


def faults(text: str, allowed_imports: frozenset[str]) -> list[Fault]:
    """What is refused in a bare file, which may import `allowed_imports` only."""
    found = [Fault("look-alike", n, told) for n, line in enumerate(text.split("\n"), 1) if (told := invisible(line))]
    try:
        words = tokens(text)
    except Unreadable as error:
        return [*found, Fault("grammar", 1, str(error))]
    if not words or words[0][1] != "prelude":
        found.append(Fault("imports", 1, "a bare file begins with `prelude`, so that nothing is loaded before it"))
    for place, (line, word) in enumerate(words):
        if told := look_alike(word):
            found.append(Fault("look-alike", line, told))
        if word.startswith("«"):
            found.append(Fault("look-alike", line, f"the quoted name {word[:40]} is refused: write plain names"))
        last = word.rpartition(".")[2]
        for part in {word, last}:
            if part in _WORDS:
                rule, why = _WORDS[part]
                found.append(Fault(rule, line, f"the word `{part}` is refused: {why}"))
                break
        if word.startswith("#"):
            found.append(
                Fault("code", line, f"the command `{word[:30]}` is refused: only the verifier asks the prover")
            )
        if word == "@" and place + 1 < len(words) and words[place + 1][1] == "[":
            found.append(Fault("realisation", line, "attributes are refused: they change how a definition is used"))
        if word == "import":
            name = words[place + 1][1] if place + 1 < len(words) else ""
            if name not in allowed_imports:
                found.append(
                    Fault("imports", line, f"the import of {name[:60]!r} is refused: it is none of the component's")
                )
    return found


def imports(text: str) -> set[str]:
    """The modules that a source imports."""
    try:
        words = [word for _, word in tokens(text)]
    except Unreadable:
        return set()
    return {words[i + 1] for i, word in enumerate(words[:-1]) if word == "import"}


def definition(text: str, name: str) -> tuple[str, str] | None:
    """The definition of `name` as it is written, and the comment just before it, for people to read."""
    match = re.search(rf"^(?:noncomputable )?(?:def|theorem|abbrev)\s+{re.escape(name)}\b", text, re.M)
    if match is None:
        return None
    end = re.compile(r"\n(?=\S)").search(text, match.end())
    written = text[match.start() : end.start() if end else len(text)].strip()
    before = text[: match.start()].rstrip()
    if not before.endswith("-/"):
        return written, ""
    said = before[before.rfind("/-") :].removeprefix("/--").removeprefix("/-").removesuffix("-/")
    return written, re.sub(r"\s+", " ", said).strip()
