"""The printed C of the fast decoder against C zlib: whole and in random pieces, with and without room to spare.

sh build.sh FOLDER && python compare.py FOLDER/inflate.so --streams 2000 --seed 1
"""

import argparse
import ctypes
import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from decoder import DONE, INVALID, MORE_INPUT, Decoder
from streams import broken, by_zlib, stream


def whole(library: ctypes.CDLL, data: bytes, room: int) -> str:
    out = ctypes.create_string_buffer(max(room, 1))
    answer, position, size = Decoder(library).run(data, out, (0, len(data), 0, room))
    return said(answer, position, out.raw[:size])


def said(answer: int, position: int, out: bytes) -> str:
    if answer == DONE:
        return f"data {position} {out.hex() or '-'}"
    return {MORE_INPUT: "truncated", INVALID: "invalid"}.get(answer, "room")


def pieces(library: ctypes.CDLL, data: bytes, room: int, rng: random.Random) -> str:
    """As `whole`, a few bytes of input and of room at a time."""
    out = ctypes.create_string_buffer(max(room, 1))
    decoder = Decoder(library)
    position = end = size = 0
    while True:
        end = min(len(data), end + rng.choice((0, 1, 1, 2, 3, 10, 100)))
        limit = min(room, size + rng.choice((0, 1, 2, 10, 300, 1000)))
        answer, position, size = decoder.run(data, out, (position, end, size, limit))
        if answer == MORE_INPUT and position != end:
            return "wants more before it has read what there is"
        full = answer != MORE_INPUT and limit == room and size == room
        if answer in (DONE, INVALID) or full or (answer == MORE_INPUT and end == len(data)):
            return said(answer, position, out.raw[:size])


def main() -> int:
    parser = argparse.ArgumentParser(description="The fast decoder against C zlib.")
    parser.add_argument("library", help="the shared library that build.sh made")
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    library = ctypes.CDLL(str(Path(options.library).resolve()))
    kinds: Counter[str] = Counter()
    wrong = 0
    for _ in range(options.streams):
        data = broken(rng, stream(rng))
        expected = by_zlib(data)
        room = len(expected.split()[2]) // 2 if expected.startswith("data") else 20_000
        answers = {whole(library, data, room + rng.choice((0, 0, 300))), pieces(library, data, room, rng)}
        kinds[expected.split()[0]] += 1
        if answers != {expected}:
            wrong += 1
            said_all = sorted(answer[:60] for answer in answers)
            sys.stdout.write(f"different: {data.hex()} {said_all}, zlib: {expected[:60]}\n")
    for kind, number in sorted(kinds.items()):
        sys.stdout.write(f"{number} streams: {kind}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
