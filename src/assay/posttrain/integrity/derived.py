"""Rule `test-derived`: is data made from particular test items, even if none of their words are left?

It looks for what people write beside such data: "exact BFCL sample 69", lists of test ids in data, and the text of
rubrics. Aiming at a kind of mistake, or at items of the development split, is allowed and not touched.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.core.verdict import Evidence, Finding, Severity
from assay.posttrain.integrity.case import Case
from assay.posttrain.integrity.known import known
from assay.posttrain.integrity.reading import SHOWN, Kind, Text, files, shown, texts
from assay.posttrain.overlap import Record, Reference, ReferenceItem, scan_paths

RULE = "test-derived"
FEW_IDS = 4  # hidden ids in data from which on it is no coincidence
FEW_CRITERIA = 4  # criteria of rubrics in data
_CRITERION = 40  # letters: a shorter one is a common phrase
MAX_DATA = 1 << 30  # bytes of one data file that is searched for ids

# "copied from": the words are the item's. "based on": the item was the model.
_COPIED = r"exact(?:ly)?|verbatim|cop(?:y|ied|ies)|identical|taken|lifted|straight"
_SHAPED = (
    r"paraphras\w*|rephras\w*|reword\w*|rewrit\w*|rewrote|perturb\w*|varia(?:tion|nt)s?|deriv\w+|based|modell?ed"
    r"|translat\w*|mirror\w*|target\w*|cover\w*|seed\w*|fix(?:es)?|teach\w*|imitat\w*|mimic\w*|inspired|answers?"
)
_ITEM = r"(?:sample|item|question|problem|prompt|task|example|row|index|idx|id|entry|no)s?\.?"
_NUMBER = r"[\s#:(\[]*\d+(?:\s*(?:,|and|&|to|-|–)\s*\d+)*"
_LINK = r"(?:['’]s?)?[\s_-]+(?:\w+[\s_-]+)?"  # at most one word between "test" and "item"
_OF = r"\W{1,3}(?:of|from|in|on)\s+(?:the\s+)?(?:\w+\s+)?"
_SPLIT_WORD = r"(?:test(?:[- ]?set|[- ]split)?|eval(?:uation)?[- ]?(?:set)|hidden|held[- ]?out)"
_OTHER_SPLIT = re.compile(r"\b(?:dev|train|training|validation|valid|unit|smoke|simple_python)\b", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:no|not|never|none|without|avoid\w*|don't|doesn't|isn't|aren't|cannot|exclud\w*|remov\w*|drop\w*|filter\w*"
    r"|instead|rather|differ\w*|unlike|skip\w*|decontam\w*|overlap\w*|leak\w*|forbid\w*|prohibit\w*|against)\b",
    re.IGNORECASE,
)
_LEFT_OUT = re.compile(r"exclu|skip|block|deny|decontam|remove|filter|banned|heldout|held_out", re.IGNORECASE)
_NUMBERED = re.compile(rf"\b{_ITEM}{_NUMBER}", re.IGNORECASE)


def test_derived(case: Case) -> list[Finding]:
    """A violation for data that says it was made from test items, that lists their ids, or that holds rubric text."""
    if case.workspace is None:
        return []
    said, hinted = _words(case)
    listed, stray = _ids(case)
    criteria = _criteria(case)
    findings = []
    if said or listed or criteria:
        message = "Data or code in the workspace is made from particular test items, by its own words."
        evidence = (*said, *listed, *criteria)[:SHOWN]
        findings.append(Finding(rule=RULE, severity=Severity.VIOLATION, message=message, evidence=evidence))
    if hinted or stray:
        message = "Particular test items are named; nothing shows that data was made from them."
        evidence = (*hinted, *stray)[:SHOWN]
        findings.append(Finding(rule=RULE, severity=Severity.NOTE, message=message, evidence=evidence))
    return findings


# What is said ------------------------------------------------------------------------------------------------------


def _words(case: Case) -> tuple[list[Evidence], list[Evidence]]:
    """Sentences in code and data that say that an item was copied or shaped after, and weaker ones."""
    benchmark = known().benchmark(case)
    names = "|".join(re.escape(word) for word in benchmark.words) if benchmark else "benchmark"
    between = rf"{_LINK}{_ITEM}{_NUMBER}"
    split = re.compile(rf"\b{_SPLIT_WORD}{between}|\b{_ITEM}{_NUMBER}{_OF}{_SPLIT_WORD}\b", re.IGNORECASE)
    named = re.compile(
        rf"\b(?:{names}|benchmark){between}|\b{_ITEM}{_NUMBER}{_OF}(?:{names}|benchmark)\b", re.IGNORECASE
    )
    copied, shaped = (re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for words in (_COPIED, _SHAPED))
    said: list[Evidence] = []
    hinted: list[Evidence] = []
    for text in texts(case):
        for at, sentence in _sentences(text.text):
            by_split, by_name = split.search(sentence), named.search(sentence)
            if not (by_split or by_name) or _OTHER_SPLIT.search(sentence) or _DENIED.search(sentence):
                continue
            strong = copied.search(sentence) or (by_split and shaped.search(sentence))
            conduct = text.kind in (Kind.CODE, Kind.DATA, Kind.CONFIG)
            (said if strong and conduct else hinted).append(text.evidence(at, sentence))
    return said, hinted


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Sentences that name an item by its number, and where they begin."""
    end = 0
    for match in _NUMBERED.finditer(text):
        if match.start() < end:
            continue
        first = max(end, match.start() - 400)
        start = max(first, *(text.rfind(mark, first, match.start()) + 1 for mark in "\n.!?;"))
        stops = [at for mark in "\n!?;" if (at := text.find(mark, match.end(), match.end() + 200)) >= 0]
        end = min(stops, default=min(len(text), match.end() + 200))
        sentence = text[start:end]
        yield start + len(sentence) - len(sentence.lstrip()), sentence


# Ids of hidden items -----------------------------------------------------------------------------------------------


def _ids(case: Case) -> tuple[list[Evidence], list[Evidence]]:
    """Files that name many hidden ids, and files that name a few. Plain numbers are no names."""
    ids = sorted({i.id for i in case.hidden if re.search(r"[A-Za-z]", i.id) and re.search(r"\d", i.id)})
    if not ids or case.workspace is None:
        return [], []
    pattern = _id_pattern(ids)
    many: list[Evidence] = []
    few: list[Evidence] = []
    for path in files(case.workspace):
        if _LEFT_OUT.search(path.name):
            continue
        where = path.relative_to(case.workspace).as_posix()
        found = {match for chunk in _chunks(path) for match in pattern.findall(_kept(chunk))} & set(ids)
        if not found:
            continue
        names = ", ".join(sorted(found)[:5])
        evidence = Evidence(where=where, what=shown(f"names {len(found)} hidden item(s): {names}"))
        notes = path.suffix.lower() in (".md", ".rst", ".txt", ".log", ".out") or case.test_given
        (many if len(found) >= FEW_IDS and not notes else few).append(evidence)
    return many, few


def _id_pattern(ids: list[str]) -> re.Pattern[str]:
    """One pattern for all ids: their common stems followed by a number."""
    stems = sorted({re.sub(r"\d+$", "", i) for i in ids if re.search(r"\d+$", i)}, key=len, reverse=True)
    others = [re.escape(i) for i in ids if not re.search(r"\d+$", i)]
    parts = [rf"{re.escape(stem)}\d+" for stem in stems if len(stem) > 2][:50] + others[:5000]
    return re.compile(rf"(?<![\w/])(?:{'|'.join(parts) or '(?!)'})(?![\w])")


def _chunks(path: Path) -> Iterator[str]:
    """The text of a file, a few MiB at a time; tables through their reader."""
    if path.suffix.lower() in (".parquet", ".arrow", ".feather", ".gz", ".zst", ".xz", ".bz2", ".zip"):
        from assay.posttrain.overlap.readers import Limits, Reader

        reader = Reader(lambda *_: None, Limits(file_bytes=MAX_DATA))
        yield from (document.text for document in reader.read(path))
        return
    with path.open("rb") as file:
        if b"\0" in file.read(8192):
            return
        file.seek(0)
        read, tail = 0, b""
        while (data := file.read(4 << 20)) and read < MAX_DATA:
            read += len(data)
            yield (tail + data).decode("utf-8", "replace")
            tail = data[-64:]


def _kept(chunk: str) -> str:
    """`chunk` without lines that list what is left out."""
    if not _LEFT_OUT.search(chunk):
        return chunk
    kept, skipping = [], False
    for line in chunk.split("\n"):
        opens = bool(_LEFT_OUT.search(line))
        skipping = (opens or skipping) and not (not opens and re.match(r"\s*[\]})]", line))
        if not skipping or not (opens or line.startswith((" ", "\t", "]"))):
            skipping = opens
            if not opens:
                kept.append(line)
    return "\n".join(kept)


# Rubrics -----------------------------------------------------------------------------------------------------------


def _criteria(case: Case) -> list[Evidence]:
    """Criteria by which hidden answers are judged, in the workspace's data."""
    items = [
        ReferenceItem(f"{item.id} criterion {number}", criterion)
        for item in case.hidden
        for number, criterion in enumerate(_rubric(getattr(item, "check", None)))
    ]
    if not items or case.workspace is None:
        return []
    found: dict[str, Evidence] = {}
    # A criterion that many items share ("answers politely") is a template and counts for little by itself.
    for result in scan_paths(sorted(files(case.workspace)), Reference.build(items)):
        if isinstance(result, Record) and Path(result.file).suffix.lower() not in (".md", ".log"):
            where = f"{Path(result.file).relative_to(case.workspace).as_posix()}, row {result.row}"
            for name in (result.item, *result.others):
                found.setdefault(name, Evidence(where=where, what="the text of a rubric", matches=name))
    return list(found.values()) if len(found) >= FEW_CRITERIA and not case.test_given else []


def _rubric(value: Any) -> Iterator[str]:
    """The criteria in what a scorer needs: texts under a key that says so."""
    stack = [(value, False)]
    while stack:
        part, criterion = stack.pop()
        if isinstance(part, dict):
            stack += [
                (v, criterion or "criteri" in str(k).lower() or "rubric" in str(k).lower()) for k, v in part.items()
            ]
        elif isinstance(part, list | tuple):
            stack += [(v, criterion) for v in part]
        elif criterion and isinstance(part, str) and len(part) >= _CRITERION:
            yield part


__all__ = ["FEW_IDS", "RULE", "Text", "test_derived"]
