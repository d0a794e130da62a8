"""A run while it goes on: what is seen of it, with and without a terminal."""

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from assay.commands.live import PLAIN_SECONDS, Live
from assay.core.budget import Budget
from assay.core.sandbox import Sample
from assay.core.workers.metering import Spending

BUDGET = Budget(wall_seconds=600, memory_bytes=12 << 30, disk_bytes=4 << 30)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paper() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def plain(paper: io.StringIO, clock: Clock) -> Iterator[Live]:
    with Live(BUDGET, console=Console(file=paper, width=200), clock=clock) as live:
        yield live


def sample(seconds: float, *, cpu: float = 0.0) -> Sample:
    return Sample(seconds, cpu, 3 << 30, 512 << 20, 4)


def terminal(paper: io.StringIO) -> Console:
    return Console(file=paper, force_terminal=True, width=100, _environ={"TERM": "xterm"})


def drawn(live: Live) -> str:
    """What the block on the screen says now."""
    paper = io.StringIO()
    Console(file=paper, width=100).print(live._draw())
    return paper.getvalue()


def test_without_a_terminal_every_stage_is_one_plain_line(plain: Live, paper: io.StringIO) -> None:
    plain.stage("Bringing the inputs into the store")
    plain.stage("The worker is at work: \x1b[31mpython [bold]train.py\u202e")
    assert paper.getvalue() == (
        "Bringing the inputs into the store\nThe worker is at work: \\x1b[31mpython [bold]train.py\\u202e\n"
    )


def test_without_a_terminal_the_budget_is_said_now_and_then(plain: Live, paper: io.StringIO, clock: Clock) -> None:
    plain.stage("Working")
    for second in range(int(3.5 * PLAIN_SECONDS)):
        clock.now += 1
        plain.on_output(b"step %d\n" % second)
        plain.on_sample(sample(second))
    lines = paper.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("  0:")
    assert lines[2] == "  0:58 of 10:00, memory 3.0 GiB of 12.0 GiB, disk 512.0 MiB of 4.0 GiB: step 59"


def test_nothing_is_said_of_a_budget_that_nobody_has_sampled(plain: Live, paper: io.StringIO, clock: Clock) -> None:
    plain.stage("Working")
    clock.now += 100
    plain.on_output(b"hello\n")
    assert paper.getvalue() == "Working\n"


def test_on_a_terminal_the_budget_that_is_left_is_shown(clock: Clock, paper: io.StringIO) -> None:
    live = Live(BUDGET, console=terminal(paper), clock=clock)
    live.stage("Working")
    live.on_sample(sample(100, cpu=150))
    live.on_sample(sample(102, cpu=153.6))
    clock.now += 3  # the clock goes on between samples
    shown = drawn(live)
    assert "8:15 left of 10:00" in shown
    assert "3.0 GiB of 12.0 GiB" in shown
    assert "512.0 MiB of 4.0 GiB" in shown
    assert "4 processes" in shown and "1.8 processors in use" in shown


def test_the_time_that_is_left_ends_at_zero(clock: Clock, paper: io.StringIO) -> None:
    live = Live(BUDGET, console=terminal(paper), clock=clock)
    live.stage("Working")
    live.on_sample(sample(599))
    clock.now += 60
    assert "0:00 left of 10:00" in drawn(live)


def test_on_a_terminal_the_last_lines_are_shown_as_text(clock: Clock, paper: io.StringIO) -> None:
    live = Live(BUDGET, console=terminal(paper), clock=clock)
    live.stage("Working")
    live.on_output(b"".join(b"line %d\n" % i for i in range(20)))
    live.on_output("\x1b]0;owned\x07\x1b[2J[red]last\u202e\x9b5A".encode())
    shown = drawn(live)
    assert "line 14" not in shown and "line 15" in shown
    assert "[red]last\\u202e\\x9b5A" in shown
    assert "\x1b" not in shown and "owned" not in shown


def test_the_next_stage_takes_the_budget_and_the_output_away(clock: Clock, paper: io.StringIO) -> None:
    live = Live(BUDGET, console=terminal(paper), clock=clock)
    live.stage("Working")
    live.on_sample(sample(10))
    live.on_output(b"step 1\n")
    live.stage("Auditing what was handed in")
    shown = drawn(live)
    assert "Auditing" in shown
    assert "left of" not in shown and "step 1" not in shown


def test_a_finished_stage_stays_with_the_time_it_took(clock: Clock, paper: io.StringIO) -> None:
    with Live(BUDGET, console=terminal(paper), clock=clock) as live:
        live.stage("Working")
        clock.now += 75
        live.stage("Auditing")
        clock.now += 5
    assert "Working\x1b[2m  1:15" in paper.getvalue()
    assert paper.getvalue().count("✓") == 2


def test_a_stage_that_failed_is_not_ticked(clock: Clock, paper: io.StringIO) -> None:
    with pytest.raises(KeyboardInterrupt), Live(BUDGET, console=terminal(paper), clock=clock) as live:
        live.stage("Working")
        raise KeyboardInterrupt
    assert "✗" in paper.getvalue() and "✓" not in paper.getvalue()


class PrintingWhileDrawing(Console):
    """A console that, before it prints, has another thread draw the block, as the one that redraws it may."""

    live: Live
    drawn: list[bool]

    def print(self, *args: Any, **kwargs: Any) -> None:
        thread = threading.Thread(target=self.live._draw, daemon=True)
        thread.start()
        thread.join(timeout=10)
        self.drawn.append(not thread.is_alive())
        super().print(*args, **kwargs)


def test_printing_a_stage_and_drawing_never_wait_for_each_other(paper: io.StringIO) -> None:
    console = PrintingWhileDrawing(file=paper, force_terminal=True, _environ={"TERM": "xterm"})
    console.drawn = []
    console.live = Live(BUDGET, console=console)
    console.live.stage("one")
    console.live.stage("two")
    assert console.drawn == [True]


def test_what_an_agent_spends_is_shown_beside_the_time(paper: io.StringIO, clock: Clock) -> None:
    budget = BUDGET.model_copy(update={"tokens": 2_000_000, "dollars": 20.0})
    with Live(budget, console=Console(file=paper, width=200), clock=clock) as live:
        live.stage("Working")
        live.on_sample(sample(1))
        assert "tokens" not in drawn(live)
        live.on_spending(Spending(calls=3, tokens=1_234_567, dollars=4.5))
        shown = drawn(live)
        assert "1,234,567 of 2,000,000" in shown and "$4.50 of $20.00" in shown
        clock.now += PLAIN_SECONDS
        live.on_sample(sample(31))
        assert "tokens 1,234,567 of 2,000,000, money $4.50 of $20.00" in paper.getvalue()
        live.stage("Measuring")
        live.on_sample(sample(1))
        assert "1,234,567" not in drawn(live)


def test_without_a_price_only_tokens_are_shown(plain: Live) -> None:
    plain.stage("Working")
    plain.on_sample(sample(1))
    plain.on_spending(Spending(calls=1, tokens=1100, dollars=None))
    assert "1,100" in drawn(plain) and "$" not in drawn(plain)
