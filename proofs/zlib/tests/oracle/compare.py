"""The extracted reference decoder against C zlib: real streams of every kind, and broken ones.

    sh build.sh FOLDER && python compare.py FOLDER/oracle --streams 400 --seed 1

Equal means: the same data and the same consumed bytes, or both refuse. Where the input ends too early, C zlib waits for
more input in some cases that are invalid already (it looks at a number only when all of it has come) and the other way
round; these are counted, and each must be of that kind: no verdict "data" may differ.
"""

import argparse
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streams import broken, by_zlib, stream


def main() -> int:
    parser = argparse.ArgumentParser(description="The reference decoder against C zlib.")
    parser.add_argument("oracle", help="the program that build.sh made")
    parser.add_argument("--streams", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    inputs = [broken(rng, stream(rng)) for _ in range(options.streams)]
    lines = "".join(f"- {data.hex() or '-'}\n" for data in inputs)
    ran = subprocess.run([options.oracle], input=lines, capture_output=True, text=True, check=True)
    kinds: Counter[tuple[str, str]] = Counter()
    wrong = 0
    for data, answer in zip(inputs, ran.stdout.splitlines(), strict=True):
        expected = by_zlib(data)
        kinds[answer.split()[0], expected.split()[0]] += 1
        if answer != expected and "data" in (answer[:4], expected[:4]):
            wrong += 1
            sys.stdout.write(f"different: {data.hex()} {answer[:80]}, zlib: {expected[:80]}\n")
    for (ours, theirs), number in sorted(kinds.items()):
        sys.stdout.write(f"{number} streams: reference {ours}, zlib {theirs}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
