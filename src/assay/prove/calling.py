"""Calls a built library from Python: buffers are handed over without a copy, and the GIL is released meanwhile.

`bind` gives one Python function for each entry point of a component. A long output is written straight into the bytes
object that is returned; a short one into memory that is kept for the next call.
"""

import ctypes
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cffi import FFI  # type: ignore[import-untyped]

from assay.core.errors import Unavailable
from assay.prove.component import EntryPoint, Parameter

_C = {
    "u8": "uint8_t",
    "u16": "uint16_t",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "bool": "uint64_t",
    "written": "uint64_t",
}
_INVALID = (1 << 64) - 1
_MAX_ROOM = 1 << 40  # bytes of an output: beyond it the input cannot be meant

_KEPT = 1 << 17  # bytes: outputs with more room than this are not copied

# What a C extension does to make a bytes object: allocate, write, cut. These calls hold the GIL.
_new_bytes = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)
_bytes_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(("PyBytes_AsString", ctypes.pythonapi))
_cut_bytes = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_ssize_t)(("_PyBytes_Resize", ctypes.pythonapi))
_release = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("Py_DecRef", ctypes.pythonapi))

Function = Callable[..., Any]


def c_type(parameter: Parameter) -> str:
    """The C type of one parameter."""
    if parameter.kind == "buffer":
        return "const uint8_t *"
    if parameter.kind in ("output", "scratch"):
        return f"uint{parameter.word}_t *"
    if parameter.kind == "result":
        return "uint64_t *"
    return "uint64_t" if parameter.kind in ("length", "capacity", "constant") else _C[parameter.kind]


def declaration(entry: EntryPoint) -> str:
    """The C prototype of an entry point."""
    parameters = ", ".join(c_type(p) for p in entry.parameters) or "void"
    return f"{_C[entry.returns] if entry.result is None else 'void'} {entry.symbol}({parameters});"


def bind(library: Path, entries: Iterable[EntryPoint]) -> list[tuple[EntryPoint, Function]]:
    """Open the shared library and make a function of every entry point. `Unavailable` if it cannot be loaded."""
    ffi = FFI()
    chosen = list(entries)
    ffi.cdef("\n".join(dict.fromkeys(declaration(entry) for entry in chosen)))
    try:
        opened = ffi.dlopen(str(library))
        return [(entry, _function(ffi, opened, entry)) for entry in chosen]
    except (OSError, AttributeError) as error:
        raise Unavailable(f"{library.name} cannot be loaded: {error}.") from None


class Fresh:
    """A bytes object that nobody has seen yet: room to write to, and then the part that was written."""

    def __init__(self, room: int) -> None:
        self._object = ctypes.c_void_p()
        self._object.value = _new_bytes(None, room)
        self.address: int = _bytes_address(self._object)

    def grow(self, room: int) -> None:
        """More room; what was written stays. `address` may be another one afterwards."""
        _cut_bytes(ctypes.byref(self._object), room)
        self.address = _bytes_address(self._object)

    def take(self, size: int) -> bytes:
        """The first `size` bytes, without a copy. To be called once."""
        _cut_bytes(ctypes.byref(self._object), size)
        slot: Any = ctypes.py_object.from_buffer(self._object)
        taken: bytes = slot.value
        return taken

    def __del__(self) -> None:
        if self._object:  # NULL after a cut that failed
            _release(self._object)


def _function(ffi: FFI, library: Any, entry: EntryPoint) -> Function:
    call = getattr(library, entry.symbol)
    names = [p.name or "" for p in entry.arguments]
    defaults = {p.name or "": p.default for p in entry.arguments if p.default is not None}
    if [p.kind for p in entry.parameters[:2]] == ["buffer", "length"] and entry.returns in ("u8", "u16", "u32", "u64"):
        fast = _checksum(ffi, call, entry)
        if fast is not None:
            return fast

    def function(*arguments: Any, **named: Any) -> Any:
        given = dict(zip(names, arguments, strict=False))
        if len(arguments) > len(names) or given.keys() & named.keys() or not named.keys() <= set(names):
            raise TypeError(f"{entry.name}({', '.join(names)}) was called with other arguments")
        given = {**defaults, **given, **named}
        if missing := [name for name in names if name not in given]:
            raise TypeError(f"{entry.name} needs {', '.join(missing)}")
        return _call(ffi, call, entry, given)

    kinds = [p.kind for p in entry.parameters]
    if kinds == ["buffer", "output", "length"] and names == ["data"] and entry.returns == "written":
        function = _writer(ffi, call, entry, function)
    function.__name__ = function.__qualname__ = entry.name
    function.__doc__ = f"{entry.name}({', '.join(names)}): the verified {entry.symbol}."
    return function


def _writer(ffi: FFI, call: Any, entry: EntryPoint, general: Function) -> Function:
    """The common shape `f(data) -> bytes`, without the cost of the general one when the output is short."""
    output = entry.parameters[1]
    (numerator, denominator), plus = output.times, output.plus
    more = plus * denominator
    longest = (_KEPT - plus) * denominator // max(numerator, 1)
    from_buffer = ffi.from_buffer
    kept: list[tuple[Any, Any]] = []  # memory of earlier calls, at most one for each thread that was inside at once

    def function(data: Any) -> Any:
        view = data if type(data) is bytes else from_buffer("uint8_t[]", data)
        size = len(view)
        if size > longest:
            return general(data)
        try:
            memory = kept.pop()  # no other thread has it then
        except IndexError:
            room = ffi.new("uint8_t[]", _KEPT)
            memory = (room, ffi.buffer(room))
        address, window = memory
        value = call(view, address, size)
        wrong = value * denominator > size * numerator + more and value > output.room(size)
        written = b"" if wrong else window[:value]
        kept.append(memory)
        if wrong:
            raise _refusal(entry, value, output.room(size))
        return written

    return function


def _refusal(entry: EntryPoint, value: int, room: int) -> ValueError:
    if entry.can_refuse and value == _INVALID:
        return ValueError(f"{entry.name}: the input is not valid")
    return ValueError(f"{entry.name} says that it wrote {value} bytes into {room}")


def _checksum(ffi: FFI, call: Any, entry: EntryPoint) -> Function | None:
    """The common shape `f(data, value=default)`, without the cost of the general one."""
    rest = entry.parameters[2:]
    from_buffer = ffi.from_buffer
    if not rest:

        def of_data(data: Any) -> int:
            view = from_buffer("uint8_t[]", data)
            return int(call(view, len(view)))

        return of_data
    if len(rest) == 1 and rest[0].kind in ("u8", "u16", "u32", "u64") and rest[0].default is not None:
        default = rest[0].default

        def of_data_and_value(data: Any, value: int = default) -> int:
            view = from_buffer("uint8_t[]", data)
            return int(call(view, len(view), value))

        return of_data_and_value
    return None


def _call(ffi: FFI, call: Any, entry: EntryPoint, given: dict[str, Any]) -> Any:
    views = {p.name: ffi.from_buffer("uint8_t[]", given[p.name or ""]) for p in entry.parameters if p.kind == "buffer"}
    lengths = {name: len(view) for name, view in views.items()}
    fresh, room = None, 0
    for p in entry.parameters:
        if p.kind == "output":  # there is one at most
            room = p.room(lengths[p.of])
            if room > _MAX_ROOM:
                raise ValueError(f"{entry.name}: the input is too long")
            fresh = Fresh(max(room, 1))
    words: list[Any] = []
    results = {p.name: ffi.new("uint64_t *") for p in entry.parameters if p.kind == "result"}
    for p in entry.parameters:
        if p.kind == "buffer":
            words.append(views[p.name])
        elif p.kind == "length":
            words.append(lengths[p.of])
        elif p.kind == "output":
            words.append(ffi.cast("uint8_t *", fresh.address if fresh else 0))
        elif p.kind == "capacity":
            words.append(room)
        elif p.kind == "scratch":
            words.append(ffi.new(f"uint{p.word}_t[]", max(p.bytes * 8 // p.word, 1)))
        elif p.kind == "constant":
            words.append(p.value)
        elif p.kind == "result":
            words.append(results[p.name])
        else:
            words.append(given[p.name or ""])
    returned = call(*words)
    value = int(returned if entry.result is None else results[entry.result][0])
    if entry.valid is not None and results[entry.valid.result][0] != entry.valid.is_:
        value = _INVALID
    if entry.returns == "written" and fresh:
        if value > room:
            raise _refusal(entry, value, room)
        return fresh.take(value)
    if entry.can_refuse and value == _INVALID:
        raise _refusal(entry, value, room)
    return bool(value) if entry.returns == "bool" else value
