"""Verified components against the libraries that they replace, called from Python, in one run.

usage: python benchmarks/prove.py [--megabytes 8] [--tries 7] [--only base64] [--json]

Each figure is the best of several tries on one thread, in input bytes. A function and its original take turns, and the
ratio is of one run. Base64 is measured at sizes from 1 KiB to 16 MiB, LEB128 on 64 KiB against a loop in Python (it has
no other original), the rest at one size. A component that is not in the folder of components is left out.
"""

import argparse
import binascii
import json
import random
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from assay.core.errors import BadInput
from assay.prove import load

BASE64_SIZES = [1 << n for n in range(10, 25, 2)]
MIXED = "Zürich, Αθήνα and Київ – a naïve café, 東京の天気 😀; plain words stand between them. "


@dataclass(frozen=True)
class Case:
    """One function on one input, and the ratio that it is to reach."""

    component: str
    function: str
    what: str
    data: bytes
    original: Callable[[bytes], Any]
    wanted: float
    agrees: Callable[[Any, Any], bool] = lambda ours, theirs: bool(ours == theirs)


def cases(size: int) -> Iterator[Case]:
    """What is measured. Random bytes, a base64 text of `size` bytes, and UTF-8 of two kinds."""
    data = random.Random(0).randbytes(size)
    yield Case("adler32", "adler32", "random", data, zlib.adler32, 0.6)
    yield Case("crc32", "crc32", "random", data, zlib.crc32, 0.5)
    for n in BASE64_SIZES:
        part = random.Random(0).randbytes(n)
        text = binascii.b2a_base64(part[: n * 3 // 4], newline=False)
        yield Case("base64", "encode", shown(n), part, lambda d: binascii.b2a_base64(d, newline=False), 1.0)
        yield Case("base64", "decode", shown(n), text, strict, 1.0)
    for what, text in (("ascii", "Plain words stand between the others. "), ("mixed", MIXED)):
        encoded = (text * (size // len(text.encode()) + 1)).encode()
        yield Case("utf8", "valid", what, encoded, bytes.decode, 0.5, lambda ours, theirs: ours is True)
    numbers = array("Q", (random.Random(n).getrandbits(n % 65) for n in range(8192)))
    yield Case("leb128", "encode_unsigned", "64 KiB", numbers.tobytes(), written, 1.0)
    yield Case("leb128", "decode_unsigned", "its codes", written(numbers.tobytes()), read, 1.0)


def strict(text: bytes) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def written(memory: bytes) -> bytes:
    """The LEB128 of an array of numbers."""
    out = bytearray()
    for number in array("Q", memory):
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def read(text: bytes) -> bytes:
    """The numbers of their LEB128; codes that are not the shortest are not looked for."""
    numbers, number, shift = array("Q"), 0, 0
    for byte in text:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    return numbers.tobytes()


def shown(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def rates(functions: list[Callable[[bytes], Any]], data: bytes, tries: int) -> list[float]:
    """Bytes a second of each function: the best try. They take turns: a busy machine is busy for all of them."""
    repeats = max(1, (1 << 18) // len(data))
    best = [float("inf")] * len(functions)
    for _ in range(tries):
        for i, function in enumerate(functions):
            started = time.perf_counter()
            for _ in range(repeats):
                function(data)
            best[i] = min(best[i], (time.perf_counter() - started) / repeats)
    return [len(data) / seconds for seconds in best]


def measure(case: Case, tries: int) -> dict[str, Any] | None:
    try:
        function = load(case.component).functions[case.function]
    except BadInput:
        return None
    assert case.agrees(function(case.data), case.original(case.data))
    ours, theirs = rates([function, case.original], case.data, tries)
    return {
        "component": case.component,
        "function": case.function,
        "input": case.what,
        "bytes": len(case.data),
        "ours": ours,
        "original": theirs,
        "ratio": ours / theirs,
        "wanted": case.wanted,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--tries", type=int, default=7)
    parser.add_argument("--only", help="one component")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    asked = (case for case in cases(chosen.megabytes << 20) if chosen.only in (None, case.component))
    rows = [row for case in asked if (row := measure(case, chosen.tries))]
    if chosen.json:
        print(json.dumps({"bytes": chosen.megabytes << 20, "tries": chosen.tries, "rows": rows}, indent=2))
        return
    print(f"{'function':<34}{'MB/s':>8}{'original':>10}{'ratio':>8}{'wanted':>8}   (n = {chosen.tries}, best)")
    for row in rows:
        named = f"{row['component']}.{row['function']}, {row['input']}"
        figures = f"{row['ours'] / 1e6:>8.0f}{row['original'] / 1e6:>10.0f}{row['ratio']:>8.2f}{row['wanted']:>8.2f}"
        print(f"{named:<34}{figures}")


if __name__ == "__main__":
    main()
