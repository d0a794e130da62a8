"""What a Python script says it does: its calls, with names followed through imports, assignments and constants.

Nothing is run. Names are resolved as far as plain assignments go; what is computed at run time stays unknown.
"""

import ast
import functools
import io
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_SCRIPT = 1 << 20  # characters that are parsed: longer than any script written by hand
_DEPTH = 20  # names followed through names


@dataclass(frozen=True)
class Call:
    """One call. `name` is dotted: `openai.OpenAI`, `openai.OpenAI().chat.completions.create`."""

    name: str
    line: int
    strings: tuple[str, ...]  # all text among its arguments, constants followed
    keywords: Mapping[str, tuple[str, ...]]  # text in each keyword argument
    node: ast.Call = field(repr=False)

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Script:
    """A parsed script."""

    tree: ast.Module
    calls: tuple[Call, ...]
    names: Mapping[str, str]  # what local names stand for: imports and objects made by calls
    constants: Mapping[str, ast.expr]

    def name_of(self, node: ast.expr) -> str:
        return _name(node, self.names)

    def strings_in(self, node: ast.AST) -> tuple[str, ...]:
        return tuple(_strings(node, self.constants))


@functools.lru_cache(maxsize=256)  # several rules look at each script
def parse(text: str) -> Script | None:
    """The script in `text`, or none if it is not Python or too long to be looked at."""
    if len(text) > MAX_SCRIPT:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in somebody else's strings
            tree = ast.parse(text)
        names, constants = _bindings(tree)
        calls = tuple(_call(node, names, constants) for node in ast.walk(tree) if isinstance(node, ast.Call))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Script(tree, calls, names, constants)


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of every comment; of what is not Python, of every line that has a `#` or `//`."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("# ")
    except (SyntaxError, tokenize.TokenError, ValueError):
        for number, line in enumerate(text.split("\n"), 1):
            mark = min((at for at in (line.find("#"), line.find("//")) if at >= 0), default=-1)
            if mark >= 0:
                yield number, line[mark:].lstrip("#/ ")


def _bindings(tree: ast.Module) -> tuple[dict[str, str], dict[str, ast.expr]]:
    names: dict[str, str] = {}
    constants: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        for target, value in _assignments(node):
            called = value.value if isinstance(value, ast.Await) else value
            if isinstance(called, ast.Call):
                names.setdefault(target, f"{_name(called.func, names)}()")
            elif isinstance(called, ast.Attribute) or (isinstance(called, ast.Name) and called.id in names):
                names.setdefault(target, _name(called, names))
            constants.setdefault(target, value)
    return names, constants


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Attribute):
                yield target.attr, node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value
    elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        yield node.optional_vars.id, node.context_expr


def _call(node: ast.Call, names: Mapping[str, str], constants: Mapping[str, ast.expr]) -> Call:
    keywords = {k.arg: tuple(_strings(k.value, constants)) for k in node.keywords if k.arg}
    strings = [s for argument in node.args for s in _strings(argument, constants)]
    strings += [s for k in node.keywords for s in _strings(k.value, constants)]
    return Call(_name(node.func, names), node.lineno, tuple(strings), keywords, node)


def _name(node: ast.expr, names: Mapping[str, str]) -> str:
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            parts.append("()")
            node = node.func
        elif isinstance(node, ast.Subscript | ast.Await):
            node = node.value
        else:
            break
    root = names.get(node.id, node.id) if isinstance(node, ast.Name) else "?"
    if isinstance(node, ast.Name) and node.id in ("self", "cls") and parts and parts[-1] in names:
        root = names[parts.pop()]
    return ".".join([root, *reversed(parts)]).replace(".()", "()")


def _strings(node: ast.AST, constants: Mapping[str, ast.expr], depth: int = 0) -> Iterator[str]:
    """Text in an expression: literals joined where the code joins them, names followed to what was assigned."""
    if depth > _DEPTH:
        return
    whole = _literal(node, constants, depth)
    if whole is not None:
        yield whole
        return
    if isinstance(node, ast.Name) and node.id in constants:
        yield from _strings(constants[node.id], {k: v for k, v in constants.items() if k != node.id}, depth + 1)
        return
    for child in ast.iter_child_nodes(node):
        yield from _strings(child, constants, depth + 1)


def _literal(node: ast.AST, constants: Mapping[str, ast.expr], depth: int) -> str | None:
    """The text an expression stands for, with `…` for what is not known; none if it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_piece(value, constants, depth) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div) and depth < _DEPTH:
        left, right = (_side(side, constants, depth) for side in (node.left, node.right))
        if left is None and right is None:
            return None
        joint = "/" if isinstance(node.op, ast.Div) else ""
        return f"{'…' if left is None else left}{joint}{'…' if right is None else right}"
    return None


def _piece(node: ast.expr, constants: Mapping[str, ast.expr], depth: int) -> str:
    if isinstance(node, ast.FormattedValue):
        node = node.value
    return _side(node, constants, depth) or "…"


def _side(node: ast.expr, constants: Mapping[str, ast.expr], depth: int) -> str | None:
    if isinstance(node, ast.Name) and node.id in constants and depth < _DEPTH:
        return _literal(constants[node.id], {k: v for k, v in constants.items() if k != node.id}, depth + 1)
    if isinstance(node, ast.Call) and len(node.args) == 1:  # Path("x") / "y", str(x)
        return _literal(node.args[0], constants, depth + 1)
    return _literal(node, constants, depth + 1)
