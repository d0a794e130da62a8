"""Verified components against the C libraries that they replace, called from Python, in one run.

usage: python benchmarks/prove.py [--megabytes 8] [--tries 7] [--json]

Each figure is the best of several tries on one thread; the ratio is to the original in the same run. A component that
is not in the folder of components is left out.
"""

import argparse
import json
import random
import time
import zlib
from collections.abc import Callable
from typing import Any

from assay.core.errors import BadInput
from assay.prove import load

WANTED = {"adler32": 0.6, "crc32": 0.5}  # ratios that a component is to reach
ORIGINALS: dict[str, Callable[[bytes], Any]] = {"adler32": zlib.adler32, "crc32": zlib.crc32}


def rate(function: Callable[[bytes], Any], data: bytes, tries: int) -> float:
    """Bytes a second."""
    best = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        function(data)
        best = min(best, time.perf_counter() - started)
    return len(data) / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--tries", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    data = random.Random(0).randbytes(chosen.megabytes << 20)
    rows = []
    for name, original in ORIGINALS.items():
        try:
            function = load(name).functions[name]
        except BadInput:
            continue
        assert function(data) == original(data)
        ours, theirs = rate(function, data, chosen.tries), rate(original, data, chosen.tries)
        rows.append(
            {"component": name, "ours": ours, "original": theirs, "ratio": ours / theirs, "wanted": WANTED[name]}
        )
    if chosen.json:
        print(json.dumps({"bytes": len(data), "tries": chosen.tries, "rows": rows}, indent=2))
        return
    print(f"{'component':<12}{'MB/s':>10}{'original':>10}{'ratio':>8}{'wanted':>8}   (n = {chosen.tries}, best)")
    for row in rows:
        figures = f"{row['ours'] / 1e6:>10.0f}{row['original'] / 1e6:>10.0f}{row['ratio']:>8.2f}{row['wanted']:>8.2f}"
        print(f"{row['component']:<12}{figures}")


if __name__ == "__main__":
    main()
