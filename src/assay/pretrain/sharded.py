"""SparseLoCo inside a peer that is many GPUs: parameters sharded by FSDP2, and every rank compresses its own shard.

Nothing is gathered whole. A chunk belongs to the rank that holds its first row; where a chunk lies across two ranks,
only the rows beyond the border travel. Rank 0 puts the compressed pieces together: the same bytes as from a peer that
is one machine, and after the outer step the same parameters.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, Shard

from assay.core.errors import BadInput
from assay.pretrain import wire
from assay.pretrain.aggregate import Sparse, check, combine, weigh
from assay.pretrain.clipping import local
from assay.pretrain.outer import Named
from assay.pretrain.sparseloco import take
from assay.pretrain.swap import Swap, optimizer_tensors

Rows = tuple[int, int]  # first, end


@dataclass(frozen=True)
class Layout:
    """Where the rows of one tensor are. A tensor is seen as a matrix, as the wire format sees it."""

    shape: tuple[int, ...]
    ranks: int

    @property
    def columns(self) -> int:
        return 1 if len(self.shape) == 1 else math.prod(self.shape[1:])

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def unit(self) -> int:
        """Rows of a chunk: a border between ranks that is a multiple of it cuts no chunk."""
        return wire.CHUNK if len(self.shape) == 1 else wire.BLOCK

    def held(self, rank: int) -> Rows:
        """What FSDP2 gives this rank: equal runs of rows, the last ones shorter or empty."""
        each = -(-self.rows // self.ranks)
        return min(rank * each, self.rows), min((rank + 1) * each, self.rows)

    def owned(self, rank: int) -> Rows:
        """The rows of the chunks whose first row this rank holds."""
        first, end = self.held(rank)
        return self._up(first), self._up(end)

    def shape_of(self, rows: Rows) -> tuple[int, ...]:
        """Of a piece with these rows, as it is compressed."""
        count = rows[1] - rows[0]
        return (count,) if len(self.shape) == 1 else (count, self.columns)

    def _up(self, row: int) -> int:
        return min(-(-row // self.unit) * self.unit, self.rows)

    def moves(self, source: int, target: int) -> Rows:
        """Rows that `source` holds and `target` owns."""
        first, end = self.held(source)
        owned_first, owned_end = self.owned(target)
        return max(first, owned_first), max(min(end, owned_end), max(first, owned_first))


class ShardedSparseLoCo:
    """`SparseLoCo` for parameters that `fully_shard` has sharded over one mesh dimension. Every rank makes one.

    `inner`, if given, is swapped: its state is on the device during the inner steps and while payloads travel, the
    error feedback only while it is used. All methods are called by all ranks.
    """

    def __init__(
        self,
        params: Named,
        inner: torch.optim.Optimizer | None = None,
        *,
        lr: float = 1.0,
        k: int = 64,
        bits: int = 2,
        error_decay: float = 0.95,
        aggregate: str = "mean",
        clip: str = "median_norm",
    ) -> None:
        check(aggregate, clip)
        self._params: dict[str, DTensor] = {name: _sharded(name, parameter) for name, parameter in params}
        if not self._params:
            raise BadInput("There are no parameters to optimise.")
        mesh = next(iter(self._params.values())).device_mesh
        self._group: Any = mesh.get_group()
        self.rank, self.ranks = dist.get_rank(self._group), dist.get_world_size(self._group)
        self.lr, self.k, self.bits, self.error_decay = lr, k, bits, error_decay
        self.aggregate, self.clip = aggregate, clip
        self.inner = inner
        self._layouts = {name: Layout(tuple(p.shape), self.ranks) for name, p in self._params.items()}
        self.error = {name: self._zeros(name) for name in self._params}  # this rank's chunks, as matrices
        self._base = Swap()
        self._copies: dict[str, Tensor] = {}
        self._errors, self._moments = Swap(), Swap()
        self._errors.out(self.error.values())

    def _zeros(self, name: str) -> Tensor:
        layout = self._layouts[name]
        first, end = layout.owned(self.rank)
        return torch.zeros(end - first, layout.columns, device=local(self._params[name]).device)

    # A round ---------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def begin_round(self) -> None:
        """Remember this rank's shards, in host memory."""
        if self._base.is_out:
            self._base.back()
        self._copies = {name: local(parameter).detach().clone() for name, parameter in self._params.items()}
        self._base.out(self._copies.values())

    @torch.no_grad()
    def pseudo_gradient(self) -> dict[str, wire.SparseTensor] | None:
        """The whole peer's contribution on rank 0, None on the others. The parameters go back.

        `BadInput` on every rank if a parameter is not finite on any; then nothing is changed.
        """
        if not self._copies:
            raise BadInput("The round has not begun: call begin_round() before the inner steps.")
        if self.inner is not None:
            self._moments.out(optimizer_tensors(self.inner))
        self._errors.back()
        self._base.back()
        try:
            mine = self._compress_shards()
        finally:
            self._errors.out(self.error.values())
            self._moments.back()
        self._copies = {}
        return self._put_together(mine)

    @torch.no_grad()
    def step(self, contributions: Sequence[Mapping[str, Sparse]]) -> None:
        """Combine, and step, on this rank's shards. Every rank gives the same contributions (`share_payloads`)."""
        if not contributions:
            return
        shapes = {name: layout.shape for name, layout in self._layouts.items()}
        weights = weigh(contributions, self.aggregate, self.clip, shapes=shapes)
        for name, parameter in self._params.items():
            part, layout = local(parameter), self._layouts[name]
            first, end = layout.held(self.rank)
            step = combine(
                [one[name] for one in contributions],
                weights.of(name),
                per_sender=weights.per_sender,
                within=(first * layout.columns, end * layout.columns),
                device=part.device,
            )
            part.sub_(step.mul_(self.lr).view(part.shape))

    def state_dict(self) -> dict[str, Any]:
        """This rank's error feedback, in host memory: complete between rounds, for as many ranks as now."""
        self._errors.back()
        kept = {name: error.cpu().clone() for name, error in self.error.items()}
        self._errors.out(self.error.values())
        return {"error": kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave on this rank of as many."""
        kept: Mapping[str, Tensor] = state["error"]
        if {n: e.shape for n, e in kept.items()} != {n: self._zeros(n).shape for n in self._params}:
            raise BadInput("The saved error feedback is of another model or another number of ranks.")
        self._errors.back()
        for name, error in self.error.items():
            error.copy_(kept[name])
        self._errors.out(self.error.values())

    # Its pieces ------------------------------------------------------------------------------------------------------

    def _compress_shards(self) -> dict[str, wire.SparseTensor]:
        moved = {name: self._copies[name] - local(p) for name, p in self._params.items()}
        finite = all(bool(torch.isfinite(delta).all()) for delta in moved.values())
        if not all(self._everyones(finite)):
            raise BadInput("A parameter is not finite after the inner steps: lower the inner learning rate.")
        aligned = self._exchange(moved)
        wanted = {name: self.error[name].mul(self.error_decay).add_(aligned[name]) for name in aligned}
        shapes = {name: layout.shape_of(layout.owned(self.rank)) for name, layout in self._layouts.items()}
        kept = wire.compress({name: part.view(shapes[name]) for name, part in wanted.items()}, self.k, self.bits)
        for name, part in wanted.items():
            take(part, kept[name])
            self.error[name].copy_(part)
        for name, parameter in self._params.items():
            local(parameter).copy_(self._copies[name])
        return kept

    def _exchange(self, moved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """From the rows that ranks hold to the rows that they own: one message per pair of ranks that has any."""
        parts: dict[tuple[str, int], Tensor] = {}
        operations, arriving = [], {}
        for other in range(self.ranks):
            leaving = [self._rows(name, moved[name], self._layouts[name].moves(self.rank, other)) for name in moved]
            if other == self.rank:
                parts |= {(name, other): rows for name, rows in zip(moved, leaving, strict=True)}
                continue
            peer = dist.get_global_rank(self._group, other)
            if sum(rows.numel() for rows in leaving):
                message = torch.cat([rows.reshape(-1) for rows in leaving])
                operations.append(dist.P2POp(dist.isend, message, peer, self._group))
            size = sum(self._size(name, other) for name in moved)
            if size:
                arriving[other] = torch.empty(size, device=next(iter(moved.values())).device)
                operations.append(dist.P2POp(dist.irecv, arriving[other], peer, self._group))
        for request in dist.batch_isend_irecv(operations) if operations else []:
            request.wait()
        for other, message in arriving.items():
            pieces = torch.split(message, [self._size(name, other) for name in moved])
            for name, piece in zip(moved, pieces, strict=True):
                parts[name, other] = piece.view(-1, self._layouts[name].columns)
        return {
            name: torch.cat([parts[name, other] for other in range(self.ranks) if (name, other) in parts])
            for name in moved
        }

    def _size(self, name: str, source: int) -> int:
        """Elements of a tensor that come from another rank."""
        first, end = self._layouts[name].moves(source, self.rank)
        return (end - first) * self._layouts[name].columns

    def _rows(self, name: str, shard: Tensor, rows: Rows) -> Tensor:
        layout = self._layouts[name]
        begin = layout.held(self.rank)[0]
        return shard.reshape(-1, layout.columns)[rows[0] - begin : rows[1] - begin]

    def _put_together(self, mine: Mapping[str, wire.SparseTensor]) -> dict[str, wire.SparseTensor] | None:
        pieces: list[Any] | None = [None] * self.ranks if self.rank == 0 else None
        dist.gather_object(wire.pack(mine), pieces, dst=dist.get_global_rank(self._group, 0), group=self._group)
        return None if pieces is None else assemble(pieces, self._layouts, self.k, self.bits)

    def _everyones(self, value: bool) -> list[bool]:
        gathered: list[Any] = [None] * self.ranks
        dist.all_gather_object(gathered, value, group=self._group)
        return gathered


def assemble(
    payloads: Sequence[bytes], layouts: Mapping[str, Layout], k: int, bits: int
) -> dict[str, wire.SparseTensor]:
    """The whole contribution from the payloads of its shards, in order of rank: the same as one rank's."""
    shards = []
    for rank, payload in enumerate(payloads):
        shapes = {name: layout.shape_of(layout.owned(rank)) for name, layout in layouts.items()}
        shards.append(wire.decode(payload, wire.Limits.of(shapes, k=k, bits=bits)))
    whole = {}
    for name, layout in layouts.items():
        parts = [shard[name] for shard in shards if shard[name].shape[0]]
        whole[name] = wire.stack(parts or [shards[0][name]])
        if whole[name].shape != layout.shape:  # a shard's rows beyond the second dimension are seen as a matrix
            whole[name] = replace(whole[name], shape=layout.shape)
    return whole


def share_payloads(payloads: Sequence[bytes] | None, group: Any = None) -> list[bytes]:
    """What rank 0 has downloaded, on every rank."""
    box: list[Any] = [list(payloads) if payloads is not None else None]
    source = 0 if group is None else dist.get_global_rank(group, 0)
    dist.broadcast_object_list(box, src=source, group=group)
    return list(box[0])


def _sharded(name: str, parameter: Tensor) -> DTensor:
    if not isinstance(parameter, DTensor):
        raise BadInput(f"{name} is not sharded: call fully_shard on the model, or use SparseLoCo.")
    if parameter.device_mesh.ndim != 1 or parameter.placements != (Shard(0),):
        raise BadInput(f"{name} is placed {parameter.placements}: shard rows over one mesh dimension.")
    if parameter.dtype != torch.float32:
        raise BadInput(f"{name} is {parameter.dtype}: the outer optimiser's parameters are torch.float32.")
    return parameter
