"""`assay.prove.zlib` against the standard module `zlib` (C zlib), in one run, in turns, on one thread.

usage: python benchmarks/verified_zlib.py [--tries 9] [--only TEXT] [--json]

Decompression whole and in pieces, compression that is checked by decoding against compression that is not, memory.
Each figure is processor time, the best of several tries; the ratio is C zlib's time over ours, so 1.0 is as fast.
The data are of this machine: English, Python sources, a program, a picture made here, random bytes, zeros.
(This file is not called `zlib.py`: that would hide the real one from all that lie here.)
"""

import argparse
import json
import math
import random
import subprocess
import sys
import sysconfig
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.prove import zlib as ours

MILLION = 1_000_000
SIZES = (100, 1000, 10_000, 100_000, MILLION, 8 * MILLION)
PIECES = (1 << 10, 16 << 10, 64 << 10)  # bytes of input at once
LEVELS = (1, 6, 9)
LEAN_ZIP = 0.78  # of C zlib, decoding at level 6: its own published figure, on its own machine


@dataclass(frozen=True)
class Row:
    what: str
    data: str
    size: int
    ours: float  # seconds; for memory bytes
    theirs: float

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours


def samples() -> dict[str, bytes]:
    library = Path(sysconfig.get_path("stdlib"))
    source = b"".join(path.read_bytes() for path in sorted(library.glob("*.py")))
    licences = sorted(Path("/usr/share/common-licenses").glob("*"))
    english = b"".join(path.read_bytes() for path in licences if path.is_file() and not path.is_symlink())
    programs = sorted((*library.glob("lib-dynload/*.so"), Path(sys.executable)), key=lambda path: path.stat().st_size)
    return {
        "english": english or source,
        "source": source,
        "binary": b"".join(path.read_bytes() for path in reversed(programs)),
        "picture": picture(1600, 1700),
        "random": random.Random(0).randbytes(8 * MILLION),
        "zeros": bytes(8 * MILLION),
    }


def picture(width: int, height: int) -> bytes:
    """Three bytes a point: soft shapes, a little noise; rows as differences from the point before, as PNG has them."""
    rng, rows = random.Random(1), []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            light = 128 + 60 * math.sin(x / 97) * math.cos(y / 61) + 40 * math.sin((x + y) / 29)
            row += bytes(int(light * part + rng.random() * 3) & 255 for part in (0.9, 0.8, 0.6))
        rows.append(row[:3] + bytes((a - b) & 255 for a, b in zip(row[3:], row, strict=False)))
    return b"".join(rows)


def in_turns(mine: Callable[[], Any], theirs: Callable[[], Any], tries: int) -> tuple[float, float]:
    """The best times of both. Short calls are repeated within a try."""
    started = time.thread_time()
    mine()
    repeat = max(1, int(0.002 / (time.thread_time() - started)))
    best = [math.inf, math.inf]
    for _ in range(tries):
        for place, call in enumerate((mine, theirs)):
            started = time.thread_time()
            for _ in range(repeat):
                call()
            best[place] = min(best[place], (time.thread_time() - started) / repeat)
    return best[0], best[1]


def streamed(module: Any, packed: bytes, piece: int) -> int:
    decoder, size = module.decompressobj(), 0
    for start in range(0, len(packed), piece):
        size += len(decoder.decompress(packed[start : start + piece]))
    return size + len(decoder.flush())


def limited(module: Any, packed: bytes, limit: int) -> int:
    decoder, size, at = module.decompressobj(), 0, 0
    while not decoder.eof:
        rest = decoder.unconsumed_tail
        size += len(decoder.decompress(rest or packed[at : at + limit], limit))
        at += 0 if rest else limit
    return size


def compressed(module: Any, data: bytes, level: int) -> int:
    encoder, size = module.compressobj(level), 0
    for start in range(0, len(data), 1 << 16):
        size += len(encoder.compress(data[start : start + (1 << 16)]))
    return size + len(encoder.flush())


def speed_rows(name: str, data: bytes, tries: int) -> Iterator[Row]:
    for size in SIZES:
        if size > len(data):
            continue
        part = data[:size]
        packed = zlib.compress(part, 6)
        if ours.decompress(packed) != part:
            raise SystemExit(f"{name}: the data that came back are not those that went in")
        yield Row(
            "decompress",
            name,
            size,
            *in_turns(lambda p=packed: ours.decompress(p), lambda p=packed: zlib.decompress(p), tries),
        )
    part = data[:MILLION]
    packed = zlib.compress(part, 6)
    for piece in PIECES:
        pair = in_turns(lambda p=piece: streamed(ours, packed, p), lambda p=piece: streamed(zlib, packed, p), tries)
        yield Row(f"decompressobj, {piece >> 10} KiB at once", name, len(part), *pair)
    pair = in_turns(lambda: limited(ours, packed, 1 << 16), lambda: limited(zlib, packed, 1 << 16), tries)
    yield Row("decompressobj, 64 KiB of output at most", name, len(part), *pair)
    for level in LEVELS:
        few = max(3, tries // 3)
        for size in (1000, MILLION):
            part = data[:size]
            pair = in_turns(
                lambda p=part, n=level: ours.compress(p, n), lambda p=part, n=level: zlib.compress(p, n), few
            )
            yield Row(f"compress, level {level}", name, len(part), *pair)
        part = data[:MILLION]
        pair = in_turns(
            lambda p=part, n=level: compressed(ours, p, n), lambda p=part, n=level: compressed(zlib, p, n), few
        )
        yield Row(f"compressobj, level {level}", name, len(part), *pair)


_MEMORY = """
import resource, sys, zlib as standard
from assay.prove import zlib as ours
module, what = (ours if sys.argv[1] == "ours" else standard), sys.argv[2]
packed = standard.compress(bytes(range(256)) * 200000, 1)
text = standard.compress(b"".join(b"%d " % (n * n) for n in range(40000)), 6)
ours.decompress(text)
standard.decompress(text)
def now():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before = now()
if what == "whole":
    kept = module.decompress(packed)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
else:
    kept = [module.decompressobj() for _ in range(2000)]
    for decoder in kept:
        decoder.decompress(text[:60000])
    print((now() - before) // len(kept))
"""


def memory_rows() -> Iterator[Row]:
    for what, name, size in (("whole", "peak of decompress", 51_200_000), ("open", "one open decompressobj", 0)):
        pair = []
        for module in ("ours", "standard"):
            ran = subprocess.run(
                [sys.executable, "-c", _MEMORY, module, what], capture_output=True, text=True, check=True
            )
            pair.append(float(ran.stdout))
        yield Row(f"memory: {name}", "pattern" if size else "digits", size, *pair)


def python_inflate(data: bytes) -> bytes:
    """Inflate in plain Python, for comparison only: fixed and dynamic blocks by a dictionary of codewords."""
    bits, at, out = int.from_bytes(data, "little"), 0, bytearray()

    def take(n: int) -> int:
        nonlocal at
        at += n
        return (bits >> (at - n)) & ((1 << n) - 1)

    def code(lengths: list[int]) -> dict[tuple[int, int], int]:
        table, word = {}, 0
        for length in range(1, 16):
            for symbol, own in enumerate(lengths):
                if own == length:
                    table[length, word] = symbol
                    word += 1
            word <<= 1
        return table

    def symbol(table: dict[tuple[int, int], int]) -> int:
        word = length = 0
        while (length, word) not in table:
            word, length = word << 1 | take(1), length + 1
        return table[length, word]

    base = [3, *range(4, 11), *(11 + (i % 4) * (2 << i // 4) + 8 * ((1 << i // 4) - 1) for i in range(20)), 258]
    extra = [0] * 8 + [1 + i // 4 for i in range(20)] + [0]
    distance = [1, 2, *(1 + (2 + i % 2 << i // 2) for i in range(28))]
    last = 0
    while not last:
        last, kind = take(1), take(2)
        if kind == 0:
            at = (at + 7) // 8 * 8
            size = take(16)
            at += 16
            out += data[at // 8 : at // 8 + size]
            at += 8 * size
            continue
        lengths, own = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, [5] * 30
        if kind == 2:
            counts = take(5) + 257, take(5) + 1, take(4) + 4
            short = [0] * 19
            for place in (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)[: counts[2]]:
                short[place] = take(3)
            table, both = code(short), []
            while len(both) < counts[0] + counts[1]:
                s = symbol(table)
                both += (
                    [s]
                    if s < 16
                    else [both[-1]] * (3 + take(2))
                    if s == 16
                    else [0] * (3 + take(3) if s == 17 else 11 + take(7))
                )
            lengths, own = both[: counts[0]], both[counts[0] :]
        first, second = code(lengths), code(own)
        while (s := symbol(first)) != 256:
            if s < 256:
                out.append(s)
                continue
            size = base[s - 257] + take(extra[s - 257])
            s = symbol(second)
            back = distance[s] + take(max(0, s // 2 - 1))
            for _ in range(size):
                out.append(out[-back])
    return bytes(out)


def other_rows(data: bytes) -> Iterator[Row]:
    """Decoders in Python, on 100 KB of sources. Their row has C zlib beside them, as ours has."""
    part = data[:100_000]
    packed = zlib.compress(part, 6)
    decoders: dict[str, Callable[[], bytes]] = {"inflate in plain Python": lambda: python_inflate(packed[2:-4])}
    try:
        from stream_inflate import stream_inflate

        decoders["stream-inflate (Cython)"] = lambda: b"".join(stream_inflate()[0](iter([packed[2:-4]])))
    except ImportError:
        pass
    for name, decode in decoders.items():
        if decode() != part:
            raise SystemExit(f"{name} is wrong")
        yield Row(name, "source", len(part), *in_turns(decode, lambda: zlib.decompress(packed), 3))


def shown(row: Row) -> str:
    name = f"{row.what:42} {row.data:8}"
    if row.what.startswith("memory"):
        return f"{name} {row.ours / 1000:.0f} KB, C zlib {row.theirs / 1000:.0f} KB: {row.ours / row.theirs:.2f} times"
    rates = f"{row.size / row.ours / MILLION:8.2f} MB/s, C zlib {row.size / row.theirs / MILLION:7.1f}"
    return f"{name} {row.size:8} B {rates}: ratio {row.ratio:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=9)
    parser.add_argument("--only", default="", help="data of which the name holds this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = {name: part for name, part in samples().items() if options.only in name}
    rows: list[Row] = []

    def add(found: Iterator[Row]) -> None:
        for row in found:
            rows.append(row)
            if not options.json:
                sys.stdout.write(shown(row) + "\n")
                sys.stdout.flush()

    for name, part in data.items():
        add(speed_rows(name, part, options.tries))
    add(memory_rows())
    if "source" in data:
        add(other_rows(data["source"]))
    if options.json:
        sys.stdout.write(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows]) + "\n")
    else:
        sys.stdout.write(f"lean-zip, by its own figures, decoding on its own machine: {LEAN_ZIP}\n")


if __name__ == "__main__":
    main()
