"""A certificate: a signed verdict on a component, as a person reads it, and how it is checked again.

The document is in docs/formats/certificate.md. Nothing in it depends on when or where the check was made, so two checks
of the same sources with the same tools agree byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.errors import BadInput
from assay.core.ledger import VERDICT_PREDICATE, Entry
from assay.core.verdict import Verdict

SCHEMA = "assay.certificate/1"
LEVELS = ("none", "tested", "smt", "kernel", "rechecked")


@dataclass(frozen=True)
class Difference:
    """Something in which two checks do not agree."""

    where: str
    certified: str
    found: str


def verdict_of(entry: Entry) -> Verdict:
    """The verdict of a ledger entry. `BadInput` if it is not a certificate of this arena."""
    if entry.statement.predicate_type != VERDICT_PREDICATE:
        raise BadInput(f"Entry {entry.index} is not a verdict.")
    try:
        verdict = Verdict.model_validate(entry.statement.predicate.get("verdict"))
    except ValueError:
        raise BadInput(f"Entry {entry.index} is not a verdict that this version can read.") from None
    if verdict.method.get("schema") != SCHEMA:
        raise BadInput(f"Entry {entry.index} is a verdict of another arena: {verdict.task}.")
    return verdict


def level(verdict: Verdict) -> str:
    """The level in words; `nothing` unless the verdict is accepted."""
    gates = verdict.method.get("gates", {})
    return str(gates.get("theorems", {}).get("level_in_words", "nothing"))


def differences(certified: Verdict, found: Verdict) -> list[Difference]:
    """Where a new check does not agree with a certificate; empty if it does in everything."""
    if certified.digest == found.digest:
        return []
    return list(_compare("", certified.to_json(), found.to_json()))


def _compare(where: str, a: Any, b: Any) -> "list[Difference]":
    if a == b:
        return []
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        out = []
        for name in sorted(a.keys() | b.keys(), key=str):
            out += _compare(f"{where}/{name}", a.get(name, "(nothing)"), b.get(name, "(nothing)"))
        return out
    return [Difference(where.lstrip("/"), _short(a), _short(b))]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else text[:159] + "…"


def _artefact(gates: Mapping[str, Any]) -> str:
    named = (gates.get(gate, {}).get("artefact") for gate in ("optimised", "implementation"))
    return next((digest for digest in named if digest), "none")


def lines(verdict: Verdict) -> list[str]:
    """The certificate as plain text."""
    method = verdict.method
    gates = method.get("gates", {})
    source = method.get("source_library", {})
    out = [
        f"{method.get('title', verdict.task)}: {verdict.outcome.value}",
        f"  {verdict.reason}",
        f"  replaces    {source.get('library', '?')} {source.get('version', '?')}",
        f"  level       {level(verdict)}",
        f"  component   {verdict.submission}",
        f"  task        {verdict.task_digest}",
        f"  artefact    {_artefact(gates)}",
        f"  tools       {', '.join(f'{name} {version}' for name, version in method.get('tools', {}).items())}",
        "",
        "Gates",
    ]
    out += [f"  {name:<16}{found.get('outcome')}" for name, found in gates.items()]
    out += ["", "What is proved"]
    for statement in gates.get("theorems", {}).get("statements", []):
        mark = "proved" if statement.get("proved") else "NOT proved"
        rests = statement.get("assumptions") or []
        out.append(f"  {statement['name']} ({mark}; assumptions: {', '.join(rests) if rests else 'none'})")
        out.append(f"      {statement['says']}")
        out.append(f"      statement sha256:{statement['sha256'] or '(not printed)'}")
    out += ["", "What has to be believed", *(f"  - {line}" for line in method.get("trusted_base", []))]
    out += [
        "",
        "What is not proved",
        *(f"  - {line}" for line in method.get("not_proved", []) or ["(nothing is said)"]),
    ]
    if verdict.findings:
        out += ["", "Findings", *(f"  - {f.rule}: {f.message}" for f in verdict.findings)]
    return out
