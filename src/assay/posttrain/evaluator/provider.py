"""An Inspect model provider for a submission: its weights, the task's tokenizer, template and decoding.

Inspect asks for one answer at a time. The provider waits until all requests of the evaluation are there and answers
them together, so that batches are the same in every run.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from assay.posttrain.evaluator.decode import Decoding, decode
from assay.posttrain.evaluator.spec import EvaluationSpec


def load_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, one file or shards with an index."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return load_file(folder / "model.safetensors")
    shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    return {name: tensor for shard in shards for name, tensor in load_file(folder / shard).items()}


def load_model(base: Path, submission: Path) -> Any:
    """The base's architecture with the submission's weights, in float32. Nothing else of the submission is read."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    missing, unexpected = model.load_state_dict(load_weights(submission), strict=False)
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    if set(missing) - tied or unexpected:
        raise ValueError(f"weights do not fit the base: missing {missing[:3]}, unexpected {unexpected[:3]}")
    model.tie_weights()
    return model.eval()


class Together:
    """Collects a known number of requests and answers them in one go."""

    def __init__(self, spec: EvaluationSpec) -> None:
        torch.set_num_threads(spec.threads)
        torch.manual_seed(0)
        self._expected = spec.n_items
        self._waiting: list[tuple[list[int], asyncio.Future[list[int]]]] = []
        self._tokenizer = AutoTokenizer.from_pretrained(spec.base, local_files_only=True)
        self._template = spec.chat_template
        self._model = load_model(Path(spec.base), Path(spec.model))
        self._decoding = Decoding(spec.max_new_tokens, spec.batch, self._stop_tokens(spec.end_of_turn))

    def _stop_tokens(self, end_of_turn: str) -> frozenset[int]:
        """The end of the turn, and every token with a line break: an answer is one line."""
        stop = {self._tokenizer.convert_tokens_to_ids(end_of_turn)}
        stop |= {i for i in range(len(self._tokenizer)) if "\n" in self._tokenizer.decode([i])}
        return frozenset(stop)

    def encode(self, messages: Sequence[ChatMessage]) -> list[int]:
        text = self._tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.text} for m in messages],
            chat_template=self._template,
            add_generation_prompt=True,
            tokenize=False,
        )
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    async def answer(self, prompt: list[int]) -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[int]] = loop.create_future()
        self._waiting.append((prompt, future))
        if len(self._waiting) == self._expected:
            answers = await asyncio.to_thread(self._decode_all)
            for (_, waiting), tokens in zip(self._waiting, answers, strict=True):
                waiting.set_result(tokens)
        return str(self._tokenizer.decode(await future, skip_special_tokens=True))

    def _decode_all(self) -> list[list[int]]:
        total = len(self._waiting)

        def progress(done: int) -> None:
            print(f"evaluated {done}/{total}", file=sys.stderr, flush=True)

        return decode(self._model, [prompt for prompt, _ in self._waiting], self._decoding, progress)


@modelapi(name="assay")
class SubmissionModel(ModelAPI):
    """`assay/submission`: see the module's docstring. `spec` is the path of the evaluation's spec."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
        spec: str = "",
        **_: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._spec = EvaluationSpec.read(Path(spec))
        self._together = Together(self._spec)

    def max_connections(self) -> int:
        return self._spec.n_items

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        prompt = self._together.encode(input)
        text = await self._together.answer(prompt)
        output = ModelOutput.from_content(self.model_name, text)
        output.usage = ModelUsage(input_tokens=len(prompt), output_tokens=0, total_tokens=len(prompt))
        return output
