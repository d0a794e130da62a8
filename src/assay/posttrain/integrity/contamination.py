"""Rule `contamination`: is there text in the workspace or beside the weights that comes from hidden test items?

Everything that a person could read is read, through the detector of `assay.posttrain.overlap`. What it cannot read
leaves the rule undecided, and so does a submission that came without its workspace.
"""

from collections.abc import Iterator
from pathlib import Path

from assay.core.errors import AssayError
from assay.core.verdict import Evidence, Finding, Severity
from assay.posttrain import checkpoint
from assay.posttrain.integrity.case import Case
from assay.posttrain.overlap import Record, Reference, ReferenceItem, Unread, scan_paths

RULE = "contamination"
_SHOWN = 25  # matches listed in the verdict; the message has the full count
# What was left out of the stored workspace without hiding content: these have none of their own.
_HARMLESS = ("it is a symbolic link", "it is a FIFO", "it is a socket")


def contamination(case: Case) -> list[Finding]:
    if case.workspace is None:
        return [_undecided("The submission came without its workspace: what it was trained on is not known.", ())]
    reference = Reference.build(ReferenceItem(item.id, item.question, item.answer()) for item in case.hidden)
    records, unread = [], [Evidence(where=path, what=why) for path, why in _left_out(case)]
    for name, folder in (("workspace", case.workspace), (f"{case.model.name}", case.model)):
        for result in scan_paths(sorted(_readable(folder)), reference):
            where = str(Path(result.file).relative_to(folder))
            if isinstance(result, Unread):
                unread.append(Evidence(where=where, what=result.reason))
            else:
                records.append((where if name == "workspace" else f"final_model/{where}", result))
    findings = [_violation(records)] if records else []
    if unread:
        message = f"{len(unread)} file(s) of the workspace could not be read: what they hold is not known."
        findings.append(_undecided(message, tuple(unread[:_SHOWN])))
    return findings


def _readable(folder: Path) -> Iterator[Path]:
    """Files to scan: all but proper weights, which hold numbers."""
    for path in folder.rglob("*"):
        if path.is_file() and not _is_weights(path):
            yield path


def _is_weights(path: Path) -> bool:
    if path.suffix != ".safetensors":
        return False
    try:
        checkpoint.header(path.parent, path.name)
    except AssayError:
        return False
    return True


def _left_out(case: Case) -> list[tuple[str, str]]:
    """Workspace paths that could not be stored and may have had content."""
    pairs = (text.partition(": ")[::2] for text in case.submission.workspace_omitted)
    return [(path, reason) for path, reason in pairs if reason not in _HARMLESS]


def _violation(records: list[tuple[str, Record]]) -> Finding:
    items = sorted({record.item for _, record in records})
    evidence = tuple(
        Evidence(
            where=f"{where}, row {record.row}" + (f" ({record.decoding})" if record.decoding else ""),
            what=f"characters {record.span[0]} to {record.span[1]} match",
            matches=record.item,
            score=round(record.score, 4),
        )
        for where, record in records[:_SHOWN]
    )
    message = f"{len(records)} document(s) in the submission match {len(items)} hidden test item(s)."
    return Finding(rule=RULE, severity=Severity.VIOLATION, message=message, evidence=evidence)


def _undecided(message: str, evidence: tuple[Evidence, ...]) -> Finding:
    return Finding(rule=RULE, severity=Severity.UNDECIDED, message=message, evidence=evidence)
