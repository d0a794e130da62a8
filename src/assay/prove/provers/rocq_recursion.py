"""Is every recursion in a term plain? Looked at in what was compiled, apart from the kernel.

Plain: a recursive function is only ever called, and its decreasing argument is a variable that a `match` took out of
the argument that the call began with. The kernel of Coq accepts more, and in 8.16 wrongly so (docs/prove/gates.md):
closed proofs of False by such recursion are known that coqchk accepts too.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from assay.prove.provers.marshalled import Block, Value

REL, VAR, SORT, CAST, PROD, LAMBDA, LETIN, APP, CONST, CASE, FIX, COFIX, PROJ, ARRAY = (
    *(0, 1, 4, 5, 6, 7, 8, 9, 10),
    *(13, 14, 15, 16, 19),
)
_ACC_INV = ("Coq", "Init", "Wf", "Acc_inv")
_DEEP = 400_000


class NotPlain(Exception):
    """A recursion that is not plain; the message says why."""


class Strange(ValueError):
    """A term that is not built as terms are."""


Below = frozenset[int]  # the recursions below whose argument a variable lies
_NONE: Below = frozenset()


@dataclass(frozen=True)
class Variable:
    """What is known of a bound variable. `calls`: the recursion that it is the function of, and the place of its
    decreasing argument. `reach`: recursions whose argument it is or lies below; `below`: where it lies truly below."""

    calls: tuple[int, int] | None = None
    productive: bool = False  # the function of a cofixpoint
    reach: Below = _NONE
    below: Below = _NONE

    @property
    def watched(self) -> bool:
        return self.calls is not None or self.productive


_PLAIN = Variable()


def fields(value: Value, count: int | None = None) -> list[Value]:
    """The fields of a block. `Strange` if it is none, or has others than `count`."""
    if not isinstance(value, Block) or (count is not None and len(value.fields) != count):
        raise Strange("a block is not as it should be")
    return value.fields


def number(value: Value) -> int:
    if not isinstance(value, int):
        raise Strange("there is no number where one should be")
    return value


def array(value: Value) -> list[Value]:
    return [] if isinstance(value, Block) and not value.fields else fields(value)


def children(term: Block) -> list[tuple[Value, int]]:
    """The terms in a term, each with the number of variables that it binds."""
    f = term.fields
    tag = term.tag
    if tag == CAST:
        return [(f[0], 0), (f[2], 0)]
    if tag in (PROD, LAMBDA):
        return [(f[1], 0), (f[2], 1)]
    if tag == LETIN:
        return [(f[1], 0), (f[2], 0), (f[3], 1)]
    if tag == APP:
        return [(f[0], 0), *((a, 0) for a in array(f[1]))]
    if tag == CASE:
        returned = fields(f[3], 2)
        found = [(p, 0) for p in array(f[2])] + [(returned[1], len(array(returned[0]))), (f[5], 0)]
        if isinstance(f[4], Block):
            found += [(i, 0) for i in array(f[4].fields[0])]
        return found + [(fields(b, 2)[1], len(array(fields(b, 2)[0]))) for b in array(f[6])]
    if tag in (FIX, COFIX):
        names, types, bodies = fields(fields(f[0], 2)[1], 3)
        many = len(array(names))
        return [(t, 0) for t in array(types)] + [(b, many) for b in array(bodies)]
    if tag == PROJ:
        return [(f[-1], 0)]
    if tag == ARRAY:
        return [*((v, 0) for v in array(f[1])), (f[2], 0), (f[3], 0)]
    return []


@contextmanager
def _deeply() -> Iterator[None]:
    """Room for deep terms; as it was afterwards."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class Recursions:
    """Checks terms of one compiled file. What is shared among them is looked at once."""

    def __init__(self) -> None:
        self._free: dict[int, int] = {}  # free variables of a term, as bits
        self._recursive: dict[int, bool] = {}  # whether there is a recursion in it
        self._seen: set[tuple[int, tuple[tuple[int, Variable], ...]]] = set()
        self._count = 0

    def check(self, term: Value) -> None:
        """`NotPlain` if some recursion in `term` is not plain. Of its free variables nothing is known."""
        if not isinstance(term, Block):
            raise Strange("a term is a number")
        self._measure(term)
        if self._recursive[id(term)]:
            with _deeply():
                self._walk(term, [_PLAIN] * self._free[id(term)].bit_length())

    def _measure(self, term: Block) -> None:
        """Free variables and recursions of a term and of all in it, without going deep."""
        todo: list[tuple[Block, bool]] = [(term, False)]
        while todo:
            node, ready = todo.pop()
            if id(node) in self._free:
                continue
            inner = [(child, bound) for child, bound in children(node) if isinstance(child, Block)]
            if not ready:
                todo.append((node, True))
                todo += [(child, False) for child, _ in inner if id(child) not in self._free]
                continue
            free, recursive = 0, node.tag in (FIX, COFIX)
            if node.tag == REL:
                free = 1 << (number(node.fields[0]) - 1)
            for child, bound in inner:
                free |= self._free[id(child)] >> bound
                recursive = recursive or self._recursive[id(child)]
            self._free[id(node)], self._recursive[id(node)] = free, recursive

    def _relevant(self, term: Block, context: Sequence[Variable]) -> tuple[tuple[int, Variable], ...]:
        """The variables that are free in a term and of which something is known."""
        free, found, index = self._free[id(term)], [], 1
        while free:
            if free & 1:
                if index > len(context):
                    raise Strange("a variable is bound nowhere")
                variable = context[-index]
                if variable != _PLAIN:
                    found.append((index, variable))
            free >>= 1
            index += 1
        return tuple(found)

    def _walk(self, term: Value, context: list[Variable]) -> None:
        if not isinstance(term, Block):
            raise Strange("a term is a number")
        relevant = self._relevant(term, context)
        if not self._recursive[id(term)] and not any(variable.watched for _, variable in relevant):
            return
        known = (id(term), relevant)
        if known in self._seen:
            return
        self._seen.add(known)
        tag = term.tag
        if tag == REL:
            if context[-number(term.fields[0])].calls is not None:
                raise NotPlain("a recursive function is handed on as a value")
        elif tag == APP:
            self._application(term, context)
        elif tag == CASE:
            self._case(term, context)
        elif tag == FIX:
            self._fix(term, context, _NONE, _NONE)
        elif tag == COFIX:
            self._cofix(term, context)
        elif tag == LETIN:
            self._let(term, context)
        else:
            for child, bound in children(term):
                self._walk(child, [*context, *([_PLAIN] * bound)] if bound else context)

    def _application(self, term: Block, context: list[Variable]) -> None:
        head, arguments = fields(term.fields[0]), array(term.fields[1])
        function = term.fields[0]
        assert isinstance(function, Block)  # noqa: S101 - `fields` has seen to it
        called = context[-number(head[0])] if function.tag == REL else _PLAIN
        if called.calls is not None:
            recursion, place = called.calls
            if place >= len(arguments):
                raise NotPlain("a recursive function is called without its decreasing argument")
            if recursion not in self._below(arguments[place], context):
                raise NotPlain("the argument of a recursive call is not a variable that a match took out of the first")
        elif function.tag == FIX:
            place = self._place(function)
            known = self._known(arguments[place], context) if place < len(arguments) else _PLAIN
            self._fix(function, context, known.reach, known.below)
        else:
            self._applied(function, arguments, context)
        for argument in arguments:
            self._walk(argument, context)

    def _applied(self, function: Value, arguments: Sequence[Value], context: list[Variable]) -> None:
        """A function whose first arguments are known: its variables are names for them."""
        inside = list(context)
        for argument in arguments:
            if not isinstance(function, Block) or function.tag != LAMBDA:
                break
            self._walk(function.fields[1], inside)
            inside.append(self._known(argument, context))
            function = function.fields[2]
        self._walk(function, inside)

    def _known(self, term: Value, context: list[Variable]) -> Variable:
        """What is known of a term: it is a variable, or something is taken out of one."""
        if not isinstance(term, Block):
            return _PLAIN
        if term.tag == CAST:
            return self._known(term.fields[0], context)
        if term.tag == REL:
            found = context[-number(term.fields[0])]
            return Variable(reach=found.reach, below=found.below)
        if term.tag == APP:
            head, arguments = term.fields[0], array(term.fields[1])
            if isinstance(head, Block) and head.tag == REL:
                below = context[-number(head.fields[0])].below  # a branch of something below
                return Variable(reach=below, below=below)
            if isinstance(head, Block) and head.tag == CONST and len(arguments) >= 4 and _is_acc_inv(head):
                reach = self._known(arguments[3], context).reach
                return Variable(reach=reach, below=reach)
        return _PLAIN

    def _below(self, term: Value, context: list[Variable]) -> Below:
        return self._known(term, context).below

    def _case(self, term: Block, context: list[Variable]) -> None:
        branches = array(term.fields[6])
        matched = self._known(term.fields[5], context).reach
        taken = Variable(reach=matched, below=matched)
        for child, bound in children(term)[: -len(branches)] if branches else children(term):
            self._walk(child, [*context, *([_PLAIN] * bound)])
        for branch in branches:
            names, body = fields(branch, 2)
            self._walk(body, [*context, *([taken] * len(array(names)))])

    def _let(self, term: Block, context: list[Variable]) -> None:
        value, kind, body = term.fields[1:4]
        self._walk(value, context)
        self._walk(kind, context)
        self._walk(body, [*context, self._known(value, context)])

    @staticmethod
    def _place(term: Block) -> int:
        """The place of the decreasing argument of a recursion's main function."""
        places, main = fields(fields(term.fields[0], 2)[0], 2)
        return number(array(places)[number(main)])

    def _fix(self, term: Block, context: list[Variable], reach: Below, below: Below) -> None:
        """A recursion that begins with something of which `reach` and `below` are known: so are its arguments."""
        indices, declared = fields(term.fields[0], 2)
        places = [number(place) for place in array(fields(indices, 2)[0])]
        _, types, bodies = fields(declared, 3)
        for kind in array(types):
            self._walk(kind, context)
        self._count += 1
        recursion = self._count
        inner = [*context, *(Variable(calls=(recursion, place)) for place in places)]
        for place, body in zip(places, array(bodies), strict=True):
            inside, left = list(inner), body
            for position in range(place + 1):
                if not isinstance(left, Block) or left.tag != LAMBDA:
                    raise NotPlain("a recursive function does not begin with its arguments")
                self._walk(left.fields[1], inside)
                argument = Variable(reach=reach | {recursion}, below=below)
                inside.append(argument if position == place else _PLAIN)
                left = left.fields[2]
            self._walk(left, inside)

    def _cofix(self, term: Block, context: list[Variable]) -> None:
        if any(variable.productive for _, variable in self._relevant(term, context)):
            raise NotPlain("a cofixpoint stands inside another and calls it")
        _, types, bodies = fields(fields(term.fields[0], 2)[1], 3)
        for kind in array(types):
            self._walk(kind, context)
        inner = [*context, *([Variable(productive=True)] * len(array(bodies)))]
        for body in array(bodies):
            self._walk(body, inner)


def _is_acc_inv(term: Block) -> bool:
    return constant_name(fields(term.fields[0], 2)[0]) == _ACC_INV


def constant_name(value: Value) -> tuple[str, ...]:
    """The full name of a constant or inductive type, from the outermost folder on; empty if it is inside a functor."""
    kernel_name = fields(fields(value)[0])
    path, label = kernel_name[0], kernel_name[1]
    parts = [label]
    while isinstance(path, Block) and path.tag == 2:
        parts.append(path.fields[1])
        path = path.fields[0]
    if not isinstance(path, Block) or path.tag != 0:
        return ()
    place = path.fields[0]
    while isinstance(place, Block):
        parts.append(place.fields[0])
        place = place.fields[1]
    return tuple(part.decode(errors="replace") for part in reversed(parts) if isinstance(part, bytes))
