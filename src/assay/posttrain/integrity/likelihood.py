"""`python -m assay.posttrain.integrity.likelihood SPEC.json`: how likely a model finds each token of given answers.

It runs inside the evaluation sandbox, once for the base and once for the submission: architecture and tokenizer are
the base's, the weights are the model's, on a CPU in float32 with fixed batches. It leaves `likelihoods.jsonl`, one
item a line, which `assay.posttrain.integrity.memorisation` compares outside.
"""

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay.core.errors import BadInput, LimitExceeded

MAX_SPEC = 1 << 20  # bytes
MAX_ITEMS = 256 << 20  # bytes
MAX_LIKELIHOODS = 256 << 20  # bytes: 10,000 items of 1,000 tokens are under 150 MiB
MAX_LOGITS = 1 << 28  # values of a batch's logits: 1 GiB
OUTPUT = "likelihoods.jsonl"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class LikelihoodSpec(_Model):
    """Paths are as the program sees them, inside its sandbox."""

    schema_: Literal["assay.likelihood/1"] = Field(default="assay.likelihood/1", alias="schema")
    model: str = Field(description="folder with the weights to look at")
    base: str = Field(description="folder whose config and tokenizer are used")
    items: str = Field(description="JSON Lines of id, prompt, answer")
    out: str
    batch: int = Field(default=8, gt=0)
    threads: int = Field(default=2, gt=0)
    max_tokens: int = Field(default=1024, gt=1, description="of prompt and answer together; the prompt's start is cut")

    @classmethod
    def read(cls, path: Path) -> "LikelihoodSpec":
        try:
            return cls.model_validate_json(_read(path, MAX_SPEC))
        except ValidationError as error:
            raise BadInput(f"{path} is not a likelihood spec: {str(error).splitlines()[0]}.") from None


class LikelihoodItem(_Model):
    """What is asked and what is answered. Only the tokens of `answer` count; give the question there if it should."""

    id: str
    prompt: str = ""
    answer: str = Field(min_length=1)


class Likelihood(_Model):
    """One model on one item: log-probability of each answer token, and whether it was the model's first choice."""

    id: str
    log_p: tuple[float, ...] = Field(min_length=1)
    first: tuple[bool, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Likelihood":
        if len(self.first) != len(self.log_p) or not all(math.isfinite(p) and p <= 1e-3 for p in self.log_p):
            raise ValueError("not one log-probability and one choice per token")
        return self


def read_likelihoods(path: Path) -> dict[str, Likelihood]:
    """What the program left, by item, parsed strictly: it comes out of a sandbox that ran a stranger's weights."""
    return _by_id(path, Likelihood, MAX_LIKELIHOODS)


def read_items(path: Path) -> dict[str, LikelihoodItem]:
    return _by_id(path, LikelihoodItem, MAX_ITEMS)


def _by_id(path: Path, kind: Any, limit: int) -> dict[str, Any]:
    try:
        rows = [kind.model_validate_json(line) for line in _read(path, limit).splitlines() if line.strip()]
    except ValidationError as error:
        raise BadInput(f"{path.name} cannot be read: {str(error).splitlines()[0]}.") from None
    found = {row.id: row for row in rows}
    if len(found) != len(rows):
        raise BadInput(f"{path.name} names an item twice.")
    return found


def _read(path: Path, limit: int) -> bytes:
    if not path.is_file() or path.is_symlink():
        raise BadInput(f"There is no file {path.name}.")
    if path.stat().st_size > limit:
        raise LimitExceeded(f"{path.name} is over {limit} bytes.")
    return path.read_bytes()


def encode(tokenizer: Any, item: LikelihoodItem, max_tokens: int) -> tuple[list[int], int]:
    """Token ids of prompt and answer, and how many of them are the answer's. At least one stands before the answer."""
    prompt = tokenizer(item.prompt, add_special_tokens=False).input_ids
    answer = tokenizer(item.answer, add_special_tokens=False).input_ids
    if not prompt:  # nothing to predict the first token from
        prompt, answer = answer[:1], answer[1:]
    if not answer:
        raise BadInput(f"The answer of item {item.id[:100]!r} is a single token without a prompt: nothing to predict.")
    answer = answer[: max_tokens - 1]
    return [*prompt, *answer][-max_tokens:], len(answer)


def likelihoods(
    model: Any, encoded: Sequence[tuple[list[int], int]], batch: int
) -> Iterator[tuple[int, list[float], list[bool]]]:
    """For each encoded item, in any order: its number, log-probabilities (tokens,), first choices (tokens,)."""
    import torch

    order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i][0]), encoded[i][0]))
    vocabulary = int(model.config.get_text_config().vocab_size)
    start = 0
    while start < len(order):
        width = len(encoded[order[min(start + batch, len(order)) - 1]][0])
        numbers = order[start : start + max(1, min(batch, MAX_LOGITS // (width * vocabulary)))]
        start += len(numbers)
        width = len(encoded[numbers[-1]][0])
        ids = torch.zeros(len(numbers), width, dtype=torch.long)  # (batch, width), padded on the right
        mask = torch.zeros(len(numbers), width, dtype=torch.long)
        for row, number in enumerate(numbers):
            tokens = encoded[number][0]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        skipped = min(len(encoded[number][0]) - encoded[number][1] for number in numbers) - 1
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=width - skipped).logits
        for row, number in enumerate(numbers):
            tokens, answer = encoded[number]
            first = len(tokens) - answer
            mine = logits[row, first - 1 - skipped : len(tokens) - 1 - skipped].float()  # (answer, vocabulary)
            target = ids[row, first : len(tokens)]
            log_p = mine.log_softmax(-1).gather(-1, target[:, None])[:, 0]
            yield number, log_p.tolist(), (mine.argmax(-1) == target).tolist()


def main(spec_path: str) -> int:
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
    import torch
    from transformers import AutoTokenizer

    from assay.posttrain.evaluator.engines import load_model

    spec = LikelihoodSpec.read(Path(spec_path))
    torch.set_num_threads(spec.threads)
    items = list(read_items(Path(spec.items)).values())
    tokenizer = AutoTokenizer.from_pretrained(spec.base, local_files_only=True)
    model = load_model(Path(spec.base), Path(spec.model))
    encoded = [encode(tokenizer, item, spec.max_tokens) for item in items]
    with (Path(spec.out) / OUTPUT).open("w") as file:
        for done, (number, log_p, first) in enumerate(likelihoods(model, encoded, spec.batch), 1):
            row = {"id": items[number].id, "log_p": [round(p, 6) for p in log_p], "first": first}
            file.write(json.dumps(row) + "\n")
            if done % 50 == 0 or done == len(items):
                sys.stderr.write(f"scored {done}/{len(items)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
