"""Arriving at the parameters of a round and staying there: from a checkpoint, then round by round, to the last bit.

What is needed is on the chain and in the members' stores. A member that joins late, was killed, or was cut off does the
same as one that was there all along. Parameters that differ from what validators attest to are never used.
"""

from collections.abc import Sequence
from pathlib import Path

from assay.core.digest import Digest, digest_bytes
from assay.core.errors import AssayError, Corrupt, Unavailable
from assay.core.store import NotInStore
from assay.core.whole import write_whole
from assay.pretrain import wire
from assay.pretrain.chain.protocol import Chain, Role, agreed_parameters
from assay.pretrain.exchange import Lost, Stores, collect, limits_of
from assay.pretrain.recipe import Recipe
from assay.pretrain.training import Parameters, Workbench, digest_of, from_bytes, size_in_bytes, to_bytes
from assay.pretrain.wire import SparseTensor

PAST = 3  # rounds whose parameters are kept in memory, since validators look back


class Follower:
    """The parameters at the start of round `round`, and the way to later rounds."""

    def __init__(
        self, recipe: Recipe, chain: Chain, stores: Stores, bench: Workbench, folder: Path | None = None
    ) -> None:
        self._recipe, self._chain, self._stores, self._bench = recipe, chain, stores, bench
        self._file = folder / "parameters" if folder else None
        self.limits: wire.Limits = limits_of(recipe, bench.shapes)
        self.round, self.parameters = 0, bench.initial()
        self.digest: Digest = digest_bytes(to_bytes(self.parameters))
        self._past: dict[int, Parameters] = {}
        self._recall()

    def advance_to(self, round_: int) -> None:
        """Follow the chain to the start of `round_`, whose predecessor must have ended."""
        if round_ - self.round > 1:
            self._jump(round_)
        while self.round < round_:
            self._step()
        self._check()
        self._remember()

    def at(self, round_: int) -> Parameters:
        """The parameters at the start of a round up to this one; of the last few from memory, else followed anew."""
        if round_ == self.round:
            return self.parameters
        if round_ not in self._past:
            other = Follower(self._recipe, self._chain, self._stores, self._bench)
            other.advance_to(round_)
            self._past[round_] = other.parameters
        return self._past[round_]

    def digest_at(self, round_: int) -> Digest:
        return self.digest if round_ == self.round else digest_of(self.at(round_))

    def selected(self, round_: int) -> Sequence[dict[str, SparseTensor]]:
        """What was aggregated in `round_`, in order of uid. `Unavailable` if a part of it cannot be had now."""
        chosen = self._chain.outcome(round_).selected
        members = [member for member in self._chain.members(Role.PEER) if member.uid in chosen]
        found = collect(self._chain, round_, self._recipe, self.limits, self._stores, members)
        gradients = []
        for uid in chosen:
            received = found.get(uid)
            if received is None or isinstance(received, Lost):
                why = received.why if received else "It is no member."
                raise Unavailable(f"Round {round_} cannot be followed: contribution of member {uid}: {why}")
            gradients.append(received.gradient)
        return gradients

    def _step(self) -> None:
        gradients = self.selected(self.round)
        self._past = {then: kept for then, kept in self._past.items() if then > self.round - PAST}
        self._past[self.round] = self.parameters
        self.parameters = self._bench.advance(self.parameters, gradients, self.round)
        self.digest = digest_bytes(to_bytes(self.parameters))
        self.round += 1

    def _jump(self, round_: int) -> None:
        """Begin at the newest checkpoint that validators agree on and a store has."""
        endpoints = [member.endpoint for member in self._chain.members(Role.VALIDATOR)]
        every = self._recipe.checkpoint_rounds
        for start in range(round_ - round_ % every, self.round, -every):
            agreed = agreed_parameters(self._chain, start)
            if agreed is None:
                continue
            try:
                data = self._stores.fetch(agreed, endpoints, size_in_bytes(self._bench.shapes))
                parameters = from_bytes(data, self._bench.shapes)
            except NotInStore:
                continue
            self.round, self.parameters, self.digest = start, parameters, agreed
            return

    def _check(self) -> None:
        agreed = agreed_parameters(self._chain, self.round)
        if agreed is not None and agreed != self.digest:
            raise Corrupt(
                f"At the start of round {self.round} our parameters are {self.digest}, but validators attest to "
                f"{agreed}: delete this member's folder and let it follow the run again."
            )

    # What survives this process --------------------------------------------------------------------------------------

    def _remember(self) -> None:
        if self._file is not None:
            write_whole(self._file, self.round.to_bytes(8, "little") + to_bytes(self.parameters))

    def _recall(self) -> None:
        if self._file is None or not self._file.is_file():
            return
        data = self._file.read_bytes()
        round_ = int.from_bytes(data[:8], "little")
        agreed = agreed_parameters(self._chain, round_)
        if agreed is not None and digest_bytes(data[8:]) != agreed:
            return  # damaged, or of another run: what the chain and the stores have is enough
        try:
            parameters = from_bytes(data[8:], self._bench.shapes)
        except AssayError:
            return
        if agreed is not None:
            self.round, self.parameters, self.digest = round_, parameters, agreed
