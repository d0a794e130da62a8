"""`assay prove certificate`: a signed verdict on a component for a person to read, and checked again on sources.

Exit 0 if the certificate accepts (and the new check agrees with it), else 1.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import BadInput
from assay.core.verdict import Outcome
from assay.prove.commands.check import SandboxName, run_check
from assay.terminal import Json, command, emit, err, finish, foreign, out


@command
def certificate(
    what: Annotated[
        str, typer.Argument(metavar="INDEX|COMPONENT", help="A ledger entry, or a component's name: its latest.")
    ],
    recheck: Annotated[
        Path | None,
        typer.Option("--recheck", metavar="DIR", help="Check these sources and compare with the certificate."),
    ] = None,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")] = None,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Print a certificate: what is proved, what it rests on, what is not proved. Or check it again."""
    from assay.core.ledger import open_ledger
    from assay.prove.certificate import differences, lines, verdict_of
    from assay.prove.provers import Effort

    with open_ledger(ledger, create=False) as book:
        entry = book.entry(int(what)) if what.isdigit() and len(what) < 19 else _latest(book, what)
    verdict = verdict_of(entry)
    found = None
    if recheck is not None:
        gates = verdict.method.get("gates", {})
        effort = Effort(
            fuzz=int(gates.get("conformance", {}).get("fuzz", 20_000)),
            thorough=gates.get("theorems", {}).get("recheck", "everything") == "everything",
        )
        found = differences(verdict, run_check(recheck, [], effort, sandbox, quiet=json_).verdict())
    ok = verdict.outcome is Outcome.ACCEPTED and not found
    if json_:
        shown: dict[str, Any] = {"index": entry.index, "key_id": entry.key_id, "verdict": verdict.to_json()}
        if found is not None:
            shown["differences"] = [vars(d) for d in found]
        emit(shown)
        finish(ok)
    for line in lines(verdict):
        out.print(foreign(line), soft_wrap=True)
    out.print(f"\nEntry {entry.index}, signed by the key {entry.key_id}.")
    for difference in found or []:
        err.print(
            foreign(f"{difference.where}: certified {difference.certified}, found {difference.found}"), soft_wrap=True
        )
    if found is not None:
        err.print(
            "Checked again: the same in everything." if not found else f"Checked again: {len(found)} differences."
        )
    finish(ok)


def _latest(book: Any, name: str) -> Any:
    from assay.prove.certificate import verdict_of

    for entry in reversed(list(book.entries())):
        try:
            verdict = verdict_of(entry)
        except BadInput:
            continue
        if verdict.method.get("component") == name:
            return entry
    raise BadInput(f"The ledger has no certificate of {name[:60]!r}: `assay prove check DIR --sign` makes one.")
