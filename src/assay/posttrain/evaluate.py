"""Evaluates a stored model on stored items, in a clean sandbox of its own.

Inside there are the weights (read-only), the base's tokenizer, the items and nothing else; no network. What comes out
is one answer per item, which is scored here, outside. The base model is evaluated once and its answers kept.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.arena import Report
from assay.core.budget import Budget
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import AssayError
from assay.core.sandbox import Mount, Sandbox, Spec, python_mounts
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.core.task import Task
from assay.posttrain import bfcl
from assay.posttrain.evaluator.spec import MAX_ANSWERS, EvaluationSpec, read_answers
from assay.posttrain.sources import package_folder
from assay.posttrain.tasks import QUESTIONS, base_model

BUDGET = Budget(wall_seconds=3600, memory_bytes=16 << 30, disk_bytes=1 << 30, output_bytes=4 << 20)
MAX_ITEMS = 256 << 20  # bytes of a file of items
_INSIDE = "/evaluation"


class EvaluationFailed(AssayError):
    """The evaluation did not end with an answer to every item: the verdict cannot be reached."""

    exit_code = 1


@dataclass(frozen=True)
class Evaluation:
    """Answers by item id; `log` is the Inspect log in the store."""

    answers: dict[str, str]
    log: Digest

    def right(self, items: Sequence[bfcl.Item]) -> list[float]:
        """1.0 or 0.0 per item, in the order of `items`."""
        return [float(bfcl.is_right(self.answers[item.id], item)) for item in items]


def read_items(store: Store, digest: Digest) -> list[bfcl.Item]:
    return bfcl.from_jsonl(store.get_bytes(digest, MAX_ITEMS))


def evaluate_base(
    task: Task, base: Digest, items: Digest, store: Store, sandbox: Sandbox, report: Report
) -> Evaluation:
    """The base model's answers, measured once per base, items and method, then read from the store."""
    key = digest_bytes(canonical_json({"base": base, "items": items, "verification": task.verification}))
    name = f"posttrain/baseline/{key.removeprefix('sha256:')[:32]}"
    kept = store.ref(name)
    if kept is not None and store.has(kept):
        document = json.loads(store.get_bytes(kept, MAX_ANSWERS))
        return Evaluation(document["answers"], document["log"])
    report("Measuring the base model (once; the answers are kept)")
    evaluation = evaluate(task, base, base, items, store, sandbox, report)
    document = {"schema": "assay.answers/1", "answers": evaluation.answers, "log": evaluation.log}
    store.set_ref(name, store.put_bytes(canonical_json(document)))
    return evaluation


def evaluate(
    task: Task, model: Digest, base: Digest, items: Digest, store: Store, sandbox: Sandbox, report: Report
) -> Evaluation:
    """Answer every item with `model`. Raises `EvaluationFailed` if that does not succeed."""
    expected = [item.id for item in read_items(store, items)]
    with scratch("evaluation") as place:
        shelf, out = place / "shelf", place / "out"
        out.mkdir()
        shelf.mkdir()
        store.get_tree(model, shelf / "model")
        store.get_tree(base, shelf / "base")
        store.get_file(items, shelf / "items.jsonl")
        confined = sandbox.name != "none"
        root = Path(_INSIDE) if confined else shelf
        spec = _spec(task, root, Path("/workspace") if confined else out, len(expected))
        (shelf / "spec.json").write_text(spec.model_dump_json(by_alias=True))
        _run(sandbox, shelf, out, root / "spec.json", place / "transcript", report)
        answers = read_answers(out / "answers.jsonl")
        if sorted(answers) != sorted(expected):
            raise EvaluationFailed(f"The evaluation answered {len(answers)} of {len(expected)} items.")
        (log,) = (out / "log").glob("*.eval")
        return Evaluation(answers, store.put_file(log))


def _spec(task: Task, root: Path, out: Path, n_items: int) -> EvaluationSpec:
    model, decoding = base_model(task), task.verification["decoding"]
    return EvaluationSpec(
        model=str(root / "model"),
        base=str(root / "base"),
        items=str(root / "items.jsonl"),
        n_items=n_items,
        out=str(out),
        chat_template=model.chat_template,
        end_of_turn=model.end_of_turn,
        max_new_tokens=decoding["max_new_tokens"],
        batch=decoding["batch"],
        threads=task.verification["threads"],
    )


def _run(sandbox: Sandbox, shelf: Path, out: Path, spec: Path, transcript: Path, report: Report) -> None:
    def relay(piece: bytes) -> None:
        for line in piece.decode(errors="replace").splitlines():
            if line.startswith("evaluated "):
                report(line)

    package = package_folder(QUESTIONS.package)
    finished = sandbox.run(
        ["python", "-m", "assay.posttrain.evaluator", str(spec)],
        Spec(
            workspace=out,
            budget=BUDGET,
            mounts=(*python_mounts(), Mount(shelf, _INSIDE)),
            hidden=(str(package),) if package else (),
            environment={"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        ),
        transcript=transcript,
        on_output=relay,
    )
    if finished.exit_code != 0:
        why = f"over its {finished.spent.exceeded} limit" if finished.spent.exceeded else _last_line(transcript)
        raise EvaluationFailed(f"The evaluation ended with exit code {finished.exit_code}: {why}.")


def _last_line(transcript: Path) -> str:
    with transcript.open("rb") as file:
        file.seek(max(0, transcript.stat().st_size - 2000))
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300].rstrip(".") if lines else "it printed nothing"
