"""The benchmarks run as Inspect's own tasks, with any model: here one that is scripted."""

import json
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from assay.core.errors import BadInput
from assay.posttrain import catalogue
from assay.posttrain.inspect_tasks import benchmark
from assay.posttrain.tasks import items


def says(text: str) -> ModelOutput:
    """An output that says what it used: counting tokens would ask the internet for a tokenizer."""
    output = ModelOutput.from_content("scripted", text)
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


def test_function_calling_and_programs_are_scored(tmp_path: Path) -> None:
    for name, wrong in (("bfcl", "[nothing()]"), ("humaneval", "pass")):
        found = items(catalogue.load().benchmarks[name], "official").hidden
        answers = [found[0].answer(), wrong]
        model = get_model("mockllm/model", custom_outputs=[says(answer) for answer in answers])
        (log,) = inspect_eval(
            benchmark(name), model=model, limit=2, log_dir=str(tmp_path), display="none", max_samples=1
        )
        assert log.status == "success" and log.samples, log.error
        assert [next(iter((s.scores or {}).values())).value for s in log.samples] == [1.0, 0.0]


def test_a_judged_benchmark_asks_the_model_that_is_the_grader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "arena-hard-writing"
    folder.mkdir(parents=True)
    (folder / "question.jsonl").write_text(json.dumps({"uid": "1", "prompt": "Write."}) + "\n")
    reply = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "roses"}]
    (folder / "baseline_Qwen3-1.7B.jsonl").write_text(json.dumps({"uid": "1", "messages": reply}) + "\n")
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path / "data"))
    known = catalogue.load()
    plain = [source.model_copy(update={"digest": None}) for source in known.benchmarks["arena-hard-writing"].test]
    known.benchmarks["arena-hard-writing"] = known.benchmarks["arena-hard-writing"].model_copy(update={"test": plain})
    monkeypatch.setattr(catalogue, "load", lambda: known)
    outputs = [says(text) for text in ("Better.\n[[A>>B]]", "Still.\n[[B>A]]")]
    grader = get_model("mockllm/grader", custom_outputs=outputs)
    (log,) = inspect_eval(
        benchmark("arena-hard-writing"),
        model=get_model("mockllm/model", custom_outputs=[says("A poem.")]),
        model_roles={"grader": grader},
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success" and log.samples, log.error
    assert next(iter((log.samples[0].scores or {}).values())).value == 1.0


@pytest.mark.parametrize("arguments", [{"name": "nonsense"}, {"name": "bfcl", "mode": "secret"}])
def test_what_is_not_there_is_said(arguments: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        benchmark(**arguments)
