"""What is asked of a worker, and what a worker hands in.

A `Task` is data: its digest covers everything that decides the result, so a verdict names exactly what was asked. A
`Submission` is a document in the store that names the files a worker left and the run that produced them.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.core.budget import Budget, Spent
from assay.core.digest import Digest, canonical_json, digest_bytes

MAX_SUBMISSION_DOCUMENT = 1 << 20  # bytes: a submission names two trees and one run; a larger one is an attack


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def to_bytes(self) -> bytes:
        return canonical_json(self.to_json())

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.to_bytes())


class Task(_Document):
    """A task of one arena. `name` is unique within the arena; `id` is `arena/name`."""

    schema_: Literal["assay.task/1"] = Field(default="assay.task/1", alias="schema")
    arena: str = Field(pattern=r"^[a-z]+$")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.:_-]*$")
    title: str
    objective: str = Field(description="what the worker is to achieve, for the brief")
    rules: tuple[str, ...] = ()
    inputs: dict[str, Any] = Field(default_factory=dict, description="sources by name, pinned by digest or revision")
    budget: Budget
    network: tuple[str, ...] = Field(default=(), description="hosts the worker may reach, through a logging proxy")
    verification: dict[str, Any] = Field(default_factory=dict, description="how the result is measured: pinned")

    @property
    def id(self) -> str:
        return f"{self.arena}/{self.name}"


class Run(_Document):
    """How a submission came to be."""

    schema_: Literal["assay.run/1"] = Field(default="assay.run/1", alias="schema")
    id: str
    worker: str = Field(description="the worker as it was named on the command line")
    sandbox: str = Field(description="what kept the worker in: bubblewrap, none, or unknown for a folder handed in")
    budget: Budget
    spent: Spent | None = None
    exit_code: int | None = None
    transcript: Digest | None = Field(default=None, description="captured stdout and stderr")
    changed_inputs: tuple[str, ...] = Field(default=(), description="given files that were not as laid out afterwards")
    meters: Digest | None = Field(default=None, description="samples of memory, disk and CPU time over the run")


class Submission(_Document):
    """What was handed in: immutable, because it is named by its digest and names its parts by theirs."""

    schema_: Literal["assay.submission/1"] = Field(default="assay.submission/1", alias="schema")
    task: str
    task_digest: Digest
    model: Digest = Field(description="tree of the files that are evaluated")
    workspace: Digest | None = Field(default=None, description="tree of everything else the worker left")
    workspace_omitted: tuple[str, ...] = Field(default=(), description="workspace paths that were not taken, and why")
    inputs: dict[str, Digest] = Field(default_factory=dict, description="what the verifier reads, by name")
    run: Run
