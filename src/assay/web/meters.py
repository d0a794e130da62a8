"""Reads what is kept of a run beside its verdict: the meters over time, and the end of the transcript.

Both come from the store by digest and are read with a limit. What is missing or damaged is an absence with a reason,
never a reason not to show the verdict.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay.core.digest import Digest
from assay.core.errors import AssayError
from assay.core.plain import terminal_lines
from assay.core.store import Store

MAX_METERS = 4 << 20  # bytes: a run keeps at most 4,000 samples of some 60 bytes
MAX_TRANSCRIPT = 1 << 30  # bytes: it is read as a stream, but reading takes time
MAX_ROWS = 20_000
_TAIL = 24 << 10  # bytes of a transcript's end that are looked at
COLUMNS = ("elapsed_seconds", "cpu_seconds", "memory_bytes", "disk_bytes", "processes")

_Row = tuple[float, float, float, float, float]


class Meters(BaseModel):
    """The document `assay.meters/1`: samples of what a whole process tree used, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_: Literal["assay.meters/1"] = Field(alias="schema")
    columns: tuple[str, ...]
    rows: tuple[_Row, ...] = Field(max_length=MAX_ROWS)
    enforcement: str
    output_truncated: bool

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.columns != COLUMNS:
            raise ValueError(f"columns must be {', '.join(COLUMNS)}")
        if any(value < 0 for row in self.rows for value in row):
            raise ValueError("a sample is negative")
        if any(later[0] < earlier[0] for earlier, later in pairwise(self.rows)):
            raise ValueError("the samples are not in order")
        return self

    def memory(self) -> list[tuple[float, float]]:
        """`(seconds, bytes)`."""
        return [(row[0], row[2]) for row in self.rows]

    def disk(self) -> list[tuple[float, float]]:
        """`(seconds, bytes)`."""
        return [(row[0], row[3]) for row in self.rows]

    def processors(self) -> list[tuple[float, float]]:
        """`(seconds, processors in use)`, from one sample to the next."""
        steps = [(a, b) for a, b in pairwise(self.rows) if b[0] > a[0]]
        return [(b[0], max(0.0, b[1] - a[1]) / (b[0] - a[0])) for a, b in steps]


@dataclass(frozen=True)
class Ending:
    """The last lines of a transcript. `before` says how many bytes of it are not looked at."""

    lines: tuple[str, ...]
    before: int


def read_meters(store: Store, digest: Digest) -> Meters | str:
    """The meters of a run, or why they cannot be shown."""
    try:
        return Meters.model_validate_json(store.get_bytes(digest, MAX_METERS))
    except ValidationError:
        return f"{digest} is not a document of meters."
    except AssayError as error:
        return str(error)


def read_ending(store: Store, digest: Digest, most: int) -> Ending | str:
    """At most `most` last lines of a transcript, or why there are none. Constant memory, whatever its size."""
    tail = b""
    try:
        total = store.size(digest)
        if total > MAX_TRANSCRIPT:
            return f"The transcript has {total} bytes; at most {MAX_TRANSCRIPT} are read here."
        for chunk in store.chunks(digest):
            tail = (tail + bytes(chunk[-_TAIL:]))[-_TAIL:]
    except AssayError as error:
        return str(error)
    if total > len(tail):
        tail = tail.partition(b"\n")[2] or tail  # the first line is probably cut
    lines = [line for line in terminal_lines(tail) if line][-most:]
    return Ending(tuple(lines), total - len(tail))
