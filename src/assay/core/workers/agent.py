"""Agents as workers: an evaluation of one sample, in which an Inspect agent works in our sandbox on the task's brief.

The sandbox is the one that a script gets: the same workspace, mounts and limits. The evaluation, the model's keys and
the account of tokens and money are outside. Real time is kept by the sandbox; Inspect's own limits end the agent when
tokens or money are spent, and what it has made by then counts.
"""

import contextlib
import importlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.budget import Budget, Spent
from assay.core.digest import Digest
from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import Finished, Sandbox, Spec
from assay.core.sandbox.bubblewrap import Bubblewrap
from assay.core.sandbox.session import Session
from assay.core.task import AgentRecord, Usage
from assay.core.workers.cli_agent import CliAgent, environment_inside, furnished
from assay.core.workers.inspect_agent import InspectAgent
from assay.core.workers.installing import Installed
from assay.core.workers.metering import Meter, Price
from assay.core.workers.script import Watch
from assay.core.workers.transcript import Transcript

if TYPE_CHECKING:
    from inspect_ai.agent import Agent
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import Model
    from inspect_ai.solver import Solver

LOG_FOLDER = "agent-log"  # beside the transcript
_KILLED = -9
_MAX_BRIEF = 1 << 20  # bytes
_CALLS_AT_ONCE = 4  # each may run over a budget that the others have spent: few
_ENOUGH = 0.05  # of the budget: when less is left, the agent is not asked again
_ENOUGH_SECONDS = 20.0
_SAID = 700  # characters of the beginning and the end of an error
_IDLE_ROUNDS = 3  # rounds without a tool call, after which the agent is taken to be done
_LIMITS = {"token": "tokens", "cost": "dollars", "time": "wall clock", "custom": "size of requests"}
_MARKUP = re.compile(r"\[/?[a-z ]+\]")  # of rich, in what Inspect says to people
_PACKAGES = ("inspect_ai", "inspect_swe")

_PREFACE = """You are working alone: nobody will answer questions. Do the following task completely, then stop. \
The working directory is {workspace}; this text is there as BRIEF.md.{budget}

"""
_AGAIN = """You stopped, but {left} of your budget is left. Look again at what you handed in: measure it if you \
can, and improve it. Leave the result where BRIEF.md says. If nothing can be improved, say so and stop."""


@dataclass(frozen=True)
class AgentFinished(Finished):
    """How an agent's run ended. `log` is the file with the Inspect log, if one was written."""

    agent: AgentRecord
    log: Path | None = None


@dataclass(frozen=True)
class AgentWorker:
    """An agent with its model. Made by `assay.core.workers.choose`."""

    agent: InspectAgent | CliAgent
    model: str
    installed: Installed | None = None  # for CLI agents
    price: Price | None = None
    reprompt: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def agent_name(self) -> str:
        return f"inspect:{self.agent.name}" if isinstance(self.agent, InspectAgent) else self.agent.program.name

    @property
    def agent_version(self) -> str:
        if isinstance(self.agent, InspectAgent):
            return self.agent.version
        return self.installed.version if self.installed else self.agent.program.version

    @property
    def name(self) -> str:
        again = ", reprompted" if self.reprompt else ""
        return f"{self.agent_name} {self.agent_version} with {self.model}{again}"

    def check(self, budget: Budget, sandbox: str) -> None:
        """Raise now what `work` would raise later: a budget that cannot be kept, no sandbox, no such model or agent."""
        if sandbox != Bubblewrap.name:
            raise BadInput(f"An agent works only in a sandbox that holds it: leave out --sandbox {sandbox}.")
        if budget.dollars is not None and self.price is None:
            raise BadInput(
                f"A budget of money needs the price of {self.model}, which is not known: give a file with --prices."
            )
        self._make(budget)  # first: a file with an agent may also define its model
        _model(self.model)

    def work(self, sandbox: Sandbox, spec: Spec, transcript: Path, watch: Watch) -> AgentFinished:
        if not isinstance(sandbox, Bubblewrap):
            raise BadInput(f"An agent works only in a sandbox that holds it: leave out --sandbox {sandbox.name}.")
        self.check(spec.budget, sandbox.name)
        model = _model(self.model)
        if isinstance(self.agent, CliAgent) and self.installed is not None:
            spec = furnished(spec, self.agent, self.installed)
        logs = transcript.with_name(LOG_FOLDER)
        with Transcript(transcript, spec.budget.output_bytes, watch.on_output) as written:
            meter = Meter(spec.budget, self.price)

            def told(*call: Any) -> None:
                written.call(*call)
                if watch.on_spending is not None:
                    watch.on_spending(meter.spending)

            meter.told = told
            meter.guard(model)
            session = sandbox.session(spec, on_sample=watch.on_sample or (lambda _: None))
            session.open()
            try:
                rounds = _Rounds(spec.budget, meter, self.reprompt)
                log = _evaluate(self, model, spec, session, rounds, logs)
            finally:
                session.close()
            sample = _sample(log)
            ended = _end(sample, session, meter, log)
            written.write(ended.said)
            return self._finished(session, meter, sample, rounds, ended, written.truncated, logs)

    def _make(self, budget: Budget, environment: Mapping[str, str] | None = None) -> "Agent":
        if isinstance(self.agent, CliAgent) and self.installed is None:
            raise Unavailable(f"{self.agent_name} is not installed: make the worker with `choose`.")
        try:
            if isinstance(self.agent, InspectAgent):
                return self.agent.make(budget.wall_seconds)
            assert self.installed  # noqa: S101 - for the type checker
            importlib.import_module(self.agent.protocol)
            return self.agent.make(self.installed, environment or {}, budget.wall_seconds)
        except ModuleNotFoundError as error:
            raise _lacking(error) from None

    def _finished(
        self,
        session: Session,
        meter: Meter,
        sample: "EvalSample | None",
        rounds: "_Rounds",
        ended: "_Ended",
        truncated: bool,
        logs: Path,
    ) -> AgentFinished:
        usage = {self.model: meter.usage, **_other_models(sample, self.model)}
        written = sorted(logs.glob("*.eval"))
        return AgentFinished(
            exit_code=ended.code,
            spent=_spent(session, meter, usage, ended.exceeded),
            samples=session.samples,
            output_truncated=truncated,
            network_log=session.network_log(),
            enforcement=session.enforcement,
            agent=AgentRecord(
                agent=self.agent_name,
                version=self.agent_version,
                digest=self._digest(),
                model=self.model,
                usage=usage,
                prompts=rounds.prompts,
                prices=self.price.model_dump() if self.price else None,
                versions={name: found for name in _PACKAGES if (found := _version(name)) is not None},
            ),
            log=written[0] if written else None,
        )

    def _digest(self) -> Digest | None:
        if isinstance(self.agent, InspectAgent):
            return self.agent.digest
        return self.installed.digest if self.installed else None


# The model ---------------------------------------------------------------------------------------------------------


def _model(name: str) -> "Model":
    """A model of our own, shared with nobody, so that whatever is asked of it is in this run's account."""
    try:
        from inspect_ai.model import GenerateConfig, get_model
    except ModuleNotFoundError as error:
        raise _lacking(error) from None
    if name == "none" or "/" not in name:
        raise BadInput(f"{name[:80]!r} is not a model: write PROVIDER/NAME, such as anthropic/claude-opus-4-1.")
    try:
        return get_model(name, config=GenerateConfig(max_connections=_CALLS_AT_ONCE), memoize=False)
    except ModuleNotFoundError as error:
        raise _lacking(error) from None
    except Exception as error:  # each provider has its own: no package, no key, no such provider
        said = " ".join(_MARKUP.sub("", str(error)).split()).removeprefix("ERROR: ")
        raise Unavailable(f"The model {name[:80]} cannot be used: {said[:300].rstrip('.')}.") from None


def _tell_price(name: str, price: Price) -> None:
    """Let Inspect know the price, for its own limit and for the log."""
    from inspect_ai.model import ModelCost, ModelInfo, get_model_info, set_model_info

    known = get_model_info(name) or ModelInfo()
    set_model_info(name, known.model_copy(update={"cost": ModelCost(**price.model_dump())}))


def _lacking(error: ModuleNotFoundError) -> Unavailable:
    package = (error.name or "a package").partition(".")[0].replace("google", "google-genai")
    return Unavailable(f"Agents need {package}: install it with `pip install 'assay[agents]'`.")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# The work ----------------------------------------------------------------------------------------------------------


@dataclass
class _Rounds:
    """Whether the agent is asked to go on when it stops: while there is a budget, if that was wanted."""

    budget: Budget
    meter: Meter
    reprompt: bool
    prompts: int = 0
    _began: float = field(default_factory=time.monotonic)
    _idle: int = 0
    _tool_calls: int = 0

    def seconds_left(self) -> float:
        return self.budget.wall_seconds - (time.monotonic() - self._began)

    def next(self) -> str | None:
        """What to tell the agent that has stopped, or None if it is done."""
        called, self._tool_calls = self.meter.tool_calls - self._tool_calls, self.meter.tool_calls
        self._idle = 0 if called else self._idle + 1
        left = min(self.seconds_left() / self.budget.wall_seconds, self.meter.share_left())
        enough = left >= _ENOUGH and self.seconds_left() >= _ENOUGH_SECONDS
        if not self.reprompt or not enough or self._idle >= _IDLE_ROUNDS:
            return None
        return _AGAIN.format(left=f"{left:.0%}, with {self.seconds_left():.0f} seconds,")


def _prompt(spec: Spec) -> str:
    brief = spec.workspace / "BRIEF.md"
    with brief.open("rb") as file:
        text = file.read(_MAX_BRIEF).decode("utf-8", "replace")
    limits = []
    if spec.budget.tokens is not None:
        limits.append(f"{spec.budget.tokens:,} tokens")
    if spec.budget.dollars is not None:
        limits.append(f"${spec.budget.dollars:g}")
    budget = f" Besides time, your own calls to the model may use {' and '.join(limits)}." if limits else ""
    return _PREFACE.format(workspace="/workspace", budget=budget) + text


def _solver(agent: "Agent", rounds: _Rounds) -> "Solver":
    from inspect_ai.agent import run
    from inspect_ai.model import ChatMessageUser
    from inspect_ai.solver import Generate, TaskState, solver

    @solver(name="assay_worker")
    def worker() -> "Solver":
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            while True:
                rounds.prompts += 1
                done = await run(agent, state.messages)
                state.messages, state.output = done.messages, done.output
                more = rounds.next()
                if more is None:
                    return state
                state.messages.append(ChatMessageUser(content=more))

        return solve

    return worker()


def _evaluate(
    worker: AgentWorker, model: "Model", spec: Spec, session: Session, rounds: _Rounds, logs: Path
) -> "EvalLog":
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample

    from assay.core.sandbox.inspect_provider import lend

    agent = worker._make(spec.budget, environment_inside(spec))
    if worker.price is not None:
        _tell_price(worker.model, worker.price)
    with lend(session) as sandbox, _quiet():
        task = Task(
            name="assay",
            dataset=[Sample(id="work", input=_prompt(spec))],
            solver=_solver(agent, rounds),
            sandbox=sandbox,
            metadata={"worker": worker.name},
        )
        evaluated = eval(
            task,
            model=model,
            token_limit=spec.budget.tokens,
            cost_limit=spec.budget.dollars,
            # Real time; the sandbox ends itself a moment earlier, whatever Inspect is waiting for.
            time_limit=max(1, int(rounds.seconds_left()) + 1),
            score=False,
            fail_on_error=False,
            retry_on_error=0,
            max_samples=1,
            display="none",
            log_dir=str(logs),
            log_format="eval",
            log_realtime=False,
            log_level="error",
            ctl_server=False,
        )
    if not evaluated or evaluated[0].status == "cancelled":  # Inspect takes the interrupt and says nothing
        raise KeyboardInterrupt
    return evaluated[0]


@contextlib.contextmanager
def _quiet() -> Any:
    """What libraries print while the agent works would break the view on the terminal: it is in the log."""
    import logging

    root = logging.getLogger()
    before = list(root.handlers)
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(before):  # Inspect's own, made for its command line
            root.removeHandler(handler)


# The end -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ended:
    code: int
    exceeded: str | None
    said: str


def _sample(log: "EvalLog") -> "EvalSample | None":
    return log.samples[0] if log.samples else None


def _end(sample: "EvalSample | None", session: Session, meter: Meter, log: "EvalLog") -> _Ended:
    limit = _LIMITS.get(sample.limit.type, sample.limit.type) if sample and sample.limit else None
    exceeded = session.exceeded or meter.exceeded or limit
    if exceeded:
        return _Ended(_KILLED, exceeded, f"The agent was ended: it went over its {exceeded} limit.")
    error = (sample.error.message if sample and sample.error else None) or (log.error.message if log.error else None)
    if error is None and sample is not None:
        return _Ended(0, None, "The agent ended by itself.")
    said = json.dumps(_middle_out(error or "it did not start"), ensure_ascii=False)
    model = f" The model's provider said last: {json.dumps(meter.failure[:500])}" if meter.failure else ""
    return _Ended(1, None, f"The agent failed: {said}.{model}")


def _middle_out(text: str) -> str:
    return text if len(text) <= 2 * _SAID else f"{text[:_SAID]} [...] {text[-_SAID:]}"


def _other_models(sample: "EvalSample | None", ours: str) -> dict[str, Usage]:
    """What an Inspect agent asked of further models by itself: its own code is trusted, its account is still kept."""
    if sample is None:
        return {}
    return {
        name: Usage(calls=0).plus(used, estimated=False) for name, used in sample.model_usage.items() if name != ours
    }


def _spent(session: Session, meter: Meter, usage: Mapping[str, Usage], exceeded: str | None) -> Spent:
    dollars = meter.spending.dollars
    return session.spent().model_copy(
        update={
            "tokens": sum(used.total_tokens for used in usage.values()),
            "dollars": None if dollars is None else round(dollars, 6),
            "exceeded": exceeded,
        }
    )
