"""What one evaluation is: which weights, which items, and everything that decides the answers."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.errors import BadInput, LimitExceeded
from assay.posttrain.catalogue import Decoding, Engine

MAX_SPEC = 1 << 20  # bytes
MAX_ANSWERS = 64 << 20  # bytes: a thousand items of long answers are under 10 MiB


class EvaluationSpec(BaseModel):
    """Paths are as the evaluator sees them, inside its sandbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["assay.evaluation/1"] = Field(default="assay.evaluation/1", alias="schema")
    model: str
    base: str
    items: str
    n_items: int = Field(gt=0)
    out: str
    benchmark: str
    scorer: str
    chat_template: str
    end_of_turn: str
    decoding: Decoding
    engine: Engine

    @classmethod
    def read(cls, path: Path) -> Self:
        if path.stat().st_size > MAX_SPEC:
            raise LimitExceeded(f"{path} is over {MAX_SPEC} bytes: it is not an evaluation spec.")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BadInput(f"{path} is not an evaluation spec: {str(error).splitlines()[0]}.") from None


class Answer(BaseModel):
    """One line of `answers.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    answer: str


def read_answers(path: Path) -> dict[str, str]:
    """Answers by item id, parsed strictly: they come out of a sandbox that ran a stranger's weights."""
    if not path.is_file() or path.is_symlink():
        raise BadInput(f"The evaluation left no {path.name}.")
    if path.stat().st_size > MAX_ANSWERS:
        raise LimitExceeded(f"{path.name} is over {MAX_ANSWERS} bytes: the evaluation cannot be trusted.")
    try:
        answers = [Answer.model_validate_json(line) for line in path.read_bytes().splitlines()]
    except ValidationError as error:
        raise BadInput(f"{path.name} cannot be read: {str(error).splitlines()[0]}.") from None
    if len({a.id for a in answers}) != len(answers):
        raise BadInput(f"{path.name} answers an item twice.")
    return {a.id: a.answer for a in answers}
