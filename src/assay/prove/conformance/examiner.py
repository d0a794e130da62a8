"""The trusted side of the comparison, in a sandbox of its own: runs the task's `tests/conformance.py`.

usage: python -m assay.prove.conformance.examiner SPEC_JSON

It has the original library; the submission's program, in another sandbox, has not. What is found is written as JSON.
"""

import importlib.util
import json
import random
import sys
import unittest
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.prove.component import EntryPoint
from assay.prove.conformance.calls import Subject, SubjectFailed, Value

_CHUNK = 2000
_MOST_SHOWN = 10
_MAX_CORPUS = 16 << 20


class Stand:
    """What the task's tests see as the component: its functions by name; `ValueError` where an input is not valid."""

    def __init__(self, subject: Subject, entries: list[EntryPoint]) -> None:
        self.calls = 0
        for entry in entries:
            setattr(self, entry.name, self._function(subject, entry))

    def _function(self, subject: Subject, entry: EntryPoint) -> Any:
        names = [p.name for p in entry.arguments]
        defaults = [p.default for p in entry.arguments]

        def function(*arguments: Any, **named: Any) -> Value:
            if len(arguments) > len(names) or not named.keys() <= set(names[len(arguments) :]):
                raise TypeError(f"{entry.name}({', '.join(map(str, names))}) was called with other arguments")
            rest = zip(names[len(arguments) :], defaults[len(arguments) :], strict=True)
            given = [*arguments, *(named.get(str(name), default) for name, default in rest)]
            if any(value is None for value in given):
                raise TypeError(f"{entry.name} needs {', '.join(map(str, names))}")
            self.calls += 1
            words = [_check(p.kind, value) for p, value in zip(entry.arguments, given, strict=True)]
            answer = subject.call(entry.name, words)
            if answer is None:
                raise ValueError(f"{entry.name}: the input is not valid")
            return answer

        return function


def _check(kind: str, value: Any) -> Any:
    """An argument as the C function takes it: bytes of a buffer, or a number cut to its width as C would."""
    if kind == "buffer":
        return bytes(memoryview(value))
    return value % (1 << int(kind[1:]))


def main(spec_path: str) -> None:
    spec = json.loads(Path(spec_path).read_text())
    entries = [EntryPoint.model_validate(e) for e in spec["entries"]]
    task = _load(Path(spec["tests"]))
    result: dict[str, Any] = {"differences": [], "fuzz": {}, "suite": None, "failed": None}
    with Subject(Path(spec["shared"]), Path(spec["status"]), entries) as subject:
        try:
            for entry in entries:
                if entry.name in task.ORIGINAL:
                    result["fuzz"][entry.name] = _fuzz(subject, entry, task, spec, result["differences"])
            if spec["whole"] and hasattr(task, "suite"):
                result["suite"] = _suite(task, Stand(subject, entries))
        except SubjectFailed as error:
            result["failed"] = str(error)
    Path(spec["out"]).write_text(json.dumps(result))


def _load(folder: Path) -> ModuleType:
    """The task's own test file."""
    spec = importlib.util.spec_from_file_location("conformance", folder / "conformance.py")
    if spec is None or spec.loader is None:
        raise SystemExit("tests/conformance.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    spec.loader.exec_module(module)
    return module


def _fuzz(
    subject: Subject, entry: EntryPoint, task: ModuleType, spec: dict[str, Any], differences: list[dict[str, Any]]
) -> int:
    """Compare on the kept corpus and then on generated inputs; returns how many were tried."""
    original = task.ORIGINAL[entry.name]
    tried = 0
    stream = _inputs(entry, task, spec)
    while batch := list(islice(stream, _CHUNK)):
        answers = subject.call_many(entry.name, batch)
        for arguments, ours in zip(batch, answers, strict=True):
            theirs = _ask(original, arguments)
            if ours != theirs and len(differences) < _MOST_SHOWN:
                differences.append(
                    {
                        "entry": entry.name,
                        "arguments": _shown(arguments),
                        "ours": repr(ours)[:200],
                        "original": repr(theirs)[:200],
                    }
                )
        tried += len(batch)
        if len(differences) >= _MOST_SHOWN:
            break
    return tried


def _ask(original: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return original(*arguments)
    except ValueError:
        return None


def _inputs(entry: EntryPoint, task: ModuleType, spec: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    corpus = Path(spec["tests"]) / "corpus" / f"{entry.name}.jsonl"
    if spec["whole"] and corpus.is_file() and corpus.stat().st_size <= _MAX_CORPUS:
        for line in corpus.read_text().splitlines():
            if line.strip():
                yield tuple(bytes.fromhex(a["hex"]) if isinstance(a, dict) else a for a in json.loads(line))
    if hasattr(task, "inputs"):
        source = random.Random(f"{spec['seed']}/{entry.name}")
        yield from islice(task.inputs(entry.name, source), spec["fuzz"])


def _shown(arguments: tuple[Any, ...]) -> list[Any]:
    return [{"hex": bytes(a).hex()[:400]} if isinstance(a, bytes | bytearray | memoryview) else a for a in arguments]


def _suite(task: ModuleType, stand: Stand) -> dict[str, Any]:
    """The original's own tests, with the component in its place."""
    suite = task.suite(stand)
    if suite is None:
        return {"run": 0, "failures": [], "missing": True}
    found = unittest.TestResult()
    suite.run(found)
    failures = [(str(test), text.strip().splitlines()[-1][:300]) for test, text in (*found.failures, *found.errors)]
    return {
        "run": found.testsRun - len(found.skipped),
        "failures": failures[:50],
        "missing": False,
        "calls": stand.calls,
        "skipped": len(found.skipped),
    }


if __name__ == "__main__":
    main(sys.argv[1])
