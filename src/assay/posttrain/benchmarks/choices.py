"""Benchmarks whose answer is one of several choices: GPQA.

The choices are put in an order that a seed and the question decide, so that the right one is nowhere in particular.
"""

import hashlib
import random
import re
from collections.abc import Sequence
from pathlib import Path

from assay.posttrain.benchmarks.item import Item, Message
from assay.posttrain.benchmarks.records import field, read_records

_LETTERS = "ABCD"
ASK = (
    "Answer this multiple-choice question. Reason step by step, then end with a line that says ANSWER: and then the "
    "letter of your choice alone.\n\n"
)
_MARK = re.compile(r"ANSWER\s*:\s*\W{0,4}([A-D])\b", re.IGNORECASE)


def is_right(answer: str, item: Item) -> bool:
    """Whether the last `ANSWER:` of the text names the right letter."""
    marked = _MARK.findall(answer)
    return bool(marked) and marked[-1].upper() == item.check["letter"]


def read_gpqa(files: Sequence[Path]) -> list[Item]:
    """GPQA's own columns: `Question`, `Correct Answer`, `Incorrect Answer 1` to `3`, `Record ID`."""
    (path,) = files
    items = []
    for row, record in enumerate(read_records(path)):
        question = field(record, "Question", path).strip()
        right = field(record, "Correct Answer", path).strip()
        wrong = [field(record, f"Incorrect Answer {i}", path).strip() for i in (1, 2, 3)]
        order = [right, *wrong]
        random.Random(hashlib.sha256(question.encode()).digest()).shuffle(order)
        letter = _LETTERS[order.index(right)]
        listed = "\n".join(f"{name}) {choice}" for name, choice in zip(_LETTERS, order, strict=True))
        id_ = str(record.get("Record ID") or f"gpqa-{row}")
        items.append(
            Item(
                id=id_,
                group=id_,
                messages=(Message(role="user", content=f"{ASK}{question}\n\n{listed}"),),
                question=question,
                target=f"ANSWER: {letter}",
                check={"letter": letter},
            )
        )
    return items
