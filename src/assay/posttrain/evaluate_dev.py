"""`evaluate`, as workers are given it: score a model folder on development items, as the verifier would.

    python -m assay.posttrain.evaluate_dev BRIEF.json MODEL_FOLDER [N_ITEMS]

It runs in the worker's sandbox with the worker's rights and decides nothing: the verifier measures again.
"""

import json
import sys
import tempfile
from pathlib import Path

from assay.core.errors import AssayError
from assay.core.sandbox import open_sandbox
from assay.posttrain import intake
from assay.posttrain.benchmarks import JUDGED, Bench, Item, score, to_jsonl
from assay.posttrain.catalogue import Decoding, Engine
from assay.posttrain.evaluator.__main__ import main as run_evaluator
from assay.posttrain.evaluator.spec import EvaluationSpec, read_answers


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3) or not (len(arguments) == 2 or arguments[2].isdigit()):
        print("usage: evaluate MODEL_FOLDER [N_ITEMS]", file=sys.stderr)
        return 2
    brief = json.loads(Path(arguments[0]).read_text())
    if brief["scorer"] in JUDGED:
        print(f"error: {brief['benchmark']} is judged by a model, which cannot be called from here.", file=sys.stderr)
        return 3
    model = Path(arguments[1]).absolute()
    items = [Item.model_validate(json.loads(line)["item"]) for line in Path(brief["dev"]).read_text().splitlines()]
    items = items[: int(arguments[2])] if len(arguments) == 3 else items
    try:
        intake.check(model, Path(brief["base_model"]))
    except AssayError as error:
        print(f"error: the verifier would refuse this model. {error}", file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "items.jsonl").write_bytes(to_jsonl(items))
        spec = EvaluationSpec(
            model=str(model),
            base=brief["base_model"],
            items=str(place / "items.jsonl"),
            n_items=len(items),
            out=name,
            benchmark=brief["benchmark"],
            scorer=brief["scorer"],
            chat_template=brief["chat_template"],
            end_of_turn=brief["end_of_turn"],
            decoding=Decoding(**brief["decoding"]),
            engine=Engine(**brief["engine"]),
        )
        (place / "spec.json").write_text(spec.model_dump_json(by_alias=True))
        if run_evaluator(str(place / "spec.json")) != 0:
            return 1
        answers = read_answers(place / "answers.jsonl")
    # What runs here is the worker's own affair: programs are tried without a sandbox of their own, inside its sandbox.
    scores = score(brief["scorer"], items, answers, Bench(open_sandbox("none")))
    print(json.dumps({"right": sum(scores), "n": len(items), "accuracy": round(100 * sum(scores) / len(items), 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
