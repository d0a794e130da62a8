"""python serve.py NAME PIPES: load program.py and answer calls of its function NAME until there are no more.

Runs beside the program, so it is as little to be trusted as the program itself: the tests only read what it says.
"""

import os
import sys
from pathlib import Path

from values import LIMIT, dump, load  # type: ignore[import-not-found]


def main(name: str, pipes: str) -> None:
    sys.set_int_max_str_digits(0)
    # Opened for reading and writing, a pipe does not wait for the other side; the other side then cannot wait for ever.
    with os.fdopen(os.open(f"{pipes}/results", os.O_RDWR), "w") as results, open(f"{pipes}/calls") as calls:  # noqa: PTH123
        names: dict[str, object] = {"__name__": "program"}
        try:
            exec(compile(Path("program.py").read_text(), "program.py", "exec"), names)  # noqa: S102 - it is sandboxed
        except BaseException as error:
            names[name] = _raiser(error)
        while line := calls.readline(LIMIT):
            try:
                answer = "value " + dump(_call(names[name], *load(line)))
            except BaseException as error:
                answer = f"error {type(error).__name__}"
            results.write(answer + "\n")
            results.flush()


def _call(function: object, positional: list[object], named: dict[str, object]) -> object:
    return function(*positional, **named)  # type: ignore[operator]


def _raiser(error: BaseException) -> object:
    def function(*_: object) -> None:
        raise error

    return function


main(*sys.argv[1:])
