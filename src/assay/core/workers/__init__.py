"""Who does the work. A worker is anything that can be started in a workspace and leaves files there.

Script workers are any command; agents call a model, and come with `choose`, which knows what `--worker` means.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from assay.core.sandbox import Finished, Sandbox, Spec
from assay.core.workers.script import ScriptWorker, Watch


class Worker(Protocol):
    """`name` goes into the run's record; `files` are copied into the workspace before it starts, by name."""

    @property
    def name(self) -> str: ...

    @property
    def files(self) -> Mapping[str, Path]: ...

    def work(self, sandbox: Sandbox, spec: Spec, transcript: Path, watch: Watch) -> Finished:
        """Do the work in the sandbox until it is done or the budget is spent."""
        ...


__all__ = ["ScriptWorker", "Watch", "Worker"]
