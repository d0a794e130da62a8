"""How fast a component's functions are when Python calls them, beside the originals. For people: in no verdict."""

import importlib.util
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.prove.component import Component
from assay.prove.loading import load
from assay.prove.report import Speed

SIZE = 8 << 20
_TRIES = 5


def speeds(component: Component) -> tuple[Speed, ...]:
    """Each function whose only argument without a default is a buffer. Runs the task's own code: trust it first."""
    originals = _originals(component.root / "tests" / "conformance.py")
    data = random.Random(0).randbytes(SIZE)
    found = []
    for entry in component.manifest.entries:
        needed = [p for p in entry.arguments if p.default is None]
        if [p.kind for p in needed] != ["buffer"] or entry.can_refuse:
            continue
        function = load(component.root).functions[entry.name]
        original = originals.get(entry.name)
        found.append(Speed(entry.name, _rate(function, data), _rate(original, data) if original else None))
    return tuple(found)


def _rate(function: Callable[..., Any], data: bytes) -> float:
    best = float("inf")
    for _ in range(_TRIES):
        started = time.perf_counter()
        function(data)
        best = min(best, time.perf_counter() - started)
    return len(data) / best


def _originals(path: Path) -> dict[str, Callable[..., Any]]:
    if not path.is_file():
        return {}
    spec = importlib.util.spec_from_file_location("conformance_of_component", path)
    if spec is None or spec.loader is None:
        return {}
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(getattr(module, "ORIGINAL", {}))
