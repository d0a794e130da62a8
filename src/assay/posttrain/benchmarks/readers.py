"""Which function turns a benchmark's published files into items, by the name that the catalogue uses."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assay.posttrain.benchmarks import calls, choices, judged, numbers, programs
from assay.posttrain.benchmarks.item import Item, Message
from assay.posttrain.benchmarks.records import field, read_records


def read_plain(files: Sequence[Path]) -> list[Item]:
    """A user's own data: records with `question` and `answer`, and if they like `id`, `group` and `system`.

    The scorer decides what `answer` is: a number, a letter of choices that stand in the question, or a rubric.
    """
    (path,) = files
    return [_plain(record, row, path) for row, record in enumerate(read_records(path))]


def _plain(record: dict[str, Any], row: int, path: Path) -> Item:
    id_ = str(record.get("id", row))
    question, answer = field(record, "question", path), field(record, "answer", path)
    messages = [Message(role="user", content=question)]
    if "system" in record:
        messages.insert(0, Message(role="system", content=field(record, "system", path)))
    found = numbers.number(f"ANSWER: {answer}")
    letter = answer.strip().upper()[:1]
    check = {"number": str(found)} if found is not None else {"letter": letter}
    return Item(
        id=id_,
        group=str(record.get("group", id_)),
        messages=tuple(messages),
        question=question,
        target=f"ANSWER: {answer}",
        check=check,
    )


# What a reader writes around a question. It decides scores, so a task's digest covers it.
PROMPTS = {
    "aime": numbers.ASK,
    "bfcl-exec-simple": calls.INSTRUCTION,
    "bfcl-simple-python": calls.INSTRUCTION,
    "gpqa": choices.ASK,
    "gsm8k": numbers.ASK,
    "humaneval": programs.ASK,
}
READERS: dict[str, Callable[[Sequence[Path]], list[Item]]] = {
    "aime": numbers.read_aime,
    "arena-hard": judged.read_arena_hard,
    "bfcl-exec-simple": calls.read_exec_simple,
    "bfcl-simple-python": calls.read_simple_python,
    "gpqa": choices.read_gpqa,
    "gsm8k": numbers.read_gsm8k,
    "healthbench": judged.read_healthbench,
    "humaneval": programs.read_humaneval,
    "plain": read_plain,
}
