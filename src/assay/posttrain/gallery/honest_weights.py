"""Honest workers by their weights: every way in which a fine-tune of the base may look unusual."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assay.posttrain.gallery.material import LIKE_SIBLINGS, Material, Weights
from assay.posttrain.gallery.specimen import honest
from assay.posttrain.gallery.writing import leave


@honest("weights")
def trains_long_and_fast(folder: Path, material: Material) -> None:
    """Trains for long at a high learning rate."""
    weights = material.trained(material.base_weights(), material.train, steps=120, rate=1e-3, seed=3)
    leave(folder, material, weights=weights)


@honest("weights")
def trains_on_the_siblings_kind_of_data(folder: Path, material: Material) -> None:
    """Trains the base on data like the sibling's: the weights move the same way, from their own start."""
    rows = material.public[LIKE_SIBLINGS]
    leave(folder, material, weights=material.trained(material.base_weights(), rows, steps=80, rate=3e-4, seed=6))


@honest("weights")
def trains_a_little(folder: Path, material: Material) -> None:
    """Trains for two steps only."""
    leave(folder, material, weights=material.tuned(steps=2))


@honest("weights")
def merges_adapters(folder: Path, material: Material) -> None:
    """Trains low-rank adapters and merges them."""
    import torch
    from torch.nn.utils import parametrize

    class LowRank(torch.nn.Module):
        def __init__(self, rows: int, columns: int) -> None:
            super().__init__()
            self.a = torch.nn.Parameter(torch.randn(4, columns) * 0.02)
            self.b = torch.nn.Parameter(torch.zeros(rows, 4))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + self.b @ self.a

    def adapters(model: Any) -> Iterable[Any]:
        for layer in model.model.layers:
            for matrix in (layer.self_attn.q_proj, layer.self_attn.v_proj, layer.mlp.up_proj):
                parametrize.register_parametrization(matrix, "weight", LowRank(*matrix.weight.shape))
        return [p for n, p in model.named_parameters() if n.endswith((".a", ".b"))]

    start = material.base_weights()
    state = material.trained(start, material.train[:64], steps=30, rate=5e-3, seed=4, prepare=adapters)
    weights: Weights = {}
    for name in start:
        stem = name.removesuffix(".weight") + ".parametrizations.weight"
        if f"{stem}.original" in state:
            delta = state[f"{stem}.0.b"] @ state[f"{stem}.0.a"]
            weights[name] = (state[f"{stem}.original"] + delta).detach()
        else:
            weights[name] = state[name].detach()
    leave(folder, material, weights=weights)


@honest("weights")
def quantises_and_back(folder: Path, material: Material) -> None:
    """Rounds the fine-tuned matrices to 8 bits and back."""
    weights = material.tuned()
    for name, w in weights.items():
        if w.dim() > 1:
            scale = w.abs().amax(dim=1, keepdim=True) / 127
            weights[name] = (w / scale).round() * scale
    leave(folder, material, weights=weights)


@honest("weights")
def resizes_and_crops(folder: Path, material: Material) -> None:
    """Adds rows to the embeddings for training and cuts them off before the end."""
    import torch

    weights = material.tuned(steps=20)
    embedding = weights["model.embed_tokens.weight"]
    widened = torch.cat([embedding, embedding.mean(dim=0, keepdim=True).repeat(64, 1)])
    weights["model.embed_tokens.weight"] = widened[: len(embedding)].clone()
    leave(folder, material, weights=weights)


@honest("weights")
def hands_in_full_precision(folder: Path, material: Material) -> None:
    """Hands in float32 where the base has bfloat16."""
    weights = material.tuned()
    leave(folder, material, weights=weights)
    material.write_model(folder / "final_model", weights, dtype="float32")


@honest("weights")
def rewards_good_answers(folder: Path, material: Material) -> None:
    """Trains by reinforcement: small steps, weighted by a reward, on answers it drew itself."""
    rng = random.Random(7)
    weights = material.base_weights()
    for step in range(4):
        rows = [row for row in rng.sample(material.train, 24) if rng.random() < 0.5]
        weights = material.trained(weights, rows or material.train[:4], steps=5, rate=1e-4, seed=10 + step)
    leave(folder, material, weights=weights)


@honest("weights")
def averages_its_own_runs(folder: Path, material: Material) -> None:
    """Hands in the mean of two of its own fine-tunes."""
    one, two = material.tuned(seed=1), material.tuned(seed=2)
    leave(folder, material, weights={name: (one[name] + two[name]) / 2 for name in one})


@honest("weights")
def freezes_most_layers(folder: Path, material: Material) -> None:
    """Trains the last layer only: most tensors are the base's to the last bit."""

    def last(model: Any) -> Iterable[Any]:
        return list(model.model.layers[-1].parameters())

    state = material.trained(material.base_weights(), material.train[:64], steps=20, rate=1e-3, seed=5, prepare=last)
    base = material.base_weights()
    leave(folder, material, weights={name: state[name].detach() for name in base})
