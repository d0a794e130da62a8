"""Plain values as one line of JSON and back: what crosses between a program and its tests.

Every value is a pair of a tag and its content. Nothing that is read can run code; anything else is refused.
"""

import json
from typing import Any

LIMIT = 4_000_000  # characters of one line


def pack(value: Any, depth: int = 0) -> Any:
    kind = type(value)  # the exact type: a subclass may carry behaviour of its own
    if depth > 100:
        raise ValueError("nested too deeply")
    if value is None or kind is bool or kind is str:
        return ["plain", value]
    if kind is int:
        return ["int", hex(value)]
    if kind is float:
        return ["float", value.hex()]
    if kind is complex:
        return ["complex", [value.real.hex(), value.imag.hex()]]
    if kind is bytes:
        return ["bytes", value.hex()]
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [pack(item, depth + 1) for item in value]]
    if kind is dict:
        return ["dict", [[pack(k, depth + 1), pack(v, depth + 1)] for k, v in value.items()]]
    raise ValueError(f"a value of the type {kind.__name__} cannot be handed over")


def unpack(pair: Any, depth: int = 0) -> Any:
    if depth > 100 or not isinstance(pair, list) or len(pair) != 2:
        raise ValueError("not a value")
    tag, content = pair
    if tag == "plain" and (content is None or isinstance(content, bool | str)):
        return content
    if tag == "int" and isinstance(content, str):
        return int(content, 16)
    if tag == "float" and isinstance(content, str):
        return float.fromhex(content)
    if tag == "complex" and isinstance(content, list) and len(content) == 2:
        return complex(float.fromhex(content[0]), float.fromhex(content[1]))
    if tag == "bytes" and isinstance(content, str):
        return bytes.fromhex(content)
    if tag in ("list", "tuple", "set", "frozenset") and isinstance(content, list):
        kinds = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
        return kinds[tag](unpack(item, depth + 1) for item in content)
    if tag == "dict" and isinstance(content, list):
        return {unpack(k, depth + 1): unpack(v, depth + 1) for k, v in content}
    raise ValueError("not a value")


def dump(value: Any) -> str:
    line = json.dumps(pack(value))
    if len(line) > LIMIT:
        raise ValueError("too large")
    return line


def load(line: str) -> Any:
    return unpack(json.loads(line))
