"""A run while it goes on: what stage it is in, what the worker prints, and what is left of the budget.

On a terminal a block that is redrawn in place; elsewhere one plain line per stage and one now and then. All on stderr.
The worker's output is shown as text only: it cannot steer the terminal.
"""

import codecs
import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Self

import rich.live
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from assay.core.budget import Budget
from assay.core.plain import one_line, terminal_line
from assay.core.sandbox import Sample
from assay.core.workers import Watch
from assay.core.workers.metering import Spending
from assay.terminal import err
from assay.web import figures

PLAIN_SECONDS = 30.0  # between lines where there is no terminal
_SHOWN = 6  # lines of output
_LONGEST = 8192  # characters of a line that is kept: a worker may print without a line break for ever
_WIDTH = 400  # characters of a line that are shown, at most


class LastLines:
    """The last lines of a stream of bytes that comes in pieces, in constant memory."""

    def __init__(self, most: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: deque[str] = deque(maxlen=most)
        self._open = ""

    def feed(self, piece: bytes) -> None:
        *whole, rest = self._decoder.decode(piece).split("\n")
        for text in whole:
            line = terminal_line((self._open + text)[-_LONGEST:])
            self._open = ""
            if line:
                self._lines.append(one_line(line, _WIDTH))
        self._open = (self._open + rest)[-_LONGEST:]

    def lines(self) -> list[str]:
        """What is there, with the line that is still being written."""
        begun = terminal_line(self._open)
        return [*self._lines, *([one_line(begun, _WIDTH)] if begun else [])][-(self._lines.maxlen or 0) :]


class Live:
    """Shows a run. Use it as a context manager; give `watch` to the run, and `stage` as the one who is told.

    `stage` may be called with anything that is going on; the budget is shown from the first sample to the next stage.
    """

    def __init__(
        self, budget: Budget, *, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._console = console or err
        self._clock = clock
        self._lock = Lock()  # samples come in one thread, drawing happens in another
        self._output = LastLines(_SHOWN)
        self._stage: str | None = None
        self._stage_began = self._clock()
        self._sample: Sample | None = None
        self._spending: Spending | None = None
        self._sampled = 0.0
        self._processors = 0.0
        self._said = self._clock()
        self._spinner = Spinner("dots")
        redrawn = self._console.is_terminal and not self._console.is_dumb_terminal
        self._screen = self._redrawn() if redrawn else None

    @property
    def watch(self) -> Watch:
        return Watch(on_sample=self.on_sample, on_output=self.on_output, on_spending=self.on_spending)

    def __enter__(self) -> Self:
        if self._screen:
            self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen:
            self._screen.stop()
            if self._stage is not None:
                self._done(failed=kind is not None)

    def stage(self, text: str) -> None:
        """Say what is going on now. What went on before is done."""
        if self._screen and self._stage is not None:
            self._done()  # outside the lock: printing waits for whoever is drawing
        with self._lock:
            self._sample = self._spending = None
            self._stage, self._stage_began = one_line(text, _WIDTH), self._clock()
            self._output = LastLines(_SHOWN)
            self._said = self._stage_began
        if not self._screen:
            self._say(self._stage)

    def on_sample(self, sample: Sample) -> None:
        with self._lock:
            before, self._sample, self._sampled = self._sample, sample, self._clock()
            if before and sample.elapsed_seconds > before.elapsed_seconds:
                used = (sample.cpu_seconds - before.cpu_seconds) / (sample.elapsed_seconds - before.elapsed_seconds)
                self._processors = max(0.0, used)
        self._now_and_then()

    def on_output(self, piece: bytes) -> None:
        with self._lock:
            self._output.feed(piece)
        self._now_and_then()

    def on_spending(self, spending: Spending) -> None:
        with self._lock:
            self._spending = spending

    # Without a terminal ---------------------------------------------------------------------------------------------

    def _now_and_then(self) -> None:
        if self._screen or self._clock() - self._said < PLAIN_SECONDS:
            return
        self._said = self._clock()
        sample, budget = self._sample, self._budget
        if sample is None:
            return
        used = (
            f"{figures.duration(sample.elapsed_seconds)} of {figures.duration(budget.wall_seconds)}",
            f"memory {figures.size(sample.memory_bytes)} of {figures.size(budget.memory_bytes)}",
            f"disk {figures.size(sample.disk_bytes)} of {figures.size(budget.disk_bytes)}",
            *(f"{name} {used}" for name, used, _, _ in self._bought()),
        )
        last = self._output.lines()[-1:]
        self._say(f"  {', '.join(used)}{''.join(f': {line}' for line in last)}")

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    # On a terminal --------------------------------------------------------------------------------------------------

    def _redrawn(self) -> rich.live.Live:
        return rich.live.Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,  # a document for a program may go there meanwhile
        )

    def _done(self, *, failed: bool = False) -> None:
        mark = ("✗ ", "red") if failed else ("✓ ", "green")
        took = f"  {figures.duration(self._clock() - self._stage_began)}"
        self._console.print(Text.assemble(mark, self._stage or "", (took, "dim")))

    def _draw(self) -> RenderableType:
        with self._lock:
            if self._stage is None:
                return Text()
            took = figures.duration(self._clock() - self._stage_began)
            stage = Text.assemble(self._stage, ("" if self._sample else f"  {took}", "dim"))
            self._spinner.update(text=stage)
            rows: list[RenderableType] = [self._spinner]
            if self._sample:
                rows.append(self._left(self._sample))
            rows += [Text(f"  │ {line}", "dim", no_wrap=True, overflow="ellipsis") for line in self._output.lines()]
        return Group(*rows)

    def _left(self, sample: Sample) -> RenderableType:
        """Bars: the time that is left runs down, what is used of memory and disk goes up."""
        budget = self._budget
        elapsed = min(sample.elapsed_seconds + self._clock() - self._sampled, budget.wall_seconds)
        left = budget.wall_seconds - elapsed
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(min_width=8)
        grid.add_column(width=24)
        grid.add_column()
        time_left = Text.assemble((figures.duration(left), "bold"), f" left of {figures.duration(budget.wall_seconds)}")
        grid.add_row("  time", _bar(left, budget.wall_seconds, low_is_bad=True), time_left)
        for name, used, limit in (
            ("  memory", sample.memory_bytes, budget.memory_bytes),
            ("  disk", sample.disk_bytes, budget.disk_bytes),
        ):
            written = Text.assemble((figures.size(used), "bold"), f" of {figures.size(limit)}")
            grid.add_row(name, _bar(used, limit, low_is_bad=False), written)
        for name, text, amount, most in self._bought():
            grid.add_row(f"  {name}", _bar(amount, most, low_is_bad=False) if most else Text(), Text(text))
        running = figures.count(sample.processes, "process", "processes")
        grid.add_row("  running", Text(running), Text(f"{self._processors:.1f} processors in use"))
        return grid

    def _bought(self) -> list[tuple[str, str, float, float | None]]:
        """Of tokens and money, if an agent uses any: the name, what was used of what in words, both as numbers."""
        spending, budget = self._spending, self._budget
        if spending is None:
            return []
        rows: list[tuple[str, str, float, float | None]] = []
        of = f" of {budget.tokens:,}" if budget.tokens else ""
        rows.append(("tokens", f"{spending.tokens:,}{of}", spending.tokens, budget.tokens))
        if spending.dollars is not None:
            of = f" of ${budget.dollars:,.2f}" if budget.dollars else ""
            rows.append(("money", f"${spending.dollars:,.2f}{of}", spending.dollars, budget.dollars))
        return rows


def _bar(amount: float, whole: float, *, low_is_bad: bool) -> ProgressBar:
    share = min(max(amount / whole, 0.0), 1.0)
    bad = share < 0.1 if low_is_bad else share > 0.9
    style = "red" if bad else "cyan"
    return ProgressBar(total=1.0, completed=share, width=24, complete_style=style, finished_style=style)
