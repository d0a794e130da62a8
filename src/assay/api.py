"""`assay.run` and `assay.verify`: the one flow, for people who write Python."""

from collections.abc import Iterable
from pathlib import Path

from assay.core.arena import find_task
from assay.core.budget import limited, parse_duration
from assay.core.digest import parse_digest
from assay.core.ledger import open_ledger
from assay.core.run import Desk, Result, examine
from assay.core.run import run as run_worker
from assay.core.store import open_store
from assay.core.verdict import Verdict
from assay.core.workers.choose import check, choose


def run(
    task: str,
    worker: str,
    *,
    budget: str | None = None,
    files: Iterable[str | Path] = (),
    model: str | None = None,
    agent_version: str | None = None,
    tokens: int | None = None,
    dollars: float | None = None,
    prices: str | Path | None = None,
    reprompt: bool = False,
    sandbox: str = "bubblewrap",
    store: str | Path | None = None,
    ledger: str | Path | None = None,
) -> Result:
    """Give a command or an agent the task, verify what it hands in, and sign the verdict into the ledger.

    `worker` is what `assay run --worker` takes; an agent needs a `model`. `budget` is real time such as "10m"; `files`
    are copied into the worker's workspace. Raises `Refused` if nothing that can be evaluated was left, `Unavailable` if
    there is no sandbox.
    """
    seconds = parse_duration(budget) if budget else None
    limits = limited(find_task(task)[1].budget, seconds, tokens=tokens, dollars=dollars)
    who = choose(
        worker,
        [Path(f) for f in files],
        model=model,
        version=agent_version,
        prices=Path(prices) if prices is not None else None,
        reprompt=reprompt,
    )
    check(who, limits, sandbox)
    with open_ledger(ledger) as book:
        return run_worker(task, who, Desk(open_store(store), book), budget=limits, sandbox=sandbox)


def verify(submission: str, *, sandbox: str = "bubblewrap", store: str | Path | None = None) -> Verdict:
    """The verdict on a stored submission, computed again from the store alone. Nothing is written to the ledger."""
    return examine(parse_digest(submission), open_store(store), sandbox=sandbox).verdict
