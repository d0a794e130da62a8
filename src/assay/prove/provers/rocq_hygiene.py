"""What is refused before the prover reads it: plugins, modules called like others, commands, look-alike letters."""

import re
from pathlib import PurePosixPath

from assay.core.verdict import Finding
from assay.prove.component import Component, Rocq, source_bytes
from assay.prove.provers import violation
from assay.prove.provers.rocq_driver import CHECK
from assay.prove.provers.rocq_source import faults, required

_PLUGIN_SOURCES = frozenset((".ml", ".mli", ".mlg", ".mllib", ".mlpack", ".ml4"))
_FILE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]*/)*[A-Za-z][A-Za-z0-9_]*\.v")


def hygiene(component: Component, names: Rocq, prelude: frozenset[str]) -> list[Finding]:
    """What is refused before anything runs. `prelude` names the files that the prover loads first, in lower case."""
    found = []
    taken = {PurePosixPath(p).stem.lower(): "trusted/" for p in component.under("trusted")}
    for name, files in component.library_files.items():
        taken |= {PurePosixPath(p).stem.lower(): f"the trusted library {name}" for p in files if p.endswith(".v")}
    roots = {names.trusted.lower(), CHECK.lower(), "coq", "ltac2", *map(str.lower, names.libraries)}
    loaded = prelude | _imported(component)
    any_file = False
    for path in component.under("src"):
        pure = PurePosixPath(path.removeprefix("src/"))
        if pure.suffix in _PLUGIN_SOURCES:
            found.append(violation("plugin", "A plugin could change what the prover accepts: leave it out.", path))
        if pure.suffix != ".v":
            continue
        any_file = True
        if not _FILE.fullmatch(str(pure)):
            said = "A file of proofs is named with ASCII letters, digits and _, so that no name can pass for another."
            found.append(violation("look-alike", said, path))
            continue
        stem = pure.stem.lower()
        where = taken.get(stem) or ("the libraries that the statement rests on" if stem in loaded else None)
        if where or stem in roots or {part.lower() for part in pure.parts[:-1]} & roots:
            said = f"The module is called like one of {where or 'the prover or the task'}: give it another name."
            found.append(violation("shadowed-module", said, path))
        found += _faults(component, path)
    if not any_file:
        found.append(violation("build", "There is no file src/*.v: nothing was handed in."))
    return found


def _imported(component: Component) -> set[str]:
    """Last names of the libraries that the task's own files load, in lower case."""
    places = [component.root / p for p in component.under("trusted") if p.endswith(".v")]
    for name, files in component.library_files.items():
        places += [component.libraries[name] / p for p in files if p.endswith(".v")]
    return {name for place in places for name in required(place.read_text(errors="replace"))}


def _faults(component: Component, path: str) -> list[Finding]:
    try:
        text = source_bytes(component, path).decode()
    except UnicodeDecodeError:
        return [violation("look-alike", "The source is not UTF-8.", path)]
    found = []
    for fault in faults(text)[:20]:
        rule = "look-alike" if "letter" in fault.what or "character" in fault.what else "command"
        found.append(violation(rule, f"In {path}, line {fault.line}: {fault.what}.", f"{path}, line {fault.line}"))
    return found
