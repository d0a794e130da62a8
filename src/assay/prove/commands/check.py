"""`assay prove check`: the four gates on a component, shown as they run.

Exit 0 if every gate that was asked passes; 1 if one does not, or cannot be decided; 2 if the folder is no component;
3 if the prover is missing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import BadInput
from assay.core.verdict import Outcome, Severity
from assay.terminal import Json, command, emit, err, finish, foreign, out

if TYPE_CHECKING:
    from assay.prove.check import Checked
    from assay.prove.gates import Gate, Passed
    from assay.prove.provers import Effort

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder with a component.toml.")]
SandboxName = Annotated[str, typer.Option("--sandbox", help="bubblewrap, or none for sources you trust.")]
Gates = Annotated[
    list[str] | None,
    typer.Option("--gate", metavar="GATE", help="implementation, conformance, theorems or optimised. May be repeated."),
]
Fuzz = Annotated[int, typer.Option(min=1, max=100_000_000, help="Inputs compared with the original, by function.")]

Quick = Annotated[
    bool, typer.Option("--quick", help="The independent checker takes the installed standard library as it is.")
]

_SIGNS = {Outcome.ACCEPTED: "[green]✓[/]", Outcome.REJECTED: "[red]✗[/]", Outcome.INCONCLUSIVE: "[yellow]?[/]"}


@command
def check(
    folder: Folder,
    gate: Gates = None,
    fuzz: Fuzz = 20_000,
    quick: Quick = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign the verdict into the ledger: a certificate.")] = False,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")] = None,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Check a component from its sources: implementation, conformance, theorems, optimised."""
    from assay.prove.provers import Effort

    chosen = chosen_gates(gate or [])
    if sign and chosen:
        raise BadInput("A certificate speaks of all four gates: leave --gate out.")
    checked = run_check(folder, chosen, Effort(fuzz, thorough=not quick), sandbox, quiet=json_)
    index = sign_verdict(checked, ledger) if sign else None
    verdict = checked.verdict()
    passed = all(p.outcome is Outcome.ACCEPTED for p in checked.passed)
    if json_:
        emit(document(checked, index))
    else:
        reason = verdict.reason if not chosen else ("Passed." if passed else verdict.reason)
        out.print(
            f"{checked.component.name}: [bold]{'passed' if passed else verdict.outcome.value}[/].", foreign(reason)
        )
        if index is not None:
            err.print(f"Signed as entry {index}: `assay prove certificate {index}` prints it.")
    finish(passed)


def chosen_gates(names: list[str]) -> "list[Gate]":
    from assay.prove.gates import Gate

    known = [gate.value for gate in Gate]
    for name in names:
        if name not in known:
            raise BadInput(f"There is no gate {name[:60]!r}: the gates are {', '.join(known)}.")
    return [Gate(name) for name in dict.fromkeys(names)]


def run_check(folder: Path, gates: "list[Gate]", effort: "Effort", sandbox: str, *, quiet: bool) -> "Checked":
    """Check `folder`, with a line on stderr for each gate."""
    from assay.core.sandbox import open_sandbox
    from assay.prove.check import check as check_component

    def show(passed: "Passed", seconds: float) -> None:
        if not quiet:
            _show(passed, seconds)

    with err.status("Reading the component") as status:
        return check_component(
            folder,
            open_sandbox(sandbox),
            only=gates,
            effort=effort,
            report=lambda line: status.update(line) if not quiet else None,
            on_gate=show,
        )


def _show(passed: "Passed", seconds: float) -> None:
    figures = "; ".join(
        f"{m.name}: {m.value:.0f} of {m.n}" if m.n != m.value else f"{m.value:.0f} {m.name}" for m in passed.measures
    )
    err.print(f"{_SIGNS[passed.outcome]} [bold]{passed.gate.value:<15}[/] {seconds:6.1f} s  {figures}", soft_wrap=True)
    for finding in passed.findings:
        mark = {Severity.VIOLATION: "✗", Severity.UNDECIDED: "?", Severity.NOTE: "·"}[finding.severity]
        err.print(f"    {mark} {finding.rule}:", foreign(finding.message), soft_wrap=True)


def sign_verdict(checked: "Checked", ledger: str | None) -> int:
    """Sign the verdict into the ledger; returns the entry's index."""
    from assay.core.ledger import open_ledger

    with open_ledger(ledger) as book:
        return book.append_verdict(checked.verdict()).index


def document(checked: "Checked", index: int | None) -> dict[str, Any]:
    """The check as JSON: the verdict, what each gate found, and the entry if it was signed."""
    gates = {
        p.gate.value: {
            "outcome": p.outcome.value,
            "measures": [m.model_dump(mode="json") for m in p.measures],
            "findings": [f.model_dump(mode="json") for f in p.findings],
        }
        for p in checked.passed
    }
    verdict = checked.verdict()
    return {"verdict": verdict.to_json(), "digest": verdict.digest, "gates": gates, "index": index}
