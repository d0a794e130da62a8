"""`assay.prove.zlib` against the standard module `zlib`: whole and in pieces, the same data or the same refusal.

python fuzz.py --streams 1000000 --seed 1      (the package `assay` must be installed)

Compared are the output, the kind of error and its words, eof, unused_data, and that no call gives more than max_length.
"""

import argparse
import random
import sys
import time
import zlib
from collections import Counter
from typing import Any

from material import Case, Material, case, others

from assay.prove import zlib as ours

Answer = tuple[str, bytes, bytes]  # "data", "not whole" or the error's words; the output; what followed the end


def whole(module: Any, one: Case) -> Answer:
    """What `decompress` says, which takes no dictionary."""
    try:
        return "data", module.decompress(one.data, one.wbits), b""
    except zlib.error as error:
        return str(error), b"", b""


def made(module: Any, one: Case) -> Any:
    return module.decompressobj(one.wbits) if one.zdict is None else module.decompressobj(one.wbits, one.zdict)


def at_once(module: Any, one: Case) -> Answer:
    decoder = made(module, one)
    try:
        out = decoder.decompress(one.data)
    except zlib.error as error:
        return str(error), b"", b""
    return "data" if decoder.eof else "not whole", out, decoder.unused_data


def pieces(module: Any, one: Case, rng: random.Random) -> Answer:
    """Input and output in pieces; copies of the decoder in between."""
    decoder, out, at = made(module, one), [], 0
    try:
        while not decoder.eof and (at < len(one.data) or decoder.unconsumed_tail or (out and out[-1])):
            size = rng.choice((0, 1, 1, 2, 7, 100, 1000, 30_000, 200_000))
            limit = rng.choice((0, 1, 2, 10, 300, 1000, 40_000))
            piece = decoder.unconsumed_tail + one.data[at : at + size]
            at += size
            got = decoder.decompress(piece, limit)
            if limit and len(got) > limit:
                return f"{len(got)} bytes where {limit} were the limit", b"", b""
            out.append(got)
            if rng.random() < 0.05:
                decoder = decoder.copy()
            if len(out) > 20_000 or (at >= len(one.data) and not got and not decoder.unconsumed_tail):
                break
        unused = decoder.unused_data + (one.data[at:] if decoder.eof else b"")
        out.append(b"" if decoder.eof else decoder.flush())
    except zlib.error as error:
        return str(error), b"", b""
    return "data" if decoder.eof else "not whole", b"".join(out), unused


def explained(one: Case, theirs: Answer, mine: Answer) -> bool:
    """The one kind of difference: an input that nothing valid begins with, which zlib refuses only later.

    After a length, where there are no distances, it takes one more bit. With an empty code for code lengths it reads up
    to 316 lengths of zero and then misses the end of the block. Until then it asks for more.
    """
    if not mine[0].startswith("Error -3") or theirs[0] not in ("not whole", _SHORT, _MISSING):
        return False
    longer = Case(one.data + bytes(64), one.wbits, one.zdict, one.encoder, one.broken)
    return at_once(zlib, longer)[0].startswith("Error -3")


_MISSING = "Error -3 while decompressing data: invalid code -- missing end-of-block"
_SHORT = "Error -5 while decompressing data: incomplete or truncated stream"


def report(where: str, one: Case, theirs: Answer, mine: Answer) -> None:
    sys.stdout.write(f"{where}: {one} zlib: {theirs} ours: {mine}"[:2000] + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after these, if there are streams left")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    material, modules = Material(rng), others()
    kinds: Counter[str] = Counter()
    encoders: Counter[str] = Counter()
    wrong = done = later = 0
    started = time.monotonic()
    while done < options.streams and time.monotonic() - started < options.seconds:
        one = case(rng, material, modules)
        done += 1
        encoders[one.encoder] += 1
        for ask in (at_once,) if one.zdict is not None else (whole, at_once):
            theirs, mine = ask(zlib, one), ask(ours, one)
            if theirs != mine and explained(one, theirs, mine):
                later += 1
                theirs = mine
            elif theirs != mine:
                wrong += 1
                report(ask.__name__, one, theirs, mine)
        kinds[theirs[0]] += 1
        mine = pieces(ours, one, rng)
        if theirs[0].startswith("Error") != mine[0].startswith("Error") or (theirs[0] == "data" and theirs != mine):
            wrong += 1
            report("pieces", one, theirs, mine)
    for name, number in [*sorted(kinds.items()), *sorted(encoders.items())]:
        sys.stdout.write(f"{number} {name}\n")
    sys.stdout.write(f"{later} answers that zlib gives later: see `explained`\n")
    sys.stdout.write(f"{done} streams, seed {options.seed}: {wrong} differences\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
