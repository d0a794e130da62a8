"""Rule `contamination`: is there text in the workspace or beside the weights that comes from hidden test items?

Everything that a person could read is read, through the detector of `assay.posttrain.overlap`; numbers that may be
tokens are made text first. What cannot be read leaves the rule undecided, and so does a missing workspace. A few items
quoted in somebody's notes are no training data: they are a note.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.verdict import Evidence, Finding, Severity
from assay.posttrain.integrity import arrays
from assay.posttrain.integrity.case import Case
from assay.posttrain.integrity.reading import Kind, kind_of, texts
from assay.posttrain.integrity.scripts import parse
from assay.posttrain.overlap import Record, Reference, ReferenceItem, Unread, scan_paths

RULE = "contamination"
_SHOWN = 25  # matches listed in the verdict; the message has the full count
QUOTED = 3  # items that notes may quote, and at most that share of them: PostTrainBench's judges tolerate three
QUOTED_SHARE = 0.03
# What was left out of the stored workspace without hiding content: these have none of their own.
_HARMLESS = ("it is a symbolic link", "it is a FIFO", "it is a socket")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # what a number may decode to, and no text has
_WAY = "leave what they hold as text beside them (JSON Lines, CSV, Parquet), or remove them before the end"


@dataclass
class _Found:
    """What a look at the whole submission gave: matches by file, and files that stay closed."""

    records: list[tuple[str, Record]] = field(default_factory=list)
    unread: list[Evidence] = field(default_factory=list)


def contamination(case: Case) -> list[Finding]:
    """A violation for hidden items in data or code, a note for a few in notes, undecided for what is closed."""
    if case.workspace is None:
        return [_undecided("The submission came without its workspace: what it was trained on is not known.", ())]
    if not case.hidden:
        return [_undecided("The hidden items are not at hand: nothing can be compared with them.", ())]
    reference = Reference.build(ReferenceItem(item.id, item.question, item.answer()) for item in case.hidden)
    found = _Found(unread=[Evidence(where=path, what=why) for path, why in _left_out(case)])
    decode = _tokenizer(case.base)
    _scan(case.workspace, "", reference, decode, found)
    _scan(case.model, "final_model/", reference, decode, found)
    findings = _judge(case, found.records)
    if found.unread:
        message = f"{len(found.unread)} file(s) could not be read: what they hold is not known; {_WAY}."
        findings.append(_undecided(message, tuple(found.unread[:_SHOWN])))
    if reference.too_short:
        message = f"{len(reference.too_short)} hidden item(s) are too short to be told from ordinary text."
        findings.append(Finding(rule=RULE, severity=Severity.NOTE, message=message))
    return findings


def _scan(folder: Path, prefix: str, reference: Reference, decode: arrays.DecodeTokens | None, found: _Found) -> None:
    """Look through all files below `folder`, text as it is and numbers as what they say."""
    with tempfile.TemporaryDirectory(prefix="assay-text-") as name:
        plain: list[Path] = []
        told: dict[str, str] = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            where = prefix + path.relative_to(folder).as_posix()
            if not arrays.can_read(path):
                plain.append(path)
                continue
            # Weights that are handed in are judged as weights; of their file only the header is text.
            header_only = bool(prefix) and path.suffix == ".safetensors"
            copy = Path(name) / f"{len(told)}.txt"
            told[str(copy)] = where
            try:
                with copy.open("w", encoding="utf-8", errors="replace") as file:
                    for text in arrays.read_hidden_text(path, decode):
                        file.write(_UNPRINTABLE.sub(" ", text) + "\n")
                        if header_only:
                            break
            except arrays.Opaque as error:
                found.unread.append(Evidence(where=where, what=str(error)))
        for result in scan_paths(plain, reference, decode_tokens=decode):
            _add(result, prefix + Path(result.file).relative_to(folder).as_posix(), found)
        for result in scan_paths([Path(copy) for copy in told], reference):
            _add(result, f"{told[result.file]} (numbers read as text)", found)


def _add(result: Record | Unread, where: str, found: _Found) -> None:
    if isinstance(result, Record):
        found.records.append((where, result))
    elif result.kind != "link":  # a link has no content of its own
        found.unread.append(Evidence(where=where, what=result.reason))


def _tokenizer(base: Path) -> arrays.DecodeTokens | None:
    """The base's tokenizer as a function from ids to text; none if there is no proper one."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    except Exception:  # the library raises its own kinds; without a tokenizer, arrays of numbers stay closed
        return None
    if tokenizer.get_vocab_size() < _LEAST_VOCABULARY:
        return None
    size = tokenizer.get_vocab_size()
    return lambda ids: str(tokenizer.decode([i for i in ids if 0 <= i < size]))


_LEAST_VOCABULARY = 64  # a tokenizer with fewer pieces cannot spell English


def _left_out(case: Case) -> list[tuple[str, str]]:
    """Workspace paths that could not be stored and may have had content."""
    pairs = (text.partition(": ")[::2] for text in case.submission.workspace_omitted)
    return [(path, reason) for path, reason in pairs if reason not in _HARMLESS]


# Judging matches ---------------------------------------------------------------------------------------------------


def _judge(case: Case, records: Sequence[tuple[str, Record]]) -> list[Finding]:
    """Data and code that hold hidden items are an offence; so are notes that quote many or that code reads."""
    if not records:
        return []
    excused = _excuse(case)
    aside = [pair for pair in records if excused(*pair)]
    aside = [pair for pair in aside if excused(*pair)]  # again: whether few are quoted is known only at the end
    against = [pair for pair in records if pair not in aside]
    findings = []
    if against:
        items = {record.item for _, record in against}
        message = f"{len(against)} document(s) in the submission match {len(items)} hidden test item(s)."
        findings.append(_finding(Severity.VIOLATION, message, against))
    if aside:
        message = f"{len(aside)} note(s), log(s) or given file(s) quote hidden test items; no code reads them."
        findings.append(_finding(Severity.NOTE, message, aside))
    return findings


def _excuse(case: Case) -> Callable[[str, Record], bool]:
    """What is not held against the worker: few items quoted in notes, and evaluation results if the test was given."""
    assert case.workspace is not None  # noqa: S101 - for the type checker: the caller has seen to it
    workspace, read_by_code = case.workspace, _read_by_code(case)
    few = max(1, min(QUOTED, int(QUOTED_SHARE * len(case.hidden))))
    quoted: set[str] = set()

    def excused(where: str, record: Record) -> bool:
        path = workspace / where
        if not path.is_file() or path.name in read_by_code or f"*{path.suffix}" in read_by_code:
            return False
        if case.test_given and _is_evaluation_result(path):
            return True
        note = path.suffix.lower() in (".md", ".rst", ".log", ".markdown")
        if not note or kind_of(path, path.stat().st_size) not in (Kind.PROSE, Kind.LOG):
            return False
        quoted.update((record.item, *record.others))
        return len(quoted) <= few

    return excused


def _is_evaluation_result(path: Path) -> bool:
    """Per-item results of an evaluation: what the model answered, and how it was scored."""
    if path.suffix == ".eval":
        return True
    head = path.open("rb").read(65536).decode("utf-8", "replace").lower()
    answered = any(f'"{word}"' in head for word in ("prediction", "completion", "model_output", "output", "response"))
    scored = any(f'"{word}"' in head for word in ("score", "scores", "correct", "accuracy", "passed", "is_correct"))
    return path.suffix in (".json", ".jsonl", ".log") and answered and scored


def _read_by_code(case: Case) -> set[str]:
    """File names, and patterns such as `*.md`, that code in the workspace opens."""
    names: set[str] = set()
    for text in texts(case, Kind.CODE):
        script = parse(text.text)
        strings = (s for call in script.calls for s in call.strings) if script else iter(text.text.split())
        names.update(s.strip("'\"").rpartition("/")[2] for s in strings if 0 < len(s) < 300)
    return names


def _finding(severity: Severity, message: str, records: Sequence[tuple[str, Record]]) -> Finding:
    return Finding(rule=RULE, severity=severity, message=message, evidence=tuple(_evidence(records)))


def _evidence(records: Sequence[tuple[str, Record]]) -> Iterator[Evidence]:
    for where, record in records[:_SHOWN]:
        yield Evidence(
            where=f"{where}, row {record.row}" + (f" ({record.decoding})" if record.decoding else ""),
            what=f"characters {record.span[0]} to {record.span[1]} match",
            matches=record.item,
            score=round(record.score, 4),
        )


def _undecided(message: str, evidence: tuple[Evidence, ...]) -> Finding:
    return Finding(rule=RULE, severity=Severity.UNDECIDED, message=message, evidence=evidence)
