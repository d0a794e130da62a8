"""Evaluates a stored model on stored items, in a clean sandbox of its own.

Inside there are the weights (read-only), the base's tokenizer, the items and nothing else; no network. What comes out
is one answer per item, which is scored here, outside. The base model is evaluated once and what was found is kept.
"""

import json
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
from assay.posttrain.benchmarks import Bench, Item, Judge, from_jsonl, score
from assay.posttrain.catalogue import Decoding, Engine
from assay.posttrain.evaluator.spec import MAX_ANSWERS, EvaluationSpec, read_answers
from assay.posttrain.integrity.likelihood import OUTPUT, Likelihood, LikelihoodSpec, read_likelihoods
from assay.posttrain.tasks import model_of
from assay.posttrain.workplace import benchmark_packages

BUDGET = Budget(wall_seconds=3600, memory_bytes=16 << 30, disk_bytes=1 << 30, output_bytes=4 << 20)
GPU_BUDGET = BUDGET.model_copy(update={"wall_seconds": 8 * 3600, "memory_bytes": 128 << 30, "gpus": 1})
MAX_ITEMS = 256 << 20  # bytes of a file of items
_INSIDE = "/evaluation"


class EvaluationFailed(AssayError):
    """The evaluation did not end with an answer to every item: the verdict cannot be reached."""

    exit_code = 1


@dataclass(frozen=True)
class Evaluation:
    """Answers and scores (1 is right) by item id; `log` is the Inspect log in the store."""

    answers: dict[str, str]
    scores: dict[str, float]
    log: Digest


@dataclass(frozen=True)
class Evaluator:
    """Measures models for one task: `base` is the tree of the task's base model, `items` what is to be answered."""

    task: Task
    base: Digest
    items: Digest
    store: Store
    sandbox: Sandbox
    report: Report

    def read_items(self) -> list[Item]:
        return from_jsonl(self.store.get_bytes(self.items, MAX_ITEMS))

    def measure_base(self) -> Evaluation:
        """The base model, measured once per base, items and method, then read from the store."""
        key = digest_bytes(
            canonical_json({"base": self.base, "items": self.items, "verification": self.task.verification})
        )
        name = f"posttrain/baseline/{key.removeprefix('sha256:')[:32]}"
        kept = self.store.ref(name)
        if kept is not None and self.store.has(kept):
            document = json.loads(self.store.get_bytes(kept, MAX_ANSWERS))
            return Evaluation(document["answers"], document["scores"], document["log"])
        self.report("Measuring the base model (once; what is found is kept)")
        found = self.measure(self.base)
        document = {"schema": "assay.answers/1", "answers": found.answers, "scores": found.scores, "log": found.log}
        self.store.set_ref(name, self.store.put_bytes(canonical_json(document)))
        return found

    def measure(self, model: Digest) -> Evaluation:
        """Answer every item with `model` and score the answers. `EvaluationFailed` if that does not succeed."""
        named, items = self.task.verification["judge"], self.read_items()
        judge = Judge.open(named["model"], named["config"]) if named else None  # before the hours of answering
        answers, log = self._answer(model, {item.id for item in items})
        if self.task.verification["scorer"] != "call":
            self.report("Scoring the answers")
        scores = score(self.task.verification["scorer"], items, answers, Bench(self.sandbox, judge))
        return Evaluation(answers, dict(zip((item.id for item in items), scores, strict=True)), log)

    def _answer(self, model: Digest, expected: set[str]) -> tuple[dict[str, str], Digest]:
        with scratch("evaluation") as place:
            shelf, out = place / "shelf", place / "out"
            out.mkdir()
            shelf.mkdir()
            self.store.get_tree(model, shelf / "model")
            self.store.get_tree(self.base, shelf / "base")
            self.store.get_file(self.items, shelf / "items.jsonl")
            confined = self.sandbox.name != "none"
            root = Path(_INSIDE) if confined else shelf
            spec = self._spec(root, Path("/workspace") if confined else out, len(expected))
            (shelf / "spec.json").write_text(spec.model_dump_json(by_alias=True))
            gpu = spec.engine.device != "cpu"
            program = "assay.posttrain.evaluator"
            _run(self.sandbox, program, shelf, out, root / "spec.json", place / "transcript", self.report, gpu=gpu)
            answers = read_answers(out / "answers.jsonl")
            if answers.keys() != expected:
                raise EvaluationFailed(f"The evaluation answered {len(answers)} of {len(expected)} items.")
            (log,) = (out / "log").glob("*.eval")
            return answers, self.store.put_file(log)

    def likelihoods_of_base(self, about: Digest) -> dict[str, Likelihood]:
        """The base's likelihoods, computed once per base and items, then read from the store."""
        key = digest_bytes(canonical_json({"base": self.base, "items": about, "kind": "likelihood"}))
        name = f"posttrain/likelihood/{key.removeprefix('sha256:')[:32]}"
        kept = self.store.ref(name)
        if kept is None or not self.store.has(kept):
            kept = self._likelihood_file(self.base, about)
            self.store.set_ref(name, kept)
        return self._read_likelihoods(kept)

    def likelihoods(self, model: Digest, about: Digest) -> dict[str, Likelihood]:
        """How likely `model` finds each token of `about`: JSON lines of `LikelihoodItem` in the store."""
        return self._read_likelihoods(self._likelihood_file(model, about))

    def _likelihood_file(self, model: Digest, about: Digest) -> Digest:
        with scratch("likelihood") as place:
            shelf, out = place / "shelf", place / "out"
            out.mkdir()
            shelf.mkdir()
            self.store.get_tree(model, shelf / "model")
            self.store.get_tree(self.base, shelf / "base")
            self.store.get_file(about, shelf / "items.jsonl")
            confined = self.sandbox.name != "none"
            root = Path(_INSIDE) if confined else shelf
            spec = LikelihoodSpec(
                model=str(root / "model"),
                base=str(root / "base"),
                items=str(root / "items.jsonl"),
                out="/workspace" if confined else str(out),
            )
            (shelf / "spec.json").write_text(spec.model_dump_json(by_alias=True))
            program = "assay.posttrain.integrity.likelihood"
            _run(self.sandbox, program, shelf, out, root / "spec.json", place / "transcript", self.report, gpu=False)
            read_likelihoods(out / OUTPUT)  # before it is kept
            return self.store.put_file(out / OUTPUT)

    def _read_likelihoods(self, digest: Digest) -> dict[str, Likelihood]:
        with scratch("likelihood") as place:
            self.store.get_file(digest, place / OUTPUT)
            return read_likelihoods(place / OUTPUT)

    def _spec(self, root: Path, out: Path, n_items: int) -> EvaluationSpec:
        model, how = model_of(self.task), self.task.verification
        return EvaluationSpec(
            model=str(root / "model"),
            base=str(root / "base"),
            items=str(root / "items.jsonl"),
            n_items=n_items,
            out=str(out),
            benchmark=self.task.inputs["benchmark"],
            scorer=how["scorer"],
            chat_template=model.chat_template,
            end_of_turn=model.end_of_turn,
            decoding=Decoding(**how["decoding"]),
            engine=Engine(**how["engine"]),
        )


def _run(
    sandbox: Sandbox, program: str, shelf: Path, out: Path, spec: Path, transcript: Path, report: Report, *, gpu: bool
) -> None:
    def relay(piece: bytes) -> None:
        for line in piece.decode(errors="replace").splitlines():
            if line.startswith("evaluated "):
                report(line)

    finished = sandbox.run(
        ["python", "-m", program, str(spec)],
        Spec(
            workspace=out,
            budget=GPU_BUDGET if gpu else BUDGET,
            mounts=(*python_mounts(), Mount(shelf, _INSIDE)),
            hidden=benchmark_packages(),
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
