"""Reads what Lean reports as JSON, one message a line. Exit codes come first: after an error a report may be empty."""

import json
import re
from collections.abc import Iterable


def axioms_of(output: Iterable[str], name: str) -> tuple[str, ...] | None:
    """The axioms that `#print axioms NAME` lists; `None` if there is not exactly one report, or it cannot be read."""
    found: list[tuple[str, ...]] = []
    for line in output:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if not isinstance(message, dict) or message.get("severity") != "information":
            continue
        said = str(message.get("data", "")).strip()
        if said == f"'{name}' does not depend on any axioms":
            found.append(())
        elif match := re.fullmatch(rf"'{re.escape(name)}' depends on axioms: \[(.*)\]", said, re.S):
            found.append(tuple(part.strip() for part in match[1].split(",")))
        else:
            return None
    return found[0] if len(found) == 1 else None
