"""What is asked of a worker, and what a worker hands in.

A `Task` is data: its digest covers everything that decides the result, so a verdict names exactly what was asked. A
`Submission` is a document in the store that names the files a worker left and the run that produced them.
"""

from typing import Any, Literal, Protocol, Self

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


class Used(Protocol):
    """What a model's provider says that one call used."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_cache_write: int | None
    input_tokens_cache_read: int | None
    reasoning_tokens: int | None


class Usage(BaseModel):
    """What all calls to a model used. `total_tokens` is as the provider counts: it includes what came from a cache."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int = 0
    estimated_calls: int = Field(default=0, description="calls of which the provider did not say what they used")
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_cache_write: int = 0
    input_tokens_cache_read: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    def plus(self, used: Used, *, estimated: bool) -> Self:
        """With one more call."""
        return self.model_copy(
            update={
                "calls": self.calls + 1,
                "estimated_calls": self.estimated_calls + estimated,
                "input_tokens": self.input_tokens + used.input_tokens,
                "output_tokens": self.output_tokens + used.output_tokens,
                "input_tokens_cache_write": self.input_tokens_cache_write + (used.input_tokens_cache_write or 0),
                "input_tokens_cache_read": self.input_tokens_cache_read + (used.input_tokens_cache_read or 0),
                "reasoning_tokens": self.reasoning_tokens + (used.reasoning_tokens or 0),
                "total_tokens": self.total_tokens + used.total_tokens,
            }
        )


class AgentRecord(BaseModel):
    """Which agent did the work, pinned, and what it asked of which model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str = Field(description="claude-code, codex, gemini, opencode, or inspect:NAME")
    version: str = Field(description="of the agent's own program or package")
    digest: Digest | None = Field(default=None, description="of the program, or of the file that defines the agent")
    model: str
    usage: dict[str, Usage] = Field(default_factory=dict, description="by model: never another than `model`")
    prompts: int = Field(default=1, description="how often it was told to work: 1, and one for each reprompt")
    prices: dict[str, float] | None = Field(
        default=None, description="dollars per million tokens, as the user gave them"
    )
    versions: dict[str, str] = Field(default_factory=dict, description="of the packages that ran it")


class Run(_Document):
    """How a submission came to be."""

    schema_: Literal["assay.run/1"] = Field(default="assay.run/1", alias="schema")
    id: str
    worker: str = Field(
        description="the worker as it was named on the command line; an agent with its version and model"
    )
    sandbox: str = Field(description="what kept the worker in: bubblewrap, none, or unknown for a folder handed in")
    budget: Budget
    spent: Spent | None = None
    exit_code: int | None = None
    transcript: Digest | None = Field(default=None, description="captured stdout and stderr")
    changed_inputs: tuple[str, ...] = Field(default=(), description="given files that were not as laid out afterwards")
    meters: Digest | None = Field(default=None, description="samples of memory, disk and CPU time over the run")
    network_log: Digest | None = Field(
        default=None, description="connections asked of the proxy; none if there were none"
    )
    agent: AgentRecord | None = Field(default=None, description="for workers that are agents")
    agent_log: Digest | None = Field(default=None, description="an agent's Inspect log: `inspect view` opens it")


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
