"""The account of an agent's calls, and what does not pass between the agent and the model's provider."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig, Model, ModelOutput, get_model
from inspect_ai.tool import INTERNAL_TOOL_TYPE, ToolInfo
from inspect_ai.util import LimitExceededError

from assay.core.budget import Budget
from assay.core.workers import metering
from assay.core.workers.metering import Meter, Price, Spending, secrets_of_the_host
from tests.core.workers.scripted import scripted_model  # noqa: F401 - it registers the model `scripted`

HOUR = Budget(wall_seconds=3600)
CENT = Price(input=10, output=20, input_cache_write=0, input_cache_read=0)
MARKER = "sk-marker-0123456789abcdef"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("SCRIPTED_TRAFFIC", str(tmp_path / "traffic.jsonl"))
    return get_model("scripted/tiny", memoize=False)


def ask(model: Model, text: str = "Hello.", tools: list[ToolInfo] | None = None, **config: Any) -> ModelOutput:
    async def generate() -> ModelOutput:
        output = await model.api.generate(
            input=[ChatMessageUser(content=text)],
            tools=tools or [],
            tool_choice="auto",
            config=GenerateConfig(**config),
        )
        assert isinstance(output, ModelOutput)
        return output

    return anyio.run(generate)


def asked(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "traffic.jsonl").read_text().splitlines()]


def test_every_call_is_counted_and_priced(model: Model) -> None:
    told: list[Spending] = []
    meter = Meter(HOUR, CENT, told=lambda spending, _, __: told.append(spending))
    meter.guard(model)
    for _ in range(3):
        ask(model)
    dollars = (1000 * 10 + 100 * 20) / 1e6
    assert [s.tokens for s in told] == [1100, 2200, 3300]
    assert told[-1].dollars == pytest.approx(3 * dollars) and told[-1].calls == 3
    assert (meter.usage.input_tokens, meter.usage.output_tokens, meter.usage.estimated_calls) == (3000, 300, 0)
    assert meter.exceeded is None and Meter(HOUR).spending == Spending(0, 0, None)


def test_a_limit_that_is_exceeded_is_named(model: Model) -> None:
    tokens = Meter(HOUR.model_copy(update={"tokens": 1500}), CENT)
    tokens.guard(model)
    ask(model)
    assert tokens.exceeded is None and tokens.share_left() == pytest.approx(400 / 1500)
    ask(model)
    assert tokens.exceeded == "tokens" and tokens.share_left() == 0
    other = get_model("scripted/tiny", memoize=False)
    money = Meter(HOUR.model_copy(update={"dollars": 0.01}), CENT)
    money.guard(other)
    ask(other)
    assert money.exceeded == "dollars"


def test_a_call_of_which_the_provider_says_nothing_is_estimated_never_free(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_USAGE", "null")
    meter = Meter(HOUR)
    meter.guard(model)
    output = ask(model, "word " * 3000)
    assert meter.usage.estimated_calls == 1 and 4000 < meter.usage.total_tokens < 8000
    assert output.usage is not None and output.usage.total_tokens == meter.usage.total_tokens  # Inspect counts it too


def test_the_last_answer_is_cut_to_what_is_left(model: Model, tmp_path: Path) -> None:
    meter = Meter(HOUR.model_copy(update={"tokens": 3000}))
    meter.guard(model)
    ask(model)
    ask(model, max_tokens=50)
    ask(model, max_tokens=64_000)
    assert [row["max_tokens"] is not None for row in asked(tmp_path)] == [True, True, True]
    first, second, third = (row["max_tokens"] for row in asked(tmp_path))
    assert 2900 < first < 3000 and second == 50 and 700 < third < 800
    rich = get_model("scripted/tiny", memoize=False)
    Meter(HOUR).guard(rich)
    ask(rich)
    ask(rich, max_tokens=64_000)
    assert [row["max_tokens"] for row in asked(tmp_path)[3:]] == [None, 64_000]


def test_tools_that_the_provider_would_run_are_taken_out(model: Model, tmp_path: Path) -> None:
    Meter(HOUR).guard(model)
    tools = [
        ToolInfo(name="Bash", description="a shell"),
        ToolInfo(name="search", description="the web", options={INTERNAL_TOOL_TYPE: "web_search"}),
        ToolInfo(name="remote", description="elsewhere", options={INTERNAL_TOOL_TYPE: "mcp_call"}),
        ToolInfo(name="web_search", description="the web"),
    ]
    ask(model, tools=tools)
    assert asked(tmp_path)[0]["tools"] == ["Bash"]


def test_no_secret_of_the_host_is_in_an_error_or_an_answer(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", MARKER)
    monkeypatch.setenv("SCRIPTED_ERROR", f"401: Incorrect API key provided: {MARKER}.")
    meter = Meter(HOUR)
    meter.guard(model)
    with pytest.raises(RuntimeError, match=r"Incorrect API key provided: \[secret\]") as caught:
        ask(model)
    assert MARKER not in repr(caught.value) and caught.value.__cause__ is None
    assert meter.failure is not None and MARKER not in meter.failure
    monkeypatch.setenv("SCRIPTED_ERROR", "overloaded")
    with pytest.raises(RuntimeError, match=r"^overloaded$"):
        ask(model)

    async def indiscreet(**_: Any) -> ModelOutput:
        return ModelOutput.from_content("tiny", f'the key is "{MARKER}"')

    other = get_model("scripted/tiny", memoize=False)
    other.api.generate = indiscreet  # type: ignore[method-assign,assignment]
    Meter(HOUR).guard(other)
    assert ask(other).completion == 'the key is "[secret]"'


def test_secrets_are_known_by_the_names_of_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MY_PASSWORD", "HF_TOKEN", "aws_secret_access", "X_CREDENTIALS"):
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("SHORT_KEY", "1")
    monkeypatch.setenv("HARMLESS", "a long harmless value")
    found = secrets_of_the_host()
    assert {f"value-of-{n}" for n in ("MY_PASSWORD", "HF_TOKEN", "aws_secret_access", "X_CREDENTIALS")} <= found
    assert not {"1", "a long harmless value"} & found


def test_requests_that_would_fill_the_memory_end_the_run(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "_MAX_CHARACTERS", 10_000)
    meter = Meter(HOUR)
    meter.guard(model)
    for _ in range(5):
        ask(model, "the same conversation, sent again " * 100)  # 3,400 characters, kept once
    with pytest.raises(LimitExceededError):
        ask(model, "something new " * 1000)
