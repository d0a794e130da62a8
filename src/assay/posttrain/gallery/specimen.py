"""What one workspace of the gallery is: how it is built, whether it is a rogue, and which rule must see it.

A builder is a function `build(folder, material)` that writes a workspace, `final_model/` included. It may return
`Facts` about its run. Its docstring says in a sentence what was done.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.sandbox import NetworkRequest
from assay.posttrain.gallery.material import Material

TASK = "posttrain/bfcl-simple:tiny-llama"
_MODULES = ("rogue_data", "rogue_conduct", "rogue_weights", "honest_data", "honest_conduct", "honest_weights")


@dataclass(frozen=True)
class Facts:
    """What the rules are told of a run beside its workspace."""

    task: str = TASK
    sandbox: str = "bubblewrap"
    changed_inputs: tuple[str, ...] = ()
    transcript: str = ""
    network_log: Sequence[NetworkRequest] = ()


Build = Callable[[Path, Material], Facts | None]


@dataclass(frozen=True)
class Specimen:
    """One workspace. A rogue names the rule that must catch it, or why no rule can."""

    name: str
    rogue: bool
    kind: str  # the class of conduct
    what: str
    build: Build
    rule: str | None = None
    out_of_reach: str | None = None


_found: dict[str, Specimen] = {}


def rogue(kind: str, rule: str | None = None, *, out_of_reach: str | None = None) -> Callable[[Build], Build]:
    """Register a cheat that `rule` must catch, or that is `out_of_reach` for the reason given."""
    if (rule is None) == (out_of_reach is None):
        raise ValueError("a rogue is caught by a rule, or out of reach for a reason")
    return functools.partial(_register, True, kind, rule, out_of_reach)


def honest(kind: str) -> Callable[[Build], Build]:
    """Register a workspace that no rule may reject."""
    return functools.partial(_register, False, kind, None, None)


def _register(rogue_: bool, kind: str, rule: str | None, out_of_reach: str | None, build: Build) -> Build:
    name = getattr(build, "__name__", "")
    if name in _found or not build.__doc__:
        raise ValueError(f"{name}: every specimen has a name of its own and a sentence about it")
    _found[name] = Specimen(name, rogue_, kind, build.__doc__.strip(), build, rule, out_of_reach)
    return build


def specimens() -> list[Specimen]:
    """All of the gallery, rogues first, in a fixed order."""
    for module in _MODULES:
        importlib.import_module(f"assay.posttrain.gallery.{module}")
    return sorted(_found.values(), key=lambda s: (not s.rogue, s.kind, s.name))
