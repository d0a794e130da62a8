"""From answers to scores, one function per kind of benchmark; what a kind needs besides the text is in a `Bench`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from assay.core.errors import Unavailable
from assay.core.sandbox import Sandbox
from assay.posttrain.benchmarks import calls, choices, judged, numbers, programs
from assay.posttrain.benchmarks.item import Item
from assay.posttrain.benchmarks.judged import Judge

# Decided from the text alone, at once: also inside the evaluation's own log.
BY_TEXT: dict[str, Callable[[str, Item], bool]] = {
    "call": calls.is_right,
    "number": numbers.is_right,
    "choice": choices.is_right,
}
JUDGED: dict[str, Callable[[Item, str, Judge], Awaitable[float]]] = {
    "pairs": judged.pair_score,
    "rubric": judged.rubric_score,
}
SCORERS = (*BY_TEXT, "program", *JUDGED)


@dataclass(frozen=True)
class Bench:
    """Where scoring happens: programs run in `sandbox`, and `judge` is asked where a benchmark has one."""

    sandbox: Sandbox
    judge: Judge | None = None


def score(scorer: str, items: Sequence[Item], answers: Mapping[str, str], bench: Bench) -> list[float]:
    """The score of each item, in the order of `items`; 0 is wrong and 1 is right."""
    texts = [answers[item.id] for item in items]
    if scorer in BY_TEXT:
        return [float(BY_TEXT[scorer](text, item)) for text, item in zip(texts, items, strict=True)]
    if scorer == "program":
        return programs.scores(items, texts, bench.sandbox)
    if bench.judge is None:
        raise Unavailable("This benchmark is judged by a model, and none can be asked here.")
    return judged.scores(JUDGED[scorer], items, texts, bench.judge)
