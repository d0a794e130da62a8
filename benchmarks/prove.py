"""Verified components against the libraries that they replace, called from Python, in one run.

usage: python benchmarks/prove.py [--megabytes 8] [--tries 7] [--json]

Each figure is the best of several tries on one thread, in input bytes; the ratio is to the original in the same run. A
component that is not in the folder of components is left out.
"""

import argparse
import binascii
import json
import random
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from assay.core.errors import BadInput
from assay.prove import load

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
    yield Case("base64", "encode", "random", data, lambda d: binascii.b2a_base64(d, newline=False), 1.0)
    yield Case("base64", "decode", "its text", binascii.b2a_base64(data[: size * 3 // 4], newline=False), strict, 1.0)
    for what, text in (("ascii", "Plain words stand between the others. "), ("mixed", MIXED)):
        encoded = (text * (size // len(text.encode()) + 1)).encode()
        yield Case("utf8", "valid", what, encoded, bytes.decode, 0.5, lambda ours, theirs: ours is True)


def strict(text: bytes) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def rate(function: Callable[[bytes], Any], data: bytes, tries: int) -> float:
    """Bytes a second."""
    best = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        function(data)
        best = min(best, time.perf_counter() - started)
    return len(data) / best


def measure(case: Case, tries: int) -> dict[str, Any] | None:
    try:
        function = load(case.component).functions[case.function]
    except BadInput:
        return None
    assert case.agrees(function(case.data), case.original(case.data))
    ours, theirs = rate(function, case.data, tries), rate(case.original, case.data, tries)
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
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = [row for case in cases(chosen.megabytes << 20) if (row := measure(case, chosen.tries))]
    if chosen.json:
        print(json.dumps({"bytes": chosen.megabytes << 20, "tries": chosen.tries, "rows": rows}, indent=2))
        return
    print(f"{'function':<28}{'MB/s':>8}{'original':>10}{'ratio':>8}{'wanted':>8}   (n = {chosen.tries}, best)")
    for row in rows:
        named = f"{row['component']}.{row['function']}, {row['input']}"
        figures = f"{row['ours'] / 1e6:>8.0f}{row['original'] / 1e6:>10.0f}{row['ratio']:>8.2f}{row['wanted']:>8.2f}"
        print(f"{named:<28}{figures}")


if __name__ == "__main__":
    main()
