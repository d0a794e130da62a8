"""What the sandbox costs: start-up, a training loop inside against outside, and how far limits are overshot.

    python benchmarks/sandbox.py [--pairs 12] [--seconds 4] [--starts 40]

The loop does a fixed number of optimiser steps of a small network in torch. Runs inside and outside alternate, in
random order within each pair, each in a fresh process that times its own steps; the ratio of a pair cancels what the
machine does slowly. The interval is a bootstrap over pairs of the median ratio. On a machine that does other work, wall
clock says little: the ratio of processor time, and the supervisor's own, then say more.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assay.core.budget import Budget
from assay.core.sandbox import Sandbox, Spec, open_sandbox, python_mounts, remove_tree
from assay.core.sandbox.confine import confine
from assay.core.sandbox.layout import default_environment

LOOP = """
import sys, time, torch
torch.manual_seed(0)
torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Linear(256, 1024), torch.nn.GELU(), torch.nn.Linear(1024, 256))
optimiser = torch.optim.AdamW(model.parameters())
x, y = torch.randn(64, 256), torch.randn(64, 256)  # (batch, features)
def step():
    optimiser.zero_grad()
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimiser.step()
for _ in range(20): step()
steps = int(sys.argv[1])
if not steps:
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < float(sys.argv[2]): step(); steps += 1
    print(steps)
else:
    begin, used = time.perf_counter(), time.process_time()
    for _ in range(steps): step()
    print(time.perf_counter() - begin, time.process_time() - used)
"""

FILL = """
import os
piece, kept, number = b"x" * (4 << 20), [], 0
while True:
    number += 1
    with open(f"f{number % 8}", "ab") as file: file.write(piece)
"""


def outside(workspace: Path, *arguments: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", LOOP, *arguments], cwd=workspace, capture_output=True, text=True, check=True
    )
    return [float(word) for word in done.stdout.split()]


def inside(sandbox: Sandbox, workspace: Path, *arguments: str) -> list[float]:
    transcript = workspace.parent / "transcript"
    spec = Spec(workspace, Budget(wall_seconds=600), python_mounts())
    finished = sandbox.run(["python", "-c", LOOP, *arguments], spec, transcript=transcript)
    if finished.exit_code != 0:
        raise SystemExit(transcript.read_text())
    return [float(word) for word in transcript.read_text().split()]


def interval(values: list[float], draws: int = 10_000) -> tuple[float, float]:
    """The 95 % bootstrap interval of the median."""
    generator = random.Random(0)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws)]


def overhead(sandbox: Sandbox, workspace: Path, pairs: int, seconds: float) -> tuple[list[float], list[float]]:
    """Ratios inside to outside, of wall clock and of processor time."""
    steps = str(int(outside(workspace, "0", str(seconds))[0]))
    generator = random.Random(0)
    wall, processor = [], []
    for _ in range(pairs):
        order = ["inside", "outside"]
        generator.shuffle(order)
        took = {
            where: inside(sandbox, workspace, steps) if where == "inside" else outside(workspace, steps)
            for where in order
        }
        wall.append(took["inside"][0] / took["outside"][0])
        processor.append(took["inside"][1] / took["outside"][1])
    return wall, processor


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
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one training loop")
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
        ratios, processor = overhead(sandbox, workspace, arguments.pairs, arguments.seconds)
    low, high = interval(ratios)
    processor_low, processor_high = interval(processor)
    result = {
        "start_ms_median": round(1000 * statistics.median(starts), 1),
        "start_ms_p90": round(1000 * statistics.quantiles(starts, n=10)[-1], 1),
        "start_n": len(starts),
        "run_of_true_ms_median": round(1000 * statistics.median(runs), 1),
        "overhead_percent": round(100 * (statistics.median(ratios) - 1), 2),
        "overhead_percent_low": round(100 * (low - 1), 2),
        "overhead_percent_high": round(100 * (high - 1), 2),
        "overhead_n": len(ratios),
        "processor_overhead_percent": round(100 * (statistics.median(processor) - 1), 2),
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
            f"n = {result['overhead_n']} pairs",
        ),
        (
            "the same, processor time",
            f"{result['processor_overhead_percent']:+} % {processor_span}",
            f"n = {result['overhead_n']} pairs",
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
