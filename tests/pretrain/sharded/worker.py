"""One rank of a peer, or a whole peer: five rounds, then what it sent and where it arrived, into a file.

    python worker.py RANK RANKS MEETING OUT

Every rank sees the same batch, so that the mean of the ranks' gradients is each of them: what sharding changes is then
nothing but where numbers are kept and added up.
"""

import hashlib
import json
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from assay.pretrain import SparseLoCo, wire
from assay.pretrain.clipping import clip_gradients
from assay.pretrain.sharded import ShardedSparseLoCo, share_payloads

ROUNDS, STEPS = {"mean": 5, "agreement": 2}, 3


class Odd(torch.nn.Module):
    """No dimension is a multiple of 64 but one, and some shards are empty or shorter than a chunk."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(101, 70)
        self.first = torch.nn.Linear(70, 130)
        self.norm = torch.nn.LayerNorm(130)
        self.second = torch.nn.Linear(130, 192, bias=False)
        self.one_row = torch.nn.Linear(192, 1)
        self.last = torch.nn.Linear(193, 101)
        self.long = torch.nn.Parameter(torch.zeros(9001))
        self.cube = torch.nn.Parameter(torch.zeros(37, 5, 26))

    def forward(self, tokens):
        hidden = self.norm(torch.tanh(self.first(self.embedding(tokens))))
        hidden = torch.tanh(self.second(hidden))
        logits = self.last(torch.cat([hidden, self.one_row(hidden)], dim=-1))
        extra = (self.long[: 101 * 80].view(101, 80).mean(1) + self.cube.flatten()[:101]) * logits.detach().mean()
        return logits + extra


def fill(model):
    random = np.random.Generator(np.random.PCG64(3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(0.1 * random.standard_normal(parameter.shape, dtype=np.float32)))


def strangers(shapes, round_):
    """Two other peers' payloads, the same in every test."""
    for number in (0, 50):
        random = np.random.Generator(np.random.PCG64(100 + round_ + number))
        work = {n: torch.from_numpy(1e-3 * random.standard_normal(s, dtype=np.float32)) for n, s in shapes.items()}
        yield wire.encode(work, k=64, bits=2)


def main(rank, ranks, meeting, out):
    torch.set_num_threads(1)
    if ranks > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=ranks, timeout=timedelta(seconds=300)
        )
    results = {aggregate: train(ranks, aggregate, rounds) for aggregate, rounds in ROUNDS.items()}
    if rank == 0:
        Path(out).write_text(json.dumps(results))
    if ranks > 1:
        dist.destroy_process_group()


def train(ranks, aggregate, rounds):
    """Digests of the payloads and of the parameters."""
    model = Odd()
    fill(model)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    limits = wire.Limits.of(shapes)
    if ranks > 1:
        fully_shard(model, mesh=init_device_mesh("cpu", (ranks,)))
        model.set_force_sum_reduction_for_comms(True)  # gloo has no mean; dividing by 2 or 4 rounds nothing
    inner = torch.optim.AdamW(model.parameters(), lr=3e-3, foreach=False)
    named = list(model.named_parameters())
    settings = {"lr": 0.9, "aggregate": aggregate}
    outer = SparseLoCo(named, **settings) if ranks == 1 else ShardedSparseLoCo(named, inner, **settings)
    sent = []
    for round_ in range(rounds):
        outer.begin_round()
        for step in range(STEPS):
            random = np.random.Generator(np.random.PCG64(1000 * round_ + step))
            tokens = torch.from_numpy(random.integers(0, 101, size=(4, 17)))
            inner.zero_grad(set_to_none=True)
            logits = model(tokens[:, :-1])
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
            clip_gradients(model.parameters(), 0.5)
            inner.step()
        mine = outer.pseudo_gradient()
        payloads = [wire.pack(mine), *strangers(shapes, round_)] if mine is not None else None
        payloads = payloads if ranks == 1 else share_payloads(payloads)
        sent.append(payloads[0])
        outer.step([wire.decode(payload, limits) for payload in payloads])
    whole = {name: (p.full_tensor() if ranks > 1 else p).detach() for name, p in model.named_parameters()}
    arrived = {name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest() for name, tensor in whole.items()}
    return {"payloads": [hashlib.sha256(payload).hexdigest() for payload in sent], "parameters": arrived}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
