"""`assay pretrain init|peer|validator|status|audit`: begin a run, take part in it, look at it, recompute it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, finish, foreign, out

if TYPE_CHECKING:
    from assay.pretrain.chain.protocol import Chain

RunFilePath = Annotated[Path, typer.Argument(metavar="RUN", help="The file that `assay pretrain init` wrote.")]
Key = Annotated[
    Path | None,
    typer.Option(
        help="Private key: PEM for a ledger (made if missing), hex for an EVM chain. In the folder if not given."
    ),
]

OwnStore = Annotated[str | None, typer.Option(metavar="URL", help="Its store, which others must be able to read.")]
LastRound = Annotated[int | None, typer.Option(min=1, help="Stop after this round; the recipe's last if not given.")]


def _tell(line: str) -> None:
    err.print(foreign(line), soft_wrap=True)


@command
def init(
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")],
    run: Annotated[Path, typer.Option(help="The run file to write.")] = Path("run.json"),
    ledger: Annotated[
        str | None, typer.Option(help="The chain: a new ledger's file or URL; chain.db beside RUN if not given.")
    ] = None,
    evm: Annotated[
        str | None, typer.Option(metavar="URL", help="The chain: a node to deploy the contract through.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="With --evm: a file with the deployer's private key in hex.")] = None,
    begin_in: Annotated[int, typer.Option(min=1, help="Seconds until the first round, for members to register.")] = 60,
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Where the text's shards are kept, for all to read.")
    ] = None,
    after: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Start from the last parameters of this run, which has ended.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="A folder with data sets. May be repeated.")] = None,
    json_: Json = False,
) -> None:
    """Begin a run: cut its text into shards, create its chain, and write the file that members need."""
    from assay.core.data import use_folders
    from assay.core.home import home
    from assay.core.keys import load_or_create_key
    from assay.core.store import open_store
    from assay.core.whole import write_whole
    from assay.pretrain.chain.evm import EvmChain, Node
    from assay.pretrain.chain.ledger_chain import LedgerChain
    from assay.pretrain.data import build_shards
    from assay.pretrain.joining import EvmPlace, LedgerPlace, RunFile, keep_parameters, terms_of
    from assay.pretrain.recipe import read_recipe

    if run.exists():
        raise BadInput(f"{run} is there already: name another file with --run.")
    if evm and not key:
        raise BadInput("--evm needs --key, a file with the private key that pays for the contract.")
    if evm and ledger:
        raise BadInput("Give --ledger or --evm, not both.")
    use_folders(data or [])
    chosen = read_recipe(recipe)
    text = store or str(home() / "store")
    shards = build_shards(chosen.data, open_store(text), report=_tell)
    chosen = chosen.model_copy(update={"data": chosen.data.model_copy(update={"corpus": shards})})
    if after:
        chosen = chosen.model_copy(update={"start": keep_parameters(after, chosen, open_store(text))})
    place: LedgerPlace | EvmPlace
    if evm and key:
        node = Node(evm)
        now = max(int(time.time()), int(node.call(lambda: node.web3.eth.get_block("latest")["timestamp"])))
        place = EvmPlace(url=evm, address=EvmChain.deploy(evm, terms_of(chosen, now + begin_in), key=key).address)
    else:
        url = ledger or str(run.resolve().with_name("chain.db"))
        chain = LedgerChain.create(
            url,
            terms_of(chosen, int(time.time()) + begin_in),
            key=load_or_create_key(run.resolve().with_name("founder.pem")),
        )
        place = LedgerPlace(url=url, run=chain.run)
    file = RunFile(recipe=chosen, chain=place, corpus=text)
    write_whole(run, (file.model_dump_json(by_alias=True, indent=2) + "\n").encode())
    if json_:
        emit({"schema": "assay.pretrain-init/1", "run": str(run), "recipe": chosen.digest, "chain": place.model_dump()})
        return
    out.print(f"{run}: {chosen.name}, recipe {chosen.digest}", soft_wrap=True)
    out.print(
        f"The first round begins in {begin_in} s. Members join with `assay pretrain peer {run} --out FOLDER`.",
        soft_wrap=True,
    )


@command
def peer(
    run: RunFilePath,
    folder: Annotated[Path, typer.Option("--out", help="This peer's own notes; the same folder again goes on.")],
    store: OwnStore = None,
    key: Key = None,
    rounds: LastRound = None,
) -> None:
    """Take part as a peer: train, hand in, again and again. Killed, the same command goes on."""
    from assay.pretrain.chain.protocol import Role
    from assay.pretrain.joining import keep_ticking, open_run, take_seat
    from assay.pretrain.peer import Peer

    opened = open_run(run, key=key or folder / "key.pem")
    seat = take_seat(opened, Role.PEER, store or str((folder / "public").resolve()), folder, _tell)
    keep_ticking(Peer(seat), opened.chain, rounds or opened.file.recipe.rounds, _tell)


@command
def validator(
    run: RunFilePath,
    folder: Annotated[Path, typer.Option("--out", help="This validator's own notes; the same folder again goes on.")],
    store: OwnStore = None,
    key: Key = None,
    rounds: LastRound = None,
) -> None:
    """Take part as a validator: measure, promise, publish. Killed, the same command goes on."""
    from assay.pretrain.chain.protocol import Role
    from assay.pretrain.joining import keep_ticking, open_run, take_seat
    from assay.pretrain.measuring import Measurer
    from assay.pretrain.validator import Validator

    opened = open_run(run, key=key or folder / "key.pem")
    seat = take_seat(opened, Role.VALIDATOR, store or str((folder / "public").resolve()), folder, _tell)
    patience = opened.file.recipe.timing.score / 6  # states before the round may take three times as long
    measurer = Measurer(seat.recipe, seat.corpus, seat.bench, patience_seconds=patience)
    keep_ticking(Validator(seat, measurer), opened.chain, rounds or opened.file.recipe.rounds, _tell)


@command
def status(run: RunFilePath, json_: Json = False) -> None:
    """Show where a run is: round, phase, members, and what the last rounds decided."""
    from assay.pretrain.joining import open_run

    opened = open_run(run)
    document = _status(opened.chain, opened.file.recipe.rounds)
    if json_:
        emit(document)
        return
    _print_status(document)


def _status(chain: "Chain", planned: int) -> dict[str, object]:
    from assay.pretrain.chain.protocol import Role, agreed_parameters, rounds_ended

    round_, phase = chain.terms().clock.at(chain.time())
    members = [
        {
            "uid": member.uid,
            "role": member.role.value,
            "from_round": member.first_round,
            "left_after": member.last_round,
            "expelled": member.expelled,
            "strikes": member.strikes,
            "paid": chain.earned(member.uid),
        }
        for member in chain.members()
    ]
    rounds = []
    ended = rounds_ended(chain, planned)
    for then in range(max(0, ended - 10), ended):
        outcome = chain.outcome(then)
        rounds.append(
            {
                "round": then,
                "void": outcome.void,
                "committed": len(chain.commitments(then)),
                "revealed": len(chain.reveals(then)),
                "sheets": len(chain.sheets(then)),
                "selected": outcome.selected,
                "parameters": agreed_parameters(chain, then + 1),
            }
        )
    validators = [m["uid"] for m in members if m["role"] == Role.VALIDATOR.value]
    return {
        "schema": "assay.pretrain-status/1",
        "recipe": chain.terms().recipe,
        "round": round_,
        "phase": phase.value,
        "validators": validators,
        "members": members,
        "rounds": rounds,
    }


def _print_status(document: "dict[str, object]") -> None:
    from rich.table import Table

    out.print(f"round {document['round']}, {document['phase']}; recipe {document['recipe']}", soft_wrap=True)
    rows = Table("uid", "role", "since", "state", "paid", box=None, pad_edge=False)
    for member in document["members"]:  # type: ignore[attr-defined]
        state = "expelled" if member["expelled"] else "left" if member["left_after"] is not None else "active"
        rows.add_row(str(member["uid"]), member["role"], str(member["from_round"]), state, str(member["paid"]))
    out.print(rows)
    rows = Table(
        "round", "handed in", "revealed", "sheets", "aggregated", "parameters after it", box=None, pad_edge=False
    )
    for one in document["rounds"]:  # type: ignore[attr-defined]
        chosen = "void" if one["void"] else ", ".join(map(str, one["selected"])) or "nobody"
        counts = [str(one[name]) for name in ("round", "committed", "revealed", "sheets")]
        rows.add_row(*counts, chosen, (one["parameters"] or "not agreed")[:19])
    out.print(rows)


@command
def audit(
    run: RunFilePath,
    round_: Annotated[list[int] | None, typer.Option("--round", help="Only this round. May be repeated.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Relative, for measured numbers: 0 on the validators' kind of machine.")
    ] = 0.0,
    json_: Json = False,
) -> None:
    """Recompute rounds from chain and stores: scores, selection, aggregate. Exit 1 if anything differs."""
    from assay.pretrain.audit import Auditor
    from assay.pretrain.chain.protocol import rounds_ended
    from assay.pretrain.joining import open_run

    opened = open_run(run)
    auditor = Auditor(opened.file.recipe, opened.chain, opened.corpus, opened.stores, opened.bench, tolerance=tolerance)
    ended = rounds_ended(opened.chain, opened.file.recipe.rounds)
    found = []
    for then in round_ if round_ else range(ended):
        if not 0 <= then < ended:
            raise BadInput(f"Round {then} has not ended: the last that has is {ended - 1}.")
        findings = auditor.audit(then)
        found.append((then, findings))
        if not json_:
            out.print(f"round {then}: " + ("as published" if not findings else f"{len(findings)} findings"))
            for finding in findings:
                out.print(foreign(f"  {'?' if finding.unknown else '✗'} {finding}"), soft_wrap=True)
    if json_:
        rounds = [{"round": then, "findings": [vars(one) for one in findings]} for then, findings in found]
        emit({"schema": "assay.pretrain-audit/1", "rounds": rounds, "clean": not any(f for _, f in found)})
    finish(not any(findings for _, findings in found))
