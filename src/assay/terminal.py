"""How commands speak: one JSON document on stdout, everything else on stderr, errors as one sentence.

Exit codes: 0 done and accepted; 1 done, but the answer is no or unknown; 2 wrong usage or bad input; 3 something
outside failed. `command` puts a function under these conventions.
"""

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from assay.core.errors import AssayError, Unavailable
from assay.core.plain import visible

P = ParamSpec("P")
T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def emit(document: Any) -> None:
    """Print `document` as the command's one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def finish(ok: bool) -> NoReturn:
    """End the command: 0 if the answer is yes, 1 if it is no or unknown."""
    raise typer.Exit(0 if ok else 1)


def foreign(text: object, keep: str = "") -> Text:
    """Words that a stranger may have chosen, for a terminal: no markup, and no control characters but `keep`."""
    return Text(visible(str(text), keep))


def _fail(error: AssayError, *, json_: bool) -> NoReturn:
    """End a command with an error's sentence and exit code."""
    if debugging():
        traceback.print_exc()
    if json_:
        emit({"error": {"kind": type(error).__name__, "message": str(error)}})
    err.print("[bold red]error:[/]", foreign(str(error)), soft_wrap=True)  # it may quote a hostile name
    raise typer.Exit(error.exit_code) from None


def debugging() -> bool:
    return os.environ.get("ASSAY_DEBUG", "") not in ("", "0")


def command(function: Callable[P, T]) -> Callable[P, T]:
    """Turn an `AssayError` into its sentence and exit code. `--debug` (or ASSAY_DEBUG=1) shows the traceback."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except AssayError as error:
            _fail(error, json_=bool(kwargs.get("json_")))
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "assay":
                raise
            needed = f"This needs {error.name}, which is not installed: `pip install 'assay[all]'` brings everything."
            _fail(Unavailable(needed), json_=bool(kwargs.get("json_")))
        except KeyboardInterrupt:
            err.print("Interrupted. Run the same command again to continue.")
            raise typer.Exit(130) from None

    return wrapped
