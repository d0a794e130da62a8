"""python check.py PIPES: run an item's tests against a program in another sandbox. Exit code 0 if all pass.

The tests are the benchmark's; what they call is a stand-in that sends its arguments through the pipes and returns the
plain value that comes back.
"""

import builtins
import json
import sys
from pathlib import Path

from values import LIMIT, dump, load  # type: ignore[import-not-found]


def main(pipes: str) -> None:
    tests = json.loads(Path("tests.json").read_text())
    with open(f"{pipes}/calls", "w") as calls, open(f"{pipes}/results") as results:  # noqa: PTH123

        def candidate(*positional: object, **named: object) -> object:
            calls.write(dump([list(positional), named]) + "\n")
            calls.flush()
            line = results.readline(LIMIT + 10)
            kind, _, content = line.rstrip("\n").partition(" ")
            if kind == "value":
                return load(content)
            # A test may expect the program to raise one of Python's own errors.
            error = getattr(builtins, content, None)
            raise error() if isinstance(error, type) and issubclass(error, Exception) else RuntimeError(content[:100])

        names: dict[str, object] = {"__name__": "tests"}
        exec(compile(tests["preamble"], "preamble", "exec"), names)  # noqa: S102 - the benchmark's own, pinned
        names[tests["entry_point"]] = candidate
        exec(compile(tests["test"], "test", "exec"), names)  # noqa: S102
        names["check"](candidate)  # type: ignore[operator]


main(sys.argv[1])
