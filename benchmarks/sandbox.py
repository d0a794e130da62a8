"""What the sandbox costs: start-up, a training loop inside against outside, and how far limits are overshot.

    python benchmarks/sandbox.py [--processes 10] [--blocks 20] [--seconds 0.3] [--starts 40]

The loop does a fixed number of optimiser steps of a small network in torch. A process inside and one outside live side
by side and take turns, block by block in random order, while the other waits; the ratio of two neighbouring blocks
cancels what the machine does slowly. All of it, with the sandbox's supervisor, is bound to one processor, and the
network fits into a processor's own cache: with a larger one, where a process happens to lie in memory decides (single
pairs of processes went from 0.80 to 1.22).
The interval is a bootstrap of the median ratio, over pairs of processes and then
over their blocks. On a machine that does other work wall clock says little: the ratio of processor time, and the
supervisor's own, then say more.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

from assay.core.budget import Budget
from assay.core.sandbox import Sandbox, Spec, open_sandbox, python_mounts, remove_tree
from assay.core.sandbox.confine import confine
from assay.core.sandbox.layout import default_environment

# Takes its orders from files, since a sandboxed command has no standard input: `go-1` says how many steps block 1 has,
# `took-1` answers with wall clock and processor time; block 0 finds out how many steps fit into the time that is asked.
LOOP = """
import os, sys, time, torch
torch.manual_seed(0)
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.GELU(), torch.nn.Linear(256, 64))
optimiser = torch.optim.AdamW(model.parameters())
x, y = torch.randn(256, 64), torch.randn(256, 64)  # (batch, features)
def step():
    optimiser.zero_grad()
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimiser.step()
def answer(block, text):
    with open("took.new", "w") as file: file.write(text)
    os.rename("took.new", f"took-{block}")
for _ in range(20): step()
begin, steps = time.perf_counter(), 0
while time.perf_counter() - begin < float(sys.argv[1]): step(); steps += 1
answer(0, f"{steps} 0")
block = 1
while True:
    while not os.path.exists(f"go-{block}"): time.sleep(0.002)
    steps = int(open(f"go-{block}").read())
    if not steps: break
    step()  # what the other process pushed out of the caches comes back first
    begin, used = time.perf_counter(), time.process_time()
    for _ in range(steps): step()
    answer(block, f"{time.perf_counter() - begin} {time.process_time() - used}")
    block += 1
"""

FILL = """
import os
piece, kept, number = b"x" * (4 << 20), [], 0
while True:
    number += 1
    with open(f"f{number % 8}", "ab") as file: file.write(piece)
"""


class Loop:
    """The training loop in one place, as somebody who asks it for blocks sees it."""

    def __init__(self, folder: Path, seconds: float, sandbox: Sandbox | None) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["python", "-c", LOOP, str(seconds)]
        if sandbox is None:
            work = partial(subprocess.run, [sys.executable, *command[1:]], cwd=folder, check=True)
        else:
            spec = Spec(folder, Budget(wall_seconds=600), python_mounts())
            work = partial(sandbox.run, command, spec, transcript=folder.with_suffix(".out"))
        self._thread = threading.Thread(target=work)
        self._thread.start()
        self._block = 0

    def answer(self) -> tuple[float, float]:
        """What the current block took: wall clock and processor time, in seconds."""
        path = self.folder / f"took-{self._block}"
        while not path.exists():
            if not self._thread.is_alive():
                raise SystemExit(f"The loop in {self.folder} ended early.")
            time.sleep(0.002)
        wall, processor = path.read_text().split()
        return float(wall), float(processor)

    def block(self, steps: int) -> tuple[float, float]:
        self._order(steps)
        return self.answer()

    def end(self) -> None:
        self._order(0)
        self._thread.join()

    def _order(self, steps: int) -> None:
        self._block += 1
        new = self.folder.with_suffix(".new")
        new.write_text(str(steps))
        new.rename(self.folder / f"go-{self._block}")


def overhead(
    sandbox: Sandbox, folder: Path, processes: int, blocks: int, seconds: float
) -> tuple[list[list[float]], list[list[float]]]:
    """Ratios inside to outside, of wall clock and of processor time: a list of blocks per pair of processes."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # inherited by both processes and the supervisor
    generator = random.Random(0)
    wall: list[list[float]] = []
    processor: list[list[float]] = []
    for number in range(processes):
        loops = {"inside": Loop(folder / f"inside{number}", seconds, sandbox)}
        loops["inside"].answer()
        loops["outside"] = Loop(folder / f"outside{number}", seconds, None)
        steps = int(loops["outside"].answer()[0])
        pairs = []
        for _ in range(blocks):
            order = ["inside", "outside"]
            generator.shuffle(order)
            pairs.append({where: loops[where].block(steps) for where in order})
        for loop in loops.values():
            loop.end()
        wall.append([pair["inside"][0] / pair["outside"][0] for pair in pairs])
        processor.append([pair["inside"][1] / pair["outside"][1] for pair in pairs])
    return wall, processor


def middle(ratios: list[list[float]]) -> float:
    """The mean over processes of the median over blocks: a process keeps its luck with memory for all its blocks."""
    return statistics.fmean(statistics.median(blocks) for blocks in ratios)


def interval(ratios: list[list[float]], draws: int = 4_000) -> tuple[float, float]:
    """The 95 % bootstrap interval of `middle`: processes first, then blocks within them."""
    generator = random.Random(0)
    found = sorted(
        middle([generator.choices(p, k=len(p)) for p in generator.choices(ratios, k=len(ratios))]) for _ in range(draws)
    )
    return found[int(0.025 * draws)], found[int(0.975 * draws)]


def supervision(sandbox: Sandbox, workspace: Path, seconds: int = 10) -> float:
    """Processor time of the supervisor while a command sleeps, as a part of one processor."""
    spec = Spec(workspace, Budget(wall_seconds=60), python_mounts())
    begin = time.process_time()
    finished = sandbox.run(["sleep", str(seconds)], spec, transcript=workspace.parent / "transcript")
    return (time.process_time() - begin) / finished.spent.wall_seconds


def start_ups(workspace: Path, count: int) -> list[float]:
    """Seconds from nothing to a sandbox that can take a command."""
    spec = Spec(workspace, Budget(wall_seconds=60), python_mounts())
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        with confine(spec, default_environment(spec)):
            took.append(time.perf_counter() - begin)
    return took


def whole_runs(sandbox: Sandbox, workspace: Path, count: int) -> list[float]:
    """Seconds of a whole run of `true`: start, command, end, measurements."""
    spec = Spec(workspace, Budget(wall_seconds=60), python_mounts())
    took = []
    for _ in range(count):
        begin = time.perf_counter()
        sandbox.run(["true"], spec, transcript=workspace.parent / "transcript")
        took.append(time.perf_counter() - begin)
    return took


def disk_overshoots(sandbox: Sandbox, folder: Path, count: int) -> list[int]:
    """Bytes written beyond the limit by a program that appends as fast as it can."""
    over = []
    for number in range(count):
        workspace = folder / f"fill{number}"
        workspace.mkdir()
        spec = Spec(workspace, Budget(wall_seconds=60, disk_bytes=256 << 20), python_mounts())
        finished = sandbox.run(["python", "-c", FILL], spec, transcript=folder / "transcript")
        over.append((finished.spent.disk_bytes or 0) - (256 << 20))
        remove_tree(workspace)
    return over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=10, help="pairs of processes")
    parser.add_argument("--blocks", type=int, default=20, help="pairs of blocks of each pair of processes")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one block")
    parser.add_argument("--starts", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sandbox = open_sandbox()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = folder / "workspace"
        workspace.mkdir()
        starts = start_ups(workspace, arguments.starts)
        runs = whole_runs(sandbox, workspace, arguments.starts)
        over = disk_overshoots(sandbox, folder, 5)
        supervisor = supervision(sandbox, workspace)
        ratios, processor = overhead(sandbox, folder, arguments.processes, arguments.blocks, arguments.seconds)
    low, high = interval(ratios)
    processor_low, processor_high = interval(processor)
    result = {
        "start_ms_median": round(1000 * statistics.median(starts), 1),
        "start_ms_p90": round(1000 * statistics.quantiles(starts, n=10)[-1], 1),
        "start_n": len(starts),
        "run_of_true_ms_median": round(1000 * statistics.median(runs), 1),
        "overhead_percent": round(100 * (middle(ratios) - 1), 2),
        "overhead_percent_low": round(100 * (low - 1), 2),
        "overhead_percent_high": round(100 * (high - 1), 2),
        "overhead_n": len(ratios),
        "overhead_blocks": arguments.blocks,
        "processor_overhead_percent": round(100 * (middle(processor) - 1), 2),
        "processor_overhead_percent_low": round(100 * (processor_low - 1), 2),
        "processor_overhead_percent_high": round(100 * (processor_high - 1), 2),
        "supervisor_percent_of_a_processor": round(100 * supervisor, 2),
        "disk_overshoot_mib_median": round(statistics.median(over) / (1 << 20), 1),
        "disk_overshoot_mib_max": round(max(over) / (1 << 20), 1),
        "disk_overshoot_n": len(over),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    span = f"({result['overhead_percent_low']:+} to {result['overhead_percent_high']:+})"
    processor_span = f"({result['processor_overhead_percent_low']:+} to {result['processor_overhead_percent_high']:+})"
    rows = [
        ("start of a sandbox, median", f"{result['start_ms_median']} ms", f"n = {result['start_n']}"),
        ("start of a sandbox, 90th percentile", f"{result['start_ms_p90']} ms", f"n = {result['start_n']}"),
        ("whole run of `true`, median", f"{result['run_of_true_ms_median']} ms", f"n = {result['start_n']}"),
        (
            "training loop inside against outside",
            f"{result['overhead_percent']:+} % {span}",
            f"n = {result['overhead_n']} x {result['overhead_blocks']}",
        ),
        (
            "the same, processor time",
            f"{result['processor_overhead_percent']:+} % {processor_span}",
            f"n = {result['overhead_n']} x {result['overhead_blocks']}",
        ),
        ("supervisor", f"{result['supervisor_percent_of_a_processor']} % of a processor", "n = 1"),
        ("written beyond the disk limit, median", f"{result['disk_overshoot_mib_median']} MiB", "n = 5"),
        ("written beyond the disk limit, most", f"{result['disk_overshoot_mib_max']} MiB", "n = 5"),
    ]
    for what, value, note in rows:
        print(f"{what:<40} {value:<28} {note}")
    print(f"{result['processors']} processors, load {result['load']:.1f}")


if __name__ == "__main__":
    main()
