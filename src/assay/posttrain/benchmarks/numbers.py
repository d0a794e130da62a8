"""Benchmarks whose answer is one number: GSM8K, AIME.

The number is what follows the last `ANSWER:` (or `####`, or stands in the last `\\boxed{}`); failing these, the last
number of the answer. 1,234 and $1234.00 are one number.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from assay.core.errors import BadInput
from assay.posttrain.benchmarks.item import Item, Message
from assay.posttrain.benchmarks.records import field, read_records

ASK = (
    "Solve this problem. Reason step by step, briefly. End with a line that says ANSWER: and then the number alone.\n\n"
)
MAX_ANSWER_CHARACTERS = 200_000
_FIND = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|[-+]?\.\d+")
_MARKS = (
    re.compile(r"ANSWER\s*:\s*(.*)", re.IGNORECASE),
    re.compile(r"####\s*(.*)"),
    re.compile(r"\\boxed\{([^{}]*)\}"),
)
_CALCULATION = re.compile(r"<<[^<>]*>>")  # GSM8K's own notes about its sums


def number(text: str) -> Decimal | None:
    """The number that `text` gives as its answer, or None."""
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None
    for mark in _MARKS:
        marked = mark.findall(text)
        if marked:
            found = _FIND.findall(marked[-1].replace("$", ""))
            return _decimal(found[0]) if found else None
    found = _FIND.findall(text)
    return _decimal(found[-1]) if found else None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def is_right(answer: str, item: Item) -> bool:
    return number(answer) == Decimal(item.check["number"])


def read_gsm8k(files: Sequence[Path]) -> list[Item]:
    """`question` and `answer`, whose last line is `#### number`. Ids count the rows of the file."""
    (path,) = files
    items = []
    for row, record in enumerate(read_records(path)):
        question = field(record, "question", path)
        reasoning, marker, result = field(record, "answer", path).rpartition("####")
        if not marker:
            raise BadInput(f"{path}, row {row}: the answer has no line with ####.")
        clean = _CALCULATION.sub("", reasoning).strip()
        items.append(_item(f"{path.name.partition('.')[0].split('-')[0]}-{row}", question, result.strip(), clean))
    return items


def read_aime(files: Sequence[Path]) -> list[Item]:
    """`problem` (or `question`) and `answer`, a whole number."""
    (path,) = files
    items = []
    for row, record in enumerate(read_records(path)):
        question = field(record, "problem" if "problem" in record else "question", path)
        items.append(_item(str(record.get("id", f"aime-{row}")), question, field(record, "answer", path).strip(), ""))
    return items


def _item(id_: str, question: str, result: str, reasoning: str) -> Item:
    found = number(f"ANSWER: {result}")
    if found is None:
        raise BadInput(f"The answer of {id_} is not a number: {result[:50]!r}.")
    return Item(
        id=id_,
        group=id_,
        messages=(Message(role="user", content=ASK + question),),
        question=question,
        target=f"{reasoning}\nANSWER: {found}".strip(),
        check={"number": str(found)},
    )
