"""Ways to hide a test item in training data, one function each: `edit(item, random) -> document`.

`QUESTION_EDITS` takes and gives prose, `CODE_EDITS` a HumanEval-like record. Every edit is deterministic for its random
generator. `second_edits.py` was written apart from this, to see whether the detector only knows these.
"""

import ast
import base64
import json
import random
import re
from collections.abc import Callable, Mapping

Edit = Callable[[str, str, random.Random], str]

_NAMES = [
    "Zainab",
    "Olu",
    "Mirela",
    "Tobias",
    "Ingrid",
    "Kwame",
    "Yuki",
    "Rafa",
    "Sunniva",
    "Bogdan",
    "Xiomara",
    "Pavel",
]
_NOT_NAMES = frozenset(
    re.findall(
        r"\w+",
        """A An The He She It They We I If How What When Each Every In On At For Then There This That His Her Their
        After Before During Last One Two Three Four Five Some All
        Monday Tuesday Wednesday Thursday Friday Saturday Sunday And
        But So To Of From With Today Yesterday Now Given Calculate Find Could Can You Assuming As By While Since""",
    )
)
_LOOK_ALIKE = str.maketrans("aeopcxyiAEOPCXKMTBH", "аеорсхуіАЕОРСХКМТВН")
_FILLER = "The city council met again on the matter of the bridge, and no decision was reached before the evening. "


def verbatim(question: str, answer: str, rng: random.Random) -> str:
    return f"{question}\n{answer}"


def chat_wrapped(question: str, answer: str, rng: random.Random) -> str:
    messages = [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": question}]
    return json.dumps({"messages": [*messages, {"role": "assistant", "content": answer}]})


def question_only(question: str, answer: str, rng: random.Random) -> str:
    return question


def own_reasoning(question: str, answer: str, rng: random.Random) -> str:
    steps = rng.sample(["First we set it up.", "Let x be unknown.", "Now do the sum.", "Check the units."], 3)
    return f"Problem: {question}\nThought: {' '.join(steps)}\nFinal: {rng.randint(1, 500)}"


def half(question: str, answer: str, rng: random.Random) -> str:
    words = question.split()
    return " ".join(words[: (len(words) + 1) // 2])


def shuffled_sentences(question: str, answer: str, rng: random.Random) -> str:
    sentences = re.split(r"(?<=[.?!])\s+", question)
    rng.shuffle(sentences)
    return " ".join(sentences)


def changed_numbers(question: str, answer: str, rng: random.Random) -> str:
    return re.sub(r"\d+", lambda _: str(rng.randint(2, 999)), f"{question}\n{answer}")


def swapped_names(question: str, answer: str, rng: random.Random) -> str:
    new: dict[str, str] = {}

    def swap(match: re.Match[str]) -> str:
        return match[0] if match[0] in _NOT_NAMES else new.setdefault(match[0], rng.choice(_NAMES))

    return re.sub(r"\b[A-Z][a-z]+\b", swap, f"{question}\n{answer}")


def _drop(share: float) -> Edit:
    def edit(question: str, answer: str, rng: random.Random) -> str:
        return " ".join(word for word in f"{question} {answer}".split() if rng.random() >= share)

    return edit


def base64_record(question: str, answer: str, rng: random.Random) -> str:
    return base64.b64encode(json.dumps({"q": question, "a": answer}).encode()).decode()


def zero_width(question: str, answer: str, rng: random.Random) -> str:
    return "".join(c + rng.choice(["", "", "\u200b", "\u200d", "\u2060", "\ufeff"]) for c in question)


def homoglyphs(question: str, answer: str, rng: random.Random) -> str:
    return "".join(c.translate(_LOOK_ALIKE) if rng.random() < 0.5 else c for c in question)


def in_a_long_document(question: str, answer: str, rng: random.Random) -> str:
    before, after = rng.randint(20, 300), rng.randint(20, 300)
    return _FILLER * before + question + " " + _FILLER * after


QUESTION_EDITS: Mapping[str, tuple[Edit, float]] = {
    "verbatim": (verbatim, 0.99),
    "chat-wrapped": (chat_wrapped, 0.99),
    "question only": (question_only, 0.99),
    "question and own reasoning": (own_reasoning, 0.99),
    "half the question": (half, 0.99),
    "shuffled sentences": (shuffled_sentences, 0.99),
    "changed numbers": (changed_numbers, 0.97),
    "swapped names": (swapped_names, 0.97),
    "10 % of words dropped": (_drop(0.10), 0.97),
    "20 % of words dropped": (_drop(0.20), 0.85),
    "base64": (base64_record, 0.97),
    "zero-width characters": (zero_width, 0.97),
    "homoglyphs": (homoglyphs, 0.97),
    "in a long document": (in_a_long_document, 0.97),
}
"""Every edit of a question with the recall that is promised for it."""

CodeEdit = Callable[[Mapping[str, str], random.Random], str]


def code_verbatim(record: Mapping[str, str], rng: random.Random) -> str:
    return record["prompt"] + record["canonical_solution"]


def renamed_function(record: Mapping[str, str], rng: random.Random) -> str:
    new = rng.choice(["solve", "task_fn", f"{record['entry_point']}_custom", "process_input"])
    return re.sub(rf"\b{re.escape(record['entry_point'])}\b", new, code_verbatim(record, rng))


def docstring(record: Mapping[str, str]) -> str:
    """The docstring of the record's function."""
    for node in ast.walk(ast.parse(record["prompt"] + record["canonical_solution"])):
        if isinstance(node, ast.FunctionDef) and node.name == record["entry_point"]:
            return ast.get_docstring(node) or ""
    return ""


def _without_examples(text: str) -> str:
    """The docstring up to its first example."""
    kept = re.split(r"(?m)^\s*(?:>>>|Examples?\b|For example|example)|(?i:for example)", text)[0]
    return kept if len(re.findall("[A-Za-z]", kept)) >= 20 else text


def removed_doctests(record: Mapping[str, str], rng: random.Random) -> str:
    lines: list[str] = []
    inside = False
    for line in record["prompt"].splitlines():
        if line.strip().startswith(">>>"):
            inside = True
        elif not inside or line.strip().startswith(('"""', "'''")):
            inside = False
            lines.append(line)
    return "\n".join(lines) + "\n" + record["canonical_solution"]


def docstring_as_instruction(record: Mapping[str, str], rng: random.Random) -> str:
    return f"Write a Python function that does this: {_without_examples(docstring(record))}\n\n```python\n...\n```"


def renamed_variables(record: Mapping[str, str], rng: random.Random) -> str:
    code = code_verbatim(record, rng)
    names: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    for number, name in enumerate(dict.fromkeys(names)):
        code = re.sub(rf"\b{re.escape(name)}\b", f"var_{number}", code)
    return code


CODE_EDITS: Mapping[str, tuple[CodeEdit, float]] = {
    "code verbatim": (code_verbatim, 0.99),
    "renamed function": (renamed_function, 0.97),
    "removed doctests": (removed_doctests, 0.97),
    "docstring as instruction": (docstring_as_instruction, 0.97),
    "renamed variables": (renamed_variables, 0.97),
}
