"""What the kernel of Coq 8.16 accepts although it is known to be wrong about it, looked for in compiled files.

Closed proofs of False are known for 8.16 that `coqc` and `coqchk` both accept: by recursion that is not plain, nested
cofixpoints, functors inside modules, inductive types in module types, and cumulative types. They are one code base, so
the second does not help against the first. What is refused here is more than what is wrong: docs/prove/gates.md.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from assay.prove.provers.marshalled import Block, NotMarshalled, Value, segments, unmarshal
from assay.prove.provers.rocq_recursion import NotPlain, Recursions, Strange, array, fields, number
from assay.prove.provers.rocq_source import Unreadable, command, sentences

VERSIONS = ("8.16.",)  # the layout of compiled files that is known here
# Guardedness, positivity and universes are checked; the virtual machine and the like may be on; nothing else is.
_FLAGS = {0: 1, 1: 1, 2: 1, 7: 0, 8: 0, 10: 0, 11: 0}
_CONSTANT, _INDUCTIVE, _MODULE, _MODULE_TYPE = 0, 1, 2, 3
_DEFINED, _OPAQUE, _PRIMITIVE = 1, 2, 3
_FULL_STRUCT = 1
_STRUCT = 1
_MOST = 50


@dataclass(frozen=True)
class Place:
    """Where a declaration stands: its names, and whether it is inside a functor or a module type."""

    names: tuple[str, ...] = ()
    in_functor: bool = False
    in_type: bool = False

    def into(self, name: str, *, functor: bool = False, kind: bool = False) -> "Place":
        return Place((*self.names, name), self.in_functor or functor, self.in_type or kind)

    def __str__(self) -> str:
        return ".".join(self.names)


class Audit:
    """Looks through one compiled file. `found` are sentences on what is refused; `functors` whether it has any."""

    def __init__(self, data: bytes) -> None:
        self.found: list[str] = []
        self.functors = False
        self._recursions = Recursions()
        self._proofs: dict[int, str] = {}  # names of opaque proofs by their place
        parts = segments(data)
        if not {"library", "opaques"} <= parts.keys():
            raise NotMarshalled("it has not the segments that a compiled file has")
        self._library = unmarshal(data, parts["library"][0])
        self._opaques = unmarshal(data, parts["opaques"][0])

    def run(self) -> None:
        """Look at everything. `Strange` or `NotMarshalled` if the file is not built as such files are."""
        compiled = fields(fields(self._library)[0], 4)
        module = fields(compiled[1], 6)
        self._signature(module[2], Place())
        for index, entry in enumerate(array(self._opaques)):
            if isinstance(entry, Block):  # Some
                self._term(fields(fields(entry, 1)[0], 2)[0], self._proofs.get(index, "a proof"))

    def _refuse(self, sentence: str) -> None:
        if len(self.found) < _MOST and sentence not in self.found:
            self.found.append(sentence)

    def _term(self, term: Value, where: str) -> None:
        try:
            self._recursions.check(term)
        except NotPlain as why:
            self._refuse(f"In {where}, {why}")
        except RecursionError:
            raise Strange("a term is too deep to be looked at") from None

    def _signature(self, signature: Value, place: Place) -> None:
        """The fields of a module, or a functor over them."""
        while isinstance(signature, Block) and signature.tag == 1:
            _, parameter, rest = fields(signature, 3)
            if not place.in_functor:
                self.functors = True
            if place.in_functor or len(place.names) != 1:
                self._refuse(f"{place} is a functor inside a module or functor")
            self._signature(fields(parameter, 6)[2], place.into("its parameter", functor=True, kind=True))
            place = Place(place.names, True, place.in_type) if not _is_functor(rest) else place
            signature = rest
        left = fields(signature, 1)[0]
        while isinstance(left, Block):
            entry, left = fields(left, 2)
            label, body = fields(entry, 2)
            name = label.decode(errors="replace") if isinstance(label, bytes) else "?"
            self._field(body, place.into(name))

    def _field(self, body: Value, place: Place) -> None:
        tag = body.tag if isinstance(body, Block) else -1
        inner = fields(body, 1)[0]
        if tag == _CONSTANT:
            self._constant(inner, place)
        elif tag == _INDUCTIVE:
            self._inductive(inner, place)
        elif tag in (_MODULE, _MODULE_TYPE):
            self._module(inner, place, is_type=tag == _MODULE_TYPE)
        else:
            raise Strange("a declaration is of no known kind")

    def _module(self, module: Value, place: Place, *, is_type: bool) -> None:
        _, implementation, signature, *_ = fields(module, 6)
        inside = Place(place.names, place.in_functor, place.in_type or is_type)
        if not is_type:
            written_out = implementation == _FULL_STRUCT or (
                isinstance(implementation, Block) and implementation.tag == _STRUCT
            )
            if _is_functor(signature) and not written_out:
                self._refuse(f"{place} is another name of a functor")
            if place.in_functor and not place.in_type and not written_out:
                self._refuse(f"{place} is a module inside a functor that is not written out")
            if isinstance(implementation, Block) and implementation.tag == _STRUCT:
                self._signature(implementation.fields[0], inside)
        self._signature(signature, inside)

    def _constant(self, constant: Value, place: Place) -> None:
        _, _, body, kind, _, _, _, _, flags = fields(constant, 9)
        self._flags(flags, place)
        if not isinstance(body, Block):
            raise Strange("a constant has no body")
        if body.tag == _PRIMITIVE:
            self._refuse(f"{place} is a primitive of the machine")
        elif body.tag == _DEFINED:
            self._term(body.fields[0], str(place))
        elif body.tag == _OPAQUE:
            self._proofs[number(fields(body.fields[0], 4)[3])] = str(place)
        self._term(kind, f"the type of {place}")

    def _inductive(self, mutual: Value, place: Place) -> None:
        packets, _, _, _, _, _, _, _, parameters, _, _, variance, sections, _, flags = fields(mutual, 15)
        self._flags(flags, place)
        if place.in_type:
            self._refuse(f"{place} is an inductive type in a module type")
        if variance != 0 or sections != 0:
            self._refuse(f"{place} is a cumulative inductive type")
        contexts = [parameters]
        for packet in array(packets):
            one = fields(packet, 16)
            contexts.append(one[1])
            if [number(n) for n in array(one[9])] != [number(n) for n in array(one[10])]:
                self._refuse(f"{place} has a constructor or field that is defined in place")
            for constructor in array(one[4]):
                self._term(constructor, str(place))
        for context in contexts:
            self._context(context, place)

    def _context(self, context: Value, place: Place) -> None:
        """Parameters and indices."""
        while isinstance(context, Block):
            declared, context = fields(context, 2)
            for term in fields(declared)[1:]:
                self._term(term, str(place))
            if isinstance(declared, Block) and declared.tag == 1:
                self._refuse(f"{place} has a parameter that is defined in place")

    def _flags(self, flags: Value, place: Place) -> None:
        given = fields(flags, 12)
        if any(given[index] != value for index, value in _FLAGS.items()):
            self._refuse(f"{place} was accepted with a check of the kernel switched off or changed")


def _is_functor(signature: Value) -> bool:
    return isinstance(signature, Block) and signature.tag == 1


_INCLUDES = re.compile(r"Include\b|(?:Declare\s+)?Module\b.*<\+", re.S)


def includes(text: str) -> int | None:
    """The line of the first sentence that includes one module in another; `None` if none does."""
    try:
        found: Iterable[tuple[int, str]] = [(s.line, command(s.text)) for s in sentences(text)]
    except Unreadable:
        return 1
    return next((line for line, said in found if _INCLUDES.match(said)), None)


def audit(files: Sequence[tuple[str, bytes]], sources: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Every refusal as (file, sentence). `NotMarshalled` or `Strange` if a file cannot be read."""
    functors = False
    for name, data in files:
        one = Audit(data)
        one.run()
        functors = functors or one.functors
        yield from ((name, sentence) for sentence in one.found)
    if not functors:
        return
    for name, text in sources:
        line = includes(text)
        if line is not None:
            yield name, f"line {line} includes a module, and there are functors"
