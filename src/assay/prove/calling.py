"""Calls a built library from Python: buffers are handed over without a copy, and the GIL is released meanwhile.

`bind` gives one Python function for each entry point of a component.
"""

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

Function = Callable[..., Any]


def c_type(parameter: Parameter) -> str:
    """The C type of one parameter."""
    if parameter.kind == "buffer":
        return "const uint8_t *"
    if parameter.kind in ("output", "scratch"):
        return "uint8_t *"
    return "uint64_t" if parameter.kind in ("length", "capacity") else _C[parameter.kind]


def declaration(entry: EntryPoint) -> str:
    """The C prototype of an entry point."""
    parameters = ", ".join(c_type(p) for p in entry.parameters) or "void"
    return f"{_C[entry.returns]} {entry.symbol}({parameters});"


def bind(library: Path, entries: Iterable[EntryPoint]) -> list[tuple[EntryPoint, Function]]:
    """Open the shared library and make a function of every entry point. `Unavailable` if it cannot be loaded."""
    ffi = FFI()
    chosen = list(entries)
    ffi.cdef("\n".join(declaration(entry) for entry in chosen))
    try:
        opened = ffi.dlopen(str(library))
        return [(entry, _function(ffi, opened, entry)) for entry in chosen]
    except (OSError, AttributeError) as error:
        raise Unavailable(f"{library.name} cannot be loaded: {error}.") from None


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

    function.__name__ = entry.name
    function.__doc__ = f"{entry.name}({', '.join(names)}): the verified {entry.symbol}."
    return function


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
    outputs: dict[str | None, tuple[Any, int]] = {}
    allocate = ffi.new_allocator(should_clear_after_alloc=False)
    for p in entry.parameters:
        if p.kind == "output":
            room = p.room(lengths[p.of])
            if room > _MAX_ROOM:
                raise ValueError(f"{entry.name}: the input is too long")
            outputs[p.name] = (allocate("uint8_t[]", max(room, 1)), room)
    words = []
    kept = []
    for p in entry.parameters:
        if p.kind == "buffer":
            words.append(views[p.name])
        elif p.kind == "length":
            words.append(lengths[p.of])
        elif p.kind == "output":
            words.append(outputs[p.name][0])
        elif p.kind == "capacity":
            words.append(outputs[p.of][1])
        elif p.kind == "scratch":
            kept.append(ffi.new("uint8_t[]", max(p.bytes, 1)))
            words.append(kept[-1])
        else:
            words.append(given[p.name or ""])
    value = int(call(*words))
    if entry.invalid == "max" and value == _INVALID:
        raise ValueError(f"{entry.name}: the input is not valid")
    if entry.returns == "written":
        ((buffer, room),) = outputs.values()
        if value > room:
            raise ValueError(f"{entry.name} says that it wrote {value} bytes into {room}")
        return bytes(ffi.buffer(buffer, value))
    return bool(value) if entry.returns == "bool" else value
