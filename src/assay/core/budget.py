"""What a worker may spend, and what it did spend.

A `Budget` is enforced from outside the sandbox; a `Spent` is the record of a finished worker, kept with its submission.
"""

import re

from pydantic import BaseModel, ConfigDict, Field

from assay.core.errors import BadInput

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_duration(text: str) -> float:
    """Seconds from `90s`, `10m`, `1.5h`, `2d`, a sum of them (`1h30m`), or a bare number of seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        seconds = sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text))
    else:
        raise BadInput(f"{text!r} is not a duration: write for example 90s, 10m or 1h30m.")
    if seconds <= 0:
        raise BadInput(f"{text!r} is no time at all: a budget must be longer than 0 seconds.")
    return seconds


def parse_size(text: str) -> int:
    """Bytes from `512M`, `2G`, `1.5GiB` or a bare number of bytes (powers of 1024)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([BKMGT]?)(?:i?B)?", text.strip(), flags=re.IGNORECASE)
    if not match:
        raise BadInput(f"{text!r} is not a size: write for example 512M or 2G.")
    return int(float(match[1]) * _SIZES[match[2].upper() or "B"])


class Budget(BaseModel):
    """Limits for one worker: the whole process tree together, unless a field says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wall_seconds: float = Field(gt=0, description="real time from start to the death of the last process")
    cpu_seconds: float | None = Field(default=None, gt=0, description="processor time of each process")
    memory_bytes: int = Field(default=8 << 30, gt=0)
    disk_bytes: int = Field(default=8 << 30, gt=0, description="what the workspace may grow to")
    files: int = Field(default=100_000, gt=0, description="how many files the workspace may hold")
    processes: int = Field(default=512, gt=0, description="processes and threads")
    open_files: int = Field(default=4096, gt=0, description="open files of each process")
    output_bytes: int = Field(default=16 << 20, gt=0, description="what is kept of stdout and stderr together")
    gpus: int = Field(default=0, ge=0, description="graphics processors that are seen inside")
    tokens: int | None = Field(default=None, gt=0, description="model tokens, for workers that call models")
    dollars: float | None = Field(default=None, gt=0, description="money, for workers that call models")


class Spent(BaseModel):
    """What a worker used of its budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wall_seconds: float
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    disk_bytes: int | None = None
    tokens: int | None = None
    dollars: float | None = None
    exceeded: str | None = Field(default=None, description="the limit that ended the worker, or none")


def limited(
    budget: Budget, wall_seconds: float | None, *, tokens: int | None = None, dollars: float | None = None
) -> Budget:
    """`budget` with another wall clock and limits on tokens and money, where they are given."""
    if (tokens is not None and tokens <= 0) or (dollars is not None and not 0 < dollars < float("inf")):
        raise BadInput("A budget of tokens or money must be more than 0: leave the option out for no limit.")
    given = {"wall_seconds": wall_seconds, "tokens": tokens, "dollars": dollars}
    return budget.model_copy(update={name: value for name, value in given.items() if value is not None})
