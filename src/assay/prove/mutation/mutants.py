"""Mutants of a component: one small change each to a definition of the trusted statement or of the program.

Rocq sources are changed as text: within definitions only, outside comments and proofs. Of the submission, only what the
program is made of is changed; helpers of proofs are not. Equal components give equal mutants in equal order.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assay.core.errors import BadInput
from assay.prove.component import Component
from assay.prove.provers.rocq_source import blanked

TRUSTED, PROGRAM = "trusted", "program"


@dataclass(frozen=True)
class Mutant:
    """One change: the text from `start` to `end` of the file `path` becomes `new`."""

    path: str
    part: str  # TRUSTED or PROGRAM
    definition: str
    line: int
    kind: str
    start: int
    end: int
    old: str
    new: str

    @property
    def id(self) -> str:
        """A short name that depends on nothing but the change and its place."""
        place = f"{self.path}\0{self.start}\0{self.old}\0{self.new}"
        return hashlib.sha256(place.encode()).hexdigest()[:12]

    def applied(self, text: str) -> str:
        """The source with the change made."""
        if text[self.start : self.end] != self.old:
            raise BadInput(f"{self.path} is not the file that the mutant {self.id} was made of.")
        return text[: self.start] + self.new + text[self.end :]


@dataclass(frozen=True)
class Definition:
    """A definition in a source: its name, where its sentence begins, and from where to where its body goes."""

    name: str
    sentence: int
    start: int
    end: int


_SENTENCE_END = re.compile(r"(?<!\.)\.(?=\s|\Z)")
_DEFINES = re.compile(
    r"\s*(?:#\s*\[[^\]]*\]\s*)?(?:(?:Local|Global)\s+)?(?:Definition|Fixpoint|Inductive|CoFixpoint|Let)\s+([A-Za-z_][\w']*)"
)


def definitions(text: str) -> list[Definition]:
    """The definitions of a source that have a body."""
    code = blanked(text)
    found, start = [], 0
    for stop in _SENTENCE_END.finditer(code):
        match = _DEFINES.match(code, start, stop.start())
        if match is not None:
            body = code.find(":=", match.end(), stop.start())
            if body >= 0:
                found.append(Definition(match[1], match.start(1), body + 2, stop.start()))
        start = stop.end()
    return found


# Changes: each gives (from, to, replacement, kind) for the body of one definition -----------------------------------

Change = tuple[int, int, str, str]

_NUMBER = re.compile(r"(?<![\w.'])(?:0x[0-9A-Fa-f]+|\d+)(?![\w.'])")
_BYTE = re.compile(r"(?<![\w'])x[0-9a-f]{2}(?![\w'])")


def _constants(code: str) -> Iterator[Change]:
    for match in _NUMBER.finditer(code):
        value = int(match[0], 0)
        for other in (value + 1, value - 1):
            if other >= 0:
                yield match.start(), match.end(), hex(other) if "x" in match[0] else str(other), "constant"
    for match in _BYTE.finditer(code):
        yield match.start(), match.end(), f"x{(int(match[0][1:], 16) + 1) % 256:02x}", "constant"


# A word or sign that stands alone, and what takes its place.
_EXCHANGED: tuple[tuple[str, str, str], ...] = (
    ("<=", "<", "comparison"),
    ("<", "<=", "comparison"),
    ("=", "<>", "comparison"),
    ("<>", "=", "comparison"),
    ("!=", "==", "comparison"),
    ("==", "!=", "comparison"),
    ("<=?", "<?", "comparison"),
    ("<?", "<=?", "comparison"),
    ("<->", "->", "comparison"),
    ("+", "-", "operator"),
    ("-", "+", "operator"),
    ("*", "+", "operator"),
    ("^", "*", "operator"),
    ("/", "*", "operator"),
    ("mod", "/", "operator"),
    (">>", "<<", "operator"),
    ("<<", ">>", "operator"),
    (".&", ".|", "operator"),
    (".|", ".&", "operator"),
    (".^", ".|", "operator"),
    ("&&", "||", "operator"),
    ("||", "&&", "operator"),
    ("/\\", "\\/", "operator"),
    ("Z.lxor", "Z.lor", "operator"),
    ("Z.lor", "Z.land", "operator"),
    ("Z.land", "Z.lor", "operator"),
    ("Z.shiftl", "Z.shiftr", "operator"),
    ("Z.shiftr", "Z.shiftl", "operator"),
    ("Z.odd", "Z.even", "operator"),
    ("exists!", "exists", "quantifier"),
    ("true", "false", "constant"),
    ("false", "true", "constant"),
    ("W8", "W16", "width"),
    ("W16", "W8", "width"),
    ("W32", "W64", "width"),
    ("W64", "W32", "width"),
)
_ALONE = re.compile(r"(?<=[\s(\[])(\S+?)(?=[\s)\];,]|\Z)")
_EXCHANGE = {old: (new, kind) for old, new, kind in _EXCHANGED}


def _exchanges(code: str) -> Iterator[Change]:
    for match in _ALONE.finditer(code):
        found = _EXCHANGE.get(match[1])
        if found is not None:
            yield match.start(1), match.end(1), found[0], found[1]


_TWO = re.compile(r"(?<![\w.'])([A-Za-z_][\w']*) (\+\+|-|<|<=|::|mod|/|>>|<<) ([A-Za-z_][\w']*)(?![\w.'])")
_PAIR = re.compile(r"\[([^][;\"]+); ([^][;\"]+)\]")
_ARGUMENTS = re.compile(r"(?<![\w.'])([A-Za-z_][\w.']*) ([a-z]) ([a-z])(?![\w.'])(?!\s*:)")
_BINDERS = frozenset(("forall", "exists", "fun", "fix", "let", "in", "then", "else", "match", "exists!"))


def _orders(code: str) -> Iterator[Change]:
    for match in _TWO.finditer(code):
        if match[1] != match[3]:
            yield match.start(), match.end(), f"{match[3]} {match[2]} {match[1]}", "order"
    for match in _PAIR.finditer(code):
        if match[1] != match[2]:
            yield match.start(), match.end(), f"[{match[2]}; {match[1]}]", "order"
    for match in _ARGUMENTS.finditer(code):
        if match[2] != match[3] and match[1] not in _BINDERS:
            yield match.start(), match.end(), f"{match[1]} {match[3]} {match[2]}", "order"


_OPEN, _CLOSE = "([{", ")]}"
_MARKS = re.compile(r"<->|->|=>|:=|/\\|\\/|[()\[\]{},;|]")


def _hypotheses(code: str) -> Iterator[Change]:
    """Leave out what stands before an arrow."""
    starts = [0]  # by depth: where what could be a hypothesis begins
    for match in _MARKS.finditer(code):
        mark = match[0]
        if mark in _OPEN:
            starts.append(match.end())
        elif mark in _CLOSE:
            if len(starts) > 1:
                starts.pop()
        elif mark == "->":
            if code[starts[-1] : match.start()].strip():
                yield starts[-1] + _leading_space(code, starts[-1]), match.end(), "", "hypothesis"
            starts[-1] = match.end()
        elif mark in (",", "=>", ":=", "|", ";"):
            starts[-1] = match.end()


def _leading_space(code: str, start: int) -> int:
    return len(code[start:]) - len(code[start:].lstrip())


_IF = re.compile(r"(?<![\w.'])if (.{1,120}?) then(?![\w'])", re.S)
_STEP = re.compile(r"\"[^\"\n]*\"\s*::=[^;{}]*;;")
_PART = r"(\"[^\"]*\"|\([^()]*(?:\([^()]*\)[^()]*)*\)|\w+)"  # a variable, or something in parentheses
_CHOICE = re.compile(rf"(?<![\w.'])(Cond|If) {_PART} {_PART} {_PART}")
_NONE = re.compile(r"(?<![\w.'])None(?![\w'])")


def _branches(code: str, text: str) -> Iterator[Change]:
    for match in _IF.finditer(code):
        yield match.start(1), match.end(1), f"negb ({text[match.start(1) : match.end(1)]})", "branch"
    for match in _STEP.finditer(code):
        yield match.start(), match.end(), "", "step left out"
    for match in _CHOICE.finditer(code):
        parts = [text[match.start(n) : match.end(n)] for n in range(1, 5)]
        if parts[2] != parts[3]:
            yield match.start(), match.end(), f"{parts[0]} {parts[1]} {parts[3]} {parts[2]}", "branch"
    for match in _NONE.finditer(code):
        yield match.start(), match.end(), "(Some nil)", "branch"


_NAMES = re.compile(r"p_(?:params|locals) := \[([^\]]*)\]")
_QUOTED = re.compile(r'"([a-z][a-z0-9_]*)"')


def _variables(text: str) -> Iterator[Change]:
    """Another variable of the same procedure in the place of one."""
    begin = text.find("p_body :=")
    if begin < 0:
        return
    names = [name for part in _NAMES.findall(text) for name in _QUOTED.findall(part)]
    for match in _QUOTED.finditer(text, begin):
        if match[1] in names and len(names) > 1:
            other = names[(names.index(match[1]) + 1) % len(names)]
            yield match.start(1), match.end(1), other, "variable"


def _changes(code: str, text: str, part: str) -> Iterator[Change]:
    yield from _constants(code)
    yield from _exchanges(code)
    yield from _orders(code)
    if part == TRUSTED:
        yield from _hypotheses(code)
    else:
        yield from _branches(code, text)
        yield from _variables(text)


# All of a component -------------------------------------------------------------------------------------------------


def mutants(component: Component) -> list[Mutant]:
    """Every mutant of a Rocq component, in an order that mixes files and kinds; the same each time."""
    if component.manifest.rocq is None:
        raise BadInput(f"{component.name} is not a component of Rocq: only these have mutants.")
    sources = {
        path: (component.root / path).read_text(errors="replace")
        for path in sorted(component.files)
        if path.endswith(".v") and path.partition("/")[0] in ("trusted", "src")
    }
    found = []
    for path, text in sources.items():
        if path.startswith("trusted/"):
            found += _of_file(path, text, TRUSTED, lambda _: True)
    if component.manifest.program is not None:
        own = {path: text for path, text in sources.items() if path.startswith("src/")}
        names = _program_names(own, component.manifest.program.definition.rpartition(".")[2])
        for path, text in own.items():
            found += _of_file(path, text, PROGRAM, names.__contains__)
    return sorted({m.id: m for m in found}.values(), key=lambda m: m.id)


def _of_file(path: str, text: str, part: str, wanted: Callable[[str], bool]) -> list[Mutant]:
    code = blanked(text)
    found = []
    for definition in definitions(text):
        if not wanted(definition.name):
            continue
        body = slice(definition.start, definition.end)
        for start, end, new, kind in _changes(code[body], text[body], part):
            begin, stop = definition.start + start, definition.start + end
            if text[begin:stop] != new:
                line = text.count("\n", 0, begin) + 1
                found.append(Mutant(path, part, definition.name, line, kind, begin, stop, text[begin:stop], new))
    return found


def _program_names(sources: "dict[str, str]", first: str) -> set[str]:
    """Names of the definitions that the program is made of, followed from its own."""
    bodies: dict[str, list[str]] = {}
    for text in sources.values():
        code = blanked(text)
        for definition in definitions(text):
            bodies.setdefault(definition.name, []).append(code[definition.start : definition.end])
    reached: set[str] = set()
    left = [first]
    while left:
        name = left.pop()
        if name in reached or name not in bodies:
            continue
        reached.add(name)
        left += [word for body in bodies[name] for word in re.findall(r"[A-Za-z_][\w']*", body)]
    return reached


def chosen(found: Sequence[Mutant], most: int) -> list[Mutant]:
    """At most `most` of them: about half of the trusted statement's, the rest of the program's."""
    by_part = [[m for m in found if m.part == part] for part in (TRUSTED, PROGRAM)]
    half = min(len(by_part[0]), max(most - len(by_part[1]), (most + 1) // 2))
    picked = by_part[0][:half] + by_part[1][: most - half]
    return sorted(picked, key=lambda m: m.id)
