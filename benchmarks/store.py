"""How fast the store takes and gives files in a folder, beside what the machine can do at best.

    python benchmarks/store.py [MEGABYTES]

Each row is the median of five runs. "SHA-256" hashes a file, "copy and fsync" copies one durably: a put has to do both.
"""

import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from assay.core.store import open_store

RUNS = 5
SMALL_FILES = 2000


def timed(act: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Median seconds of `act`, with `before` outside the clock."""
    seconds = []
    for _ in range(RUNS):
        before()
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def durable_copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def hash_file(path: Path) -> None:
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory(dir=".") as folder:
        root = Path(folder)
        large, small = root / "large", root / "small"
        with large.open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1 << 20))
        small.mkdir()
        for index in range(SMALL_FILES):
            (small / f"{index:05}").write_bytes(os.urandom(4096))
        place = root / "store"
        store = open_store(place)

        def forget() -> None:
            for name in ("objects", "out"):
                shutil.rmtree(root / "store" / name if name == "objects" else root / name, ignore_errors=True)
            (place / "objects").mkdir()

        rows = [
            ("SHA-256", timed(lambda: hash_file(large))),
            ("copy and fsync", timed(lambda: durable_copy(large, root / "copy"))),
            ("put, new", timed(lambda: store.put_file(large), forget)),
            ("put, already there", timed(lambda: store.put_file(large))),
        ]
        digest = store.put_file(large)
        rows.append(("get", timed(lambda: store.get_file(digest, root / "out"))))
        rows.append(("verify", timed(store.verify)))
        print(f"{'one file of ' + str(megabytes) + ' MB':<24}{'seconds':>9}{'MB/s':>9}   n = {RUNS}, medians")
        for name, seconds in rows:
            print(f"{name:<24}{seconds:>9.2f}{megabytes / seconds:>9.0f}")
        seconds = timed(lambda: store.put_tree(small), forget)
        again = timed(lambda: store.put_tree(small))
        rate = f"{SMALL_FILES / seconds:.0f} files/s"
        print(f"\n{SMALL_FILES} files of 4 KiB: put in {seconds:.2f} s ({rate}), again {again:.2f} s")


if __name__ == "__main__":
    main()
