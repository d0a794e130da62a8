"""A process that appends until it is done or killed: `python -m tests.core.ledger.appending URL NAME COUNT ACKS`.

Each line of ACKS says what `append` acknowledged: key, index. On a restart it goes on after its last line, and so
repeats what was appended but not acknowledged, under the same keys.
"""

import os
import random
import sys
from pathlib import Path

from assay.core.ledger import open_ledger
from tests.core.ledger.statements import statement


def main(url: str, name: str, count: int, acks: Path) -> None:
    done = len(acks.read_text().split()) if acks.exists() else 0
    handle = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with open_ledger(url) as ledger:
        while done < count:
            numbers = range(done, min(count, done + random.choice([1, 1, 2, 5, 20])))
            keys = [f"{name}-{number}" for number in numbers]
            entries = ledger.append_many([statement(n, note=name) for n in numbers], keys=keys)
            os.write(handle, "".join(f"{entry.key}={entry.index}\n" for entry in entries).encode())
            done += len(numbers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
