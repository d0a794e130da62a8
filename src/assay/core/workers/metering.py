"""Counts what an agent's calls to its model use, and stands between the agent and the model's provider.

Every call of a run passes through `Meter.guard`, whoever makes it and whatever it asks for. There tokens and money are
counted, tools that the provider would run itself (web search: a way around the sandbox) are taken out, answers are cut
short when the budget is nearly gone, requests that would fill this machine's memory end the run, and no secret of the
host passes into the sandbox with an error message.
"""

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assay.core.budget import Budget
from assay.core.errors import BadInput
from assay.core.task import Usage

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelCall, ModelOutput, ModelUsage
    from inspect_ai.tool import ToolChoice, ToolInfo

_SUBMIT = "submit"  # the call by which an Inspect agent says that it is done: no work
_MAX_PRICES = 1 << 20  # bytes of a file of prices
_MILLION = 1_000_000
_LAST_ANSWER = 8192  # tokens: when less is left of the budget, an answer is cut to what is left
_CHARACTERS_PER_TOKEN = 3.0  # where a provider does not say what a call used: rather too many tokens than too few
# Of all different messages of a run: the log keeps each once, and a forged request can be of any size. The longest
# honest conversations have some ten million characters.
_MAX_CHARACTERS = 256 << 20
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_SHORTEST_SECRET = 8  # characters: shorter ones are flags and numbers


class Price(BaseModel):
    """Dollars per million tokens: the fields of Inspect's own price files."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    input_cache_write: float = Field(ge=0)
    input_cache_read: float = Field(ge=0)

    def of(self, usage: "ModelUsage") -> float:
        """What a call cost, in dollars."""
        parts = (
            (usage.input_tokens, self.input),
            (usage.output_tokens, self.output),
            (usage.input_tokens_cache_write or 0, self.input_cache_write),
            (usage.input_tokens_cache_read or 0, self.input_cache_read),
        )
        return sum(tokens * price for tokens, price in parts) / _MILLION


def read_prices(path: Path) -> dict[str, Price]:
    """Prices by model name, from a JSON file; `BadInput` if it is not one."""
    try:
        if path.stat().st_size > _MAX_PRICES:
            raise BadInput(f"{path} is too large to be a file of prices: it has at most 1 MiB.")
        return TypeAdapter(dict[str, Price]).validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"The prices {path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise BadInput(
            f"{path} is not a file of prices: write JSON such as "
            '{"openai/gpt-5": {"input": 1.25, "output": 10, "input_cache_write": 0, "input_cache_read": 0.125}}, '
            "in dollars per million tokens."
        ) from None


@dataclass(frozen=True)
class Spending:
    """What the calls to the model used so far. `dollars` is None if the price is not known."""

    calls: int = 0
    tokens: int = 0
    dollars: float | None = None


@dataclass
class Meter:
    """The account of one run. `told` hears of every call when it has ended: what was asked and what was answered."""

    budget: Budget
    price: Price | None = None
    told: Callable[[Spending, "list[ChatMessage]", "ModelOutput"], None] | None = None
    usage: Usage = field(default_factory=Usage)
    tool_calls: int = 0
    failure: str | None = None  # what the provider said when a call failed last
    _dollars: float = 0.0
    _characters: int = 0
    _heard: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def spending(self) -> Spending:
        with self._lock:
            dollars = self._dollars if self.price is not None else None
            return Spending(self.usage.calls, self.usage.total_tokens, dollars)

    @property
    def exceeded(self) -> str | None:
        """The limit that is exceeded, or none."""
        spending = self.spending
        if self.budget.tokens is not None and spending.tokens > self.budget.tokens:
            return "tokens"
        if self.budget.dollars is not None and spending.dollars is not None and spending.dollars > self.budget.dollars:
            return "dollars"
        return None

    def share_left(self) -> float:
        """How much of the tokens and the money is left, from 0 to 1: of whichever is scarcer."""
        spending, shares = self.spending, [1.0]
        if self.budget.tokens is not None:
            shares.append(1 - spending.tokens / self.budget.tokens)
        if self.budget.dollars is not None and spending.dollars is not None:
            shares.append(1 - spending.dollars / self.budget.dollars)
        return max(0.0, min(shares))

    def guard(self, model: "Model") -> None:
        """From now on, all that is asked of `model` passes through this meter."""
        provider = model.api.generate
        secrets = secrets_of_the_host(model)

        async def generate(
            input: "list[ChatMessage]",
            tools: "list[ToolInfo]",
            tool_choice: "ToolChoice",
            config: "GenerateConfig",
        ) -> "ModelOutput | tuple[ModelOutput | Exception, ModelCall]":
            asked = self._weigh(input, tools)
            local = [tool for tool in tools if not _run_by_provider(tool)]
            choice = tool_choice if len(local) == len(tools) else "auto"
            try:
                answer = await provider(
                    input=input, tools=local, tool_choice=choice, config=self._cut_short(config, asked)
                )
            except Exception as error:
                self.failure = _without(secrets, str(error))
                raise _harmless(error, secrets) from None
            output, *call = answer if isinstance(answer, tuple) else (answer,)
            if isinstance(output, Exception):
                self.failure = _without(secrets, str(output))
                return (_harmless(output, secrets), *call)  # type: ignore[return-value]
            output = _checked(output, secrets)
            self._record(input, output)
            return (output, *call) if call else output  # type: ignore[return-value]

        model.api.generate = generate  # type: ignore[method-assign]

    def _weigh(self, input: "list[ChatMessage]", tools: "list[ToolInfo]") -> int:
        """The characters of a request. Ends the run if all requests together have too many that are new."""
        from inspect_ai.util import LimitExceededError

        total = 0
        for part in (*input, *tools):
            text = part.model_dump_json(exclude={"id"})
            total += len(text)
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if digest not in self._heard:
                self._heard.add(digest)
                self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            message = f"The requests to the model have more than {_MAX_CHARACTERS:,} characters together."
            raise LimitExceededError("custom", value=self._characters, limit=_MAX_CHARACTERS, message=message)
        return total

    def _cut_short(self, config: "GenerateConfig", characters: int) -> "GenerateConfig":
        """`config` with an answer no longer than the budget: the last call does not run far over it."""
        left = self._tokens_left() - int(characters / _CHARACTERS_PER_TOKEN)
        if left >= (config.max_tokens or _LAST_ANSWER):
            return config
        return config.model_copy(update={"max_tokens": max(1, left)})

    def _tokens_left(self) -> int:
        spending, left = self.spending, [1 << 40]
        if self.budget.tokens is not None:
            left.append(self.budget.tokens - spending.tokens)
        if self.budget.dollars is not None and self.price is not None and self.price.output > 0:
            left.append(int((self.budget.dollars - self._dollars) / self.price.output * _MILLION))
        return min(left)

    def _record(self, input: "list[ChatMessage]", output: "ModelOutput") -> None:
        estimated = output.usage is None
        if output.usage is None:
            output.usage = _estimate(input, output)
        used = output.usage
        with self._lock:
            self.usage = self.usage.plus(used, estimated=estimated)
            if self.price is not None:
                self._dollars += self.price.of(used)
            if output.choices:
                self.tool_calls += sum(call.function != _SUBMIT for call in output.message.tool_calls or ())
        if self.told is not None:
            self.told(self.spending, input, output)


def _run_by_provider(tool: "ToolInfo") -> bool:
    from inspect_ai.tool import INTERNAL_TOOL_TYPE

    return bool(tool.options and INTERNAL_TOOL_TYPE in tool.options) or tool.name in ("web_search", "code_execution")


def _estimate(input: "list[ChatMessage]", output: "ModelOutput") -> "ModelUsage":
    from inspect_ai.model import ModelUsage

    asked = sum(len(message.model_dump_json()) for message in input) / _CHARACTERS_PER_TOKEN
    answered = sum(len(choice.message.model_dump_json()) for choice in output.choices) / _CHARACTERS_PER_TOKEN
    return ModelUsage(input_tokens=int(asked), output_tokens=int(answered), total_tokens=int(asked) + int(answered))


# Secrets -----------------------------------------------------------------------------------------------------------


def secrets_of_the_host(model: "Model | None" = None) -> frozenset[str]:
    """Values that must not be seen inside: of variables that are named like secrets, and the key of `model`."""
    found = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    key = getattr(model.api, "api_key", None) if model is not None else None
    if isinstance(key, str):
        found.add(key)
    return frozenset(value for value in found if len(value) >= _SHORTEST_SECRET)


def _without(secrets: frozenset[str], text: str) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def _harmless(error: Exception, secrets: frozenset[str]) -> Exception:
    """`error`, or one without its details if a secret is in them: some providers repeat the key they were given."""
    said = [str(error), repr(error), repr(getattr(error, "body", "")), repr(vars(error))]
    response = getattr(error, "response", None)
    said.append(repr(getattr(response, "text", "")))
    if all(secret not in text for secret in secrets for text in said):
        return error
    return RuntimeError(_without(secrets, str(error)))


def _checked(output: "ModelOutput", secrets: frozenset[str]) -> "ModelOutput":
    text = output.model_dump_json()
    escaped: Mapping[str, str] = {secret: json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets}
    if all(secret not in text for secret in escaped.values()):
        return output
    document: Any = _without(frozenset(escaped.values()), text)
    return type(output).model_validate_json(document)
