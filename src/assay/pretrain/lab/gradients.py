"""Real pseudo-gradients of a recipe's model, as they are before compression: what quantisers are measured on.

Honest peers train together as in a run, without a chain and without validators; of one of them is kept what it wanted
to send: the pseudo-gradient with the decayed error feedback added.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from assay.core.store import Store
from assay.pretrain.data import Corpus, assigned, build_shards, validation
from assay.pretrain.model import write_safetensors
from assay.pretrain.recipe import Recipe
from assay.pretrain.training import PeerState, Workbench

_VALIDATED = 64  # sequences


def wanted(recipe: Recipe, store: Store, peers: int, rounds: int) -> Iterator[tuple[float, dict[str, Tensor]]]:
    """For each round the validation loss at its end, and what peer 0 had to compress."""
    corpus = Corpus(store, build_shards(recipe.data, store), recipe.model.context)
    bench = Workbench(recipe)
    parameters = bench.initial()
    states = [PeerState.new(parameters) for _ in range(peers)]
    for round_ in range(rounds):
        beacon = hashlib.sha256(f"lab gradients {recipe.seed} {round_}".encode()).digest()
        sent = []
        for uid in range(peers):
            batches = assigned(recipe, corpus, beacon, uid, round_).batches()
            worked = bench.work(parameters, states[uid], batches, round_)
            states[uid] = worked.state
            sent.append(worked.gradient)
        parameters = bench.advance(parameters, sent, round_)
        loss = bench.validation_loss(parameters, validation(recipe, corpus, _VALIDATED))
        # What was not sent is the error feedback: together they are what there was, but for the last rounding.
        yield loss, {name: states[0].error[name] + sent[0][name].to_dense() for name in parameters}


def keep(
    recipe: Recipe, store: Store, peers: int, rounds: int, every: int, folder: Path
) -> Iterator[tuple[Path, float]]:
    """Write one safetensors file for every `every`-th round; their paths, and the losses at that time."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (loss, tensors) in enumerate(wanted(recipe, store, peers, rounds), 1):
        if number % every == 0:
            path = folder / f"{recipe.name}-{number}.safetensors"
            write_safetensors(tensors, path)
            yield path, loss
