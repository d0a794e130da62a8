"""Greedy decoding by transformers that gives the same text every time: fixed batches, fixed order, single precision.

Batches are formed by prompt length alone, so that an answer does not depend on when a request arrived. Rows that have
ended leave the batch, which on a CPU saves most of the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Decoding:
    """Pinned by the task. `stop_tokens` end an answer and are not part of it."""

    max_new_tokens: int
    batch: int
    stop_tokens: frozenset[int]


def decode(
    model: Any, prompts: Sequence[Sequence[int]], decoding: Decoding, on_progress: Callable[[int], None] | None = None
) -> list[list[int]]:
    """The greedy continuation of each prompt (token ids), without the stop token."""
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), list(prompts[i])))
    answers: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), decoding.batch):
        rows = order[start : start + decoding.batch]
        for row, answer in zip(rows, _decode_batch(model, [prompts[i] for i in rows], decoding), strict=True):
            answers[row] = answer
        if on_progress:
            on_progress(start + len(rows))
    return answers


@torch.inference_mode()
def _decode_batch(model: Any, prompts: Sequence[Sequence[int]], decoding: Decoding) -> list[list[int]]:
    width = max(map(len, prompts))
    ids = torch.zeros(len(prompts), width, dtype=torch.long)  # (rows, width), padded on the left
    mask = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    ids, mask, positions = ids.to(model.device), mask.to(model.device), positions.to(model.device)

    answers: list[list[int]] = [[] for _ in prompts]
    alive = list(range(len(prompts)))
    cache = None
    for _ in range(decoding.max_new_tokens):
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
        tokens = output.logits[:, -1].argmax(-1)  # (alive,)
        going = [row for row, token in enumerate(tokens.tolist()) if token not in decoding.stop_tokens]
        for row in going:
            answers[alive[row]].append(int(tokens[row]))
        if not going:
            break
        if len(going) < len(alive):
            kept = torch.tensor(going, device=model.device)
            cache.batch_select_indices(kept)
            tokens, mask, positions = tokens[kept], mask[kept], positions[kept]
            alive = [alive[row] for row in going]
        ids = tokens[:, None]
        mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return answers
