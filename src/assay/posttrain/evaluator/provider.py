"""An Inspect model provider for a submission: its weights, the task's tokenizer, template and decoding.

Inspect asks for one answer at a time. The provider waits until all requests of the evaluation are there and answers
them together, so that batches are the same in every run.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo
from transformers import AutoTokenizer

from assay.posttrain.evaluator.engines import open_engine
from assay.posttrain.evaluator.spec import EvaluationSpec


class Together:
    """Collects a known number of requests and answers them in one go."""

    def __init__(self, spec: EvaluationSpec) -> None:
        self._expected = spec.n_items
        self._waiting: list[tuple[list[int], asyncio.Future[list[int]]]] = []
        self._tokenizer = AutoTokenizer.from_pretrained(spec.base, local_files_only=True)
        self._template = spec.chat_template
        self._engine = open_engine(spec, self._stop_tokens(spec))

    def _stop_tokens(self, spec: EvaluationSpec) -> frozenset[int]:
        """The end of the turn and of the text; where an answer is one line, every token with a line break too."""
        stop = {self._tokenizer.convert_tokens_to_ids(spec.end_of_turn), self._tokenizer.eos_token_id} - {None}
        if spec.decoding.stop == "line":
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

        return self._engine([prompt for prompt, _ in self._waiting], progress)


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
