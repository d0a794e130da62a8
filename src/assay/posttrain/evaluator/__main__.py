"""`python -m assay.posttrain.evaluator SPEC.json`: evaluate one model and leave `answers.jsonl` and an Inspect log."""

import json
import os
import sys
from pathlib import Path


def main(spec_path: str) -> int:
    # Before the imports: no hub, no telemetry, and no guess at how many threads there are.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", INSPECT_LOG_LEVEL="warning")
    # Inspect looks for the clients of hosted models: no evaluation asks one, and they take seconds to import.
    sys.modules.update(dict.fromkeys(("anthropic", "openai")))  # type: ignore[arg-type]
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import get_model

    import assay.posttrain.evaluator.provider  # noqa: F401 - registers the provider
    from assay.posttrain.benchmarks import from_jsonl
    from assay.posttrain.evaluator.spec import EvaluationSpec
    from assay.posttrain.evaluator.task import benchmark_task

    spec = EvaluationSpec.read(Path(spec_path))
    items = from_jsonl(Path(spec.items).read_bytes())[: spec.n_items]
    out = Path(spec.out)
    (log,) = inspect_eval(
        benchmark_task(spec.benchmark, spec.scorer, items),
        model=get_model("assay/submission", spec=spec_path, memoize=False),
        log_dir=str(out / "log"),
        max_samples=spec.n_items,
        max_connections=spec.n_items,
        display="none",
        log_realtime=False,
        fail_on_error=True,
    )
    if log.status != "success" or not log.samples:
        print(f"error: the evaluation ended as {log.status}: {log.error}", file=sys.stderr)
        return 1
    lines = [json.dumps({"id": str(s.id), "answer": s.output.completion}, ensure_ascii=False) for s in log.samples]
    (out / "answers.jsonl").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
