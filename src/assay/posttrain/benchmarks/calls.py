"""Berkeley function calling: what the model is asked, and when its answer is right.

One item is one request and one function; the answer is one call, written `[name(parameter=value)]` as in the
leaderboard's own prompt. An optional parameter may be left out, or given its declared default.
Source: the data files of `bfcl-eval`, categories `exec_simple` (test) and `simple_python` (training and development).
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import BadInput
from assay.posttrain.benchmarks.item import Item, Message
from assay.posttrain.benchmarks.records import read_records

MAX_ANSWER_CHARACTERS = 10_000  # a call is a line; a longer answer is not parsed at all
OMITTED = ""  # among accepted values: the parameter may be left out (the leaderboard's own convention)

INSTRUCTION = (
    "Answer the request with one function call and nothing else, on one line, "
    "in the form [name(parameter=value)]. Function:\n"
)


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]


def describe(function: dict[str, Any]) -> str:
    """A function as a few plain lines: half the tokens of its JSON schema."""
    parameters = function["parameters"]
    required = set(parameters.get("required", ()))
    lines = [f"{function['name']}: {function['description']}"]
    for name, schema in parameters["properties"].items():
        kind = schema["type"]
        if "items" in schema:
            kind += f" of {schema['items'].get('type', 'any')}"
        if "enum" in schema:
            kind += f", one of {schema['enum']}"
        if name not in required:
            kind += ", optional"
        lines.append(f"- {name} ({kind}): {schema.get('description', '')}")
    return "\n".join(lines)


def parse_call(text: str) -> Call | None:
    """The one call in a model's answer, or None. Nothing is executed: only literals are understood."""
    text = text.strip()
    if not text or len(text) > MAX_ANSWER_CHARACTERS:
        return None
    try:
        node = ast.parse(text, mode="eval").body
        if isinstance(node, ast.List) and len(node.elts) == 1:
            node = node.elts[0]
        if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
            return None
        arguments = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
        name = ast.unparse(node.func)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    if len(arguments) != len(node.keywords):
        return None
    return Call(name, arguments)


def is_right(answer: str, item: Item) -> bool:
    """Whether `answer` is one call of the item's function with accepted arguments and no others."""
    call, accepted = parse_call(answer), item.check["accepted"]
    if call is None or call.name != item.group or not set(call.arguments) <= set(accepted):
        return False
    return all(
        any(_same(call.arguments[name], value) for value in values) if name in call.arguments else OMITTED in values
        for name, values in accepted.items()
    )


def _same(given: Any, accepted: Any) -> bool:
    """Equality as the leaderboard means it: 5 and 5.0 are one number, lists and tuples one sequence."""
    if isinstance(given, bool) or isinstance(accepted, bool):
        return given is accepted
    if isinstance(given, int | float) and isinstance(accepted, int | float):
        return given == accepted
    if isinstance(given, list | tuple) and isinstance(accepted, list | tuple):
        return len(given) == len(accepted) and all(_same(a, b) for a, b in zip(given, accepted, strict=True))
    if isinstance(given, dict) and isinstance(accepted, dict):
        return given.keys() == accepted.keys() and all(_same(given[k], accepted[k]) for k in given)
    return type(given) is type(accepted) and bool(given == accepted)


def read_exec_simple(files: Sequence[Path]) -> list[Item]:
    """The items of `exec_simple`: the right answer is one Python call."""
    items = []
    for question, answer in _pairs(files):
        function = question["function"][0]
        call = parse_call(answer["ground_truth"][0])
        if call is None:
            raise BadInput(f"{files[1].name}: the answer of {question['id']} is not one call.")
        accepted = {name: [value] for name, value in call.arguments.items()}
        for name, default in _defaults(function).items():
            if name not in accepted:
                accepted[name] = [default, OMITTED]
            elif _same(accepted[name][0], default):
                accepted[name].append(OMITTED)
        items.append(_item(question, function, accepted))
    return items


def read_simple_python(files: Sequence[Path]) -> list[Item]:
    """The items of `simple_python`: accepted values are listed for each parameter."""
    items = []
    for question, answer in _pairs(files):
        accepted = dict(next(iter(answer["ground_truth"][0].values())))
        items.append(_item(question, question["function"][0], {k: _plain(v) for k, v in accepted.items()}))
    return items


def _plain(values: list[Any]) -> list[Any]:
    """Accepted values where a nested object is given as lists of accepted values: take the first of each."""
    return [
        {k: v[0] for k, v in value.items() if isinstance(v, list) and v} if isinstance(value, dict) else value
        for value in values
    ]


def _item(question: dict[str, Any], function: dict[str, Any], accepted: dict[str, list[Any]]) -> Item:
    accepted = json.loads(json.dumps(accepted))  # tuples become lists: items are the same before and after the store
    request = question["question"][0][0]["content"]
    return Item(
        id=question["id"],
        group=str(function["name"]),  # items about one function are not independent
        messages=(
            Message(role="system", content=INSTRUCTION + describe(function)),
            Message(role="user", content=request),
        ),
        question=request,
        target=_shortest(function["name"], accepted),
        check={"accepted": accepted},
    )


def _shortest(name: str, accepted: dict[str, list[Any]]) -> str:
    """One right answer: optional parameters left out where they may be."""
    arguments = {k: v for k, v in accepted.items() if OMITTED not in v}
    return f"[{name}({', '.join(f'{k}={v[0]!r}' for k, v in arguments.items())})]"


_STATED_DEFAULT = re.compile(r"\bdefaults?\s+(?:is\s+|to\s+|as\s+|value\s+is\s+)?(['\"]?)([\w.+-]+)\1", re.IGNORECASE)


def _defaults(function: dict[str, Any]) -> dict[str, Any]:
    """Default values of optional parameters, from the schema or, failing that, from its description."""
    parameters = function["parameters"]
    defaults: dict[str, Any] = {}
    for name, schema in parameters["properties"].items():
        if name in parameters.get("required", ()):
            continue
        stated = _STATED_DEFAULT.search(schema.get("description", ""))
        if "default" in schema:
            defaults[name] = schema["default"]
        elif stated:
            defaults[name] = _literal(stated[2].rstrip("."), schema["type"])
    return defaults


def _literal(text: str, kind: str) -> Any:
    try:
        return text if kind == "string" else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _pairs(files: Sequence[Path]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Questions with their answers, which the leaderboard keeps in a file of their own."""
    questions, answers = (read_records(path) for path in files)
    if [q["id"] for q in questions] != [a["id"] for a in answers]:
        raise BadInput(f"{files[1].name} does not answer the questions of {files[0].name}, one for one.")
    return list(zip(questions, answers, strict=True))
