"""A worker that plays by the rules: it fine-tunes the base model on the training data it was given.

It runs in the task's workspace, reads `brief.json`, and leaves `final_model/`. It knows nothing of Assay: copy it and
make it better. Usage: python honest.py [EXAMPLES]
"""

import json
import math
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

SEED = 0
EXAMPLES = 96
BATCH = 8  # sequences
LEARNING_RATE = 2e-4
FROZEN = 20  # the lowest layers, of 30, stay as they are: two thirds of the backward pass are saved
SHARE = 0.8  # of the time left goes into training; the rest is for loading, saving and slow moments


def examples(brief: dict[str, Any], tokenizer: Any, count: int) -> list[tuple[list[int], int]]:
    """(token ids, length of the prompt) of each training example."""
    # A benchmark without training items leaves the development items to learn from.
    given = Path(brief["train"]).read_text() or Path(brief["dev"]).read_text()
    rows = [json.loads(line) for line in given.splitlines()]
    random.Random(SEED).shuffle(rows)
    template = brief["chat_template"]
    encoded = []
    for row in rows[:count]:
        prompt = tokenizer.apply_chat_template(
            row["messages"], chat_template=template, add_generation_prompt=True, tokenize=False
        )
        start = tokenizer(prompt, add_special_tokens=False).input_ids
        answer = tokenizer(row["answer"] + brief["end_of_turn"], add_special_tokens=False).input_ids
        encoded.append((start + answer, len(start)))
    return encoded


def batches(encoded: list[tuple[list[int], int]]) -> list[list[tuple[list[int], int]]]:
    """Examples of similar length together, so that little is padding; batches in random order."""
    ordered = sorted(encoded, key=lambda example: len(example[0]))
    grouped = [ordered[i : i + BATCH] for i in range(0, len(ordered), BATCH)]
    random.Random(SEED).shuffle(grouped)
    return grouped


def loss_of(model: Any, batch: list[tuple[list[int], int]]) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens; prompts are read, not learned."""
    width = max(len(ids) for ids, _ in batch)
    inputs = torch.zeros(len(batch), width, dtype=torch.long)  # (batch, width)
    targets = torch.full((len(batch), width), -100)
    for row, (ids, start) in enumerate(batch):
        inputs[row, : len(ids)] = torch.tensor(ids)
        targets[row, start : len(ids)] = torch.tensor(ids[start:])
    hidden = model.model(input_ids=inputs).last_hidden_state[:, :-1]  # right padding is never attended to
    learned = targets[:, 1:] != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[learned]), targets[:, 1:][learned])


def train(model: Any, encoded: list[tuple[list[int], int]], deadline: float) -> None:
    for layer in (model.model.embed_tokens, *model.model.layers[:FROZEN]):
        layer.requires_grad_(False)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, betas=(0.9, 0.98), weight_decay=0.0)
    grouped = batches(encoded)
    began = time.monotonic()
    for step, batch in enumerate(grouped):
        # Whichever ends first, the data or the time: the learning rate must reach zero by then.
        done = max(step / len(grouped), (time.monotonic() - began) / (deadline - began))
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / 4) * 0.5 * (1 + math.cos(math.pi * done))
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step + 1}/{len(grouped)} loss {loss.item():.3f}", flush=True)


def main() -> None:
    brief = json.loads(Path("brief.json").read_text())
    base, out = Path(brief["base_model"]), Path(brief["final_model"])
    deadline = time.monotonic() + SHARE * (brief["deadline_unix"] - time.time())
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    train(model, examples(brief, tokenizer, int(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLES), deadline)

    out.mkdir(exist_ok=True)
    names = load_file(base / "model.safetensors").keys()
    state = model.state_dict()
    save_file({name: state[name].to(torch.bfloat16).contiguous() for name in names}, out / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(base / name, out / name)
    print(f"saved {out}")


if __name__ == "__main__":
    main()
