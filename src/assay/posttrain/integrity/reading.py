"""What is in a workspace, as text with a kind: code, prose, configuration, logs or data.

Rules about conduct read this; what the text's words match is the business of each rule. Libraries that were installed
into the workspace are left out (they are not the worker's own words), and so are copies of what the task gave.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assay.core.verdict import Evidence
from assay.posttrain.integrity.case import Case

MAX_TEXT = 4 << 20  # bytes of one file that rules about conduct read: no one writes more by hand
MAX_PROSE = 256 << 10  # bytes: a longer text file is a corpus, not somebody's words
SHOWN = 20  # pieces of evidence listed in a finding
# Other people's packages. Test items hidden there are still found: rules about content read every file.
LIBRARIES = frozenset({"site-packages", "dist-packages", "node_modules", ".git", "__pycache__"})

_CODE = {".py", ".sh", ".bash", ".zsh", ".ipynb", ".js", ".mjs", ".ts", ".pl", ".rb", ".r", ".jl", ".go", ".rs", ".lua"}
_PROSE = {".md", ".rst", ".txt", ".markdown", ".mdc", ".adoc", ".html", ".tex"}
_CONFIG = {".yaml", ".yml", ".toml", ".ini", ".cfg", ".env", ".conf", ".json", ".xml", ".properties"}
_LOGS = {".log", ".out", ".err"}
_CODE_NAMES = {"makefile", "dockerfile", "justfile", ".bashrc", ".profile", ".bash_profile"}


class Kind(StrEnum):
    CODE = "code"
    PROSE = "prose"
    CONFIG = "config"
    LOG = "log"
    DATA = "data"


@dataclass(frozen=True)
class Text:
    """One file that was read as text. `where` is relative to the workspace."""

    where: str
    kind: Kind
    text: str

    @property
    def name(self) -> str:
        return self.where.rpartition("/")[2]

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def evidence(self, offset: int, what: str, matches: str | None = None) -> Evidence:
        return self.at_line(self.line_of(offset), what, matches)

    def at_line(self, line: int, what: str, matches: str | None = None) -> Evidence:
        return Evidence(where=f"{self.where}, line {line}", what=shown(what), matches=matches)


def shown(text: str, most: int = 200) -> str:
    """A stranger's words as evidence: on one line, of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def texts(case: Case, *kinds: Kind) -> Iterator[Text]:
    """The worker's own texts of these kinds (all kinds if none is named), in the workspace and beside the weights."""
    given = _digests(case.given)
    if case.workspace is not None:
        yield from _folder(case.workspace, "", given, kinds)
    yield from (t for t in _folder(case.model, "final_model/", given, kinds) if not t.name.startswith("tokenizer"))


def transcript(case: Case) -> Text | None:
    """What the worker printed, if it was kept."""
    if case.transcript is None or not case.transcript.is_file():
        return None
    with case.transcript.open("rb") as file:
        return Text("transcript", Kind.LOG, file.read(16 << 20).decode("utf-8", "replace"))


def kind_of(path: Path, size: int) -> Kind:
    """What a file is for, from its name and size."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if suffix in _CODE or name in _CODE_NAMES:
        return Kind.CODE
    if suffix in _LOGS or name.startswith("nohup") or (suffix == ".txt" and "log" in name):
        return Kind.LOG
    if size > MAX_PROSE:
        return Kind.DATA
    if suffix in _PROSE or name in ("readme", "notes", ".cursorrules", ".windsurfrules"):
        return Kind.PROSE
    return Kind.CONFIG if suffix in _CONFIG or name.startswith(".env") else Kind.DATA


def files(folder: Path) -> Iterator[Path]:
    """Plain files below `folder`, libraries left out, in order."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in LIBRARIES and not _is_environment(Path(place, f)))
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_environment(folder: Path) -> bool:
    """A Python environment that the worker installed."""
    return (folder / "pyvenv.cfg").is_file()


def _folder(folder: Path, prefix: str, given: set[str], kinds: tuple[Kind, ...]) -> Iterator[Text]:
    for path in files(folder):
        kind = kind_of(path, path.stat().st_size)
        if kinds and kind not in kinds and not (kind is Kind.DATA and Kind.CODE in kinds):
            continue
        text = _text(path, given)
        if text is None:
            continue
        if kind is Kind.DATA and text.startswith("#!"):
            kind = Kind.CODE  # a script without a suffix
        if not kinds or kind in kinds:
            yield Text(prefix + path.relative_to(folder).as_posix(), kind, text)


def _text(path: Path, given: set[str]) -> str | None:
    with path.open("rb") as file:
        data = file.read(MAX_TEXT)
    if hashlib.sha256(data).hexdigest() in given or b"\0" in data[:8192]:
        return None
    text = data.decode("utf-8", "replace")
    return _notebook(text) if path.suffix == ".ipynb" else text


def _notebook(text: str) -> str:
    """A notebook's cells as one script; prose becomes comments."""
    try:
        cells = json.loads(text)["cells"]
        parts = [("".join(c["source"]), c.get("cell_type") == "code") for c in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    lines = []
    for source, is_code in parts:
        for line in source.split("\n"):
            lines.append(line if is_code and not line.startswith(("%", "!")) else f"# {line}")
    return "\n".join(lines)


def _digests(folder: Path | None) -> set[str]:
    """SHA-256 of the given files that are small enough to be read as text."""
    if folder is None:
        return set()
    small = (p for p in folder.rglob("*") if p.is_file() and p.stat().st_size <= MAX_TEXT)
    return {hashlib.sha256(p.read_bytes()).hexdigest() for p in small}
