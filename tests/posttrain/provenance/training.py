"""A small language model trained for real, from nothing to base to sibling to submissions, in seconds each.

Llama of under a million weights on bytes. The texts are the sources of Python's standard library: they are on every
machine, and files are alike enough for two fine-tunes to share much of their direction.
"""

import json
import math
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

PRETRAINING = ("argparse", "ast", "calendar", "cmd", "codecs", "copy", "csv", "datetime", "decimal", "dis", "doctest")
FIRST = ("json/decoder", "json/encoder", "locale", "mailbox", "optparse", "pathlib", "pickle", "platform", "shutil")
SECOND = ("smtplib", "socket", "ssl", "statistics", "subprocess", "tarfile", "tempfile", "threading", "turtle")

CONFIG = LlamaConfig(
    vocab_size=256,
    hidden_size=128,
    intermediate_size=320,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    tie_word_embeddings=True,
    bos_token_id=None,
    eos_token_id=None,
)


def corpus(modules: tuple[str, ...]) -> bytes:
    library = Path(sysconfig.get_paths()["stdlib"])
    return b"\n".join(path.read_bytes() for m in modules if (path := library / f"{m}.py").exists())


def windows(text: bytes, seed: int, batch: int, width: int = 64) -> Iterator[torch.Tensor]:
    order = random.Random(seed)
    while True:
        starts = [order.randrange(len(text) - width) for _ in range(batch)]
        yield torch.tensor([list(text[s : s + width]) for s in starts])


def train(
    start: Path | None,
    folder: Path,
    modules: tuple[str, ...],
    steps: int,
    rate: float,
    seed: int,
    *,
    batch: int = 8,
    decay: float = 0.0,
    rank: int = 0,
) -> Path:
    """Train from `start` (or from nothing) and save in bfloat16. `rank` trains low-rank factors and merges them."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(CONFIG) if start is None else LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
    trained = _factors(model, rank) if rank else list(model.parameters())
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=decay, betas=(0.9, 0.95))
    batches = windows(corpus(modules), seed, batch)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / (0.1 * steps)) * (0.55 + 0.45 * math.cos(math.pi * step / steps))
        ids = next(batches)
        loss = model(ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
    if rank:
        for module in model.modules():
            if torch.nn.utils.parametrize.is_parametrized(module):
                torch.nn.utils.parametrize.remove_parametrizations(module, "weight")
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps({"loss": loss.item()}))
    return folder


class _Factors(torch.nn.Module):
    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        self.down = torch.nn.Parameter(torch.randn(rank, weight.shape[1]) / math.sqrt(weight.shape[1]))
        self.up = torch.nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.up @ self.down


def _factors(model: LlamaForCausalLM, rank: int) -> list[torch.nn.Parameter]:
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    trained = []
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name:
            factors = _Factors(module.weight, rank)
            torch.nn.utils.parametrize.register_parametrization(module, "weight", factors)
            trained += [factors.down, factors.up]
    return trained


def reinforce(start: Path, folder: Path, steps: int, rate: float, seed: int) -> Path:
    """Policy gradient on sampled continuations; the reward is the share of spaces, relative to the group's mean."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, betas=(0.9, 0.95))
    prompts = windows(corpus(SECOND), seed, batch=16, width=16)
    for _ in range(steps):
        rows = next(prompts)
        with torch.no_grad():
            for _ in range(16):
                chances = model(rows).logits[:, -1].softmax(-1)
                rows = torch.cat([rows, torch.multinomial(chances, 1)], dim=1)
        reward = (rows[:, 16:] == ord(" ")).float().mean(1)
        advantage = (reward - reward.mean()) / (reward.std() + 1e-4)
        log_p = model(rows[:, :-1]).logits[:, 15:].log_softmax(-1).gather(-1, rows[:, 16:, None])[..., 0]
        loss = -(advantage * log_p.mean(1)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder
