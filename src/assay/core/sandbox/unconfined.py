"""The sandbox called "none": runs a command with all the rights of whoever started it. For trusted workers only.

It keeps the wall clock and the cap on output, and kills the process group at the end. A process that leaves its group
escapes it; memory, disk, network and files are not limited at all.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from assay.core.budget import Spent
from assay.core.errors import BadInput
from assay.core.sandbox.bubblewrap import check_command
from assay.core.sandbox.capture import Capture
from assay.core.sandbox.disk import measure
from assay.core.sandbox.spec import Finished, Sample, Spec
from assay.core.sandbox.watch import GLANCE_SECONDS, SAMPLE_SECONDS

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class Unconfined:
    """No sandbox at all. The workspace is the current directory, and ASSAY_WORKSPACE names it."""

    name = "none"

    def run(
        self,
        command: Sequence[str],
        spec: Spec,
        *,
        transcript: Path,
        on_sample: Callable[[Sample], None] | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Finished:
        check_command(command)
        if not spec.workspace.is_dir():
            raise BadInput(f"The workspace {spec.workspace} is not a folder: create it first.")
        workspace = str(spec.workspace.absolute())
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        # `python` is the Python that Assay runs on, as it is inside the sandbox.
        kept["PATH"] = f"{sys.prefix}/bin:{kept.get('PATH', os.defpath)}"
        environment = {**kept, **spec.environment, "ASSAY_WORKSPACE": workspace}
        with ExitStack() as stack:
            output, output_end = os.pipe()
            stack.callback(os.close, output)
            capture = Capture(output, transcript, spec.budget.output_bytes, on_output)
            stack.callback(capture.close)
            started = time.monotonic()
            try:
                process = subprocess.Popen(
                    [*command],
                    cwd=workspace,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output_end,
                    stderr=output_end,
                    start_new_session=True,
                )
            except OSError as error:
                os.write(output_end, f"{command[0]}: cannot be started ({error.strerror}).\n".encode())
                os.close(output_end)
                capture.take()
                code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
                return _finished(code, time.monotonic() - started, None, [], capture, spec)
            os.close(output_end)
            stack.callback(_kill_group, process)
            samples: list[Sample] = []

            def sample() -> None:
                samples.append(Sample(round(time.monotonic() - started, 3), 0.0, 0, 0, 0))
                if on_sample is not None:
                    on_sample(samples[-1])

            exceeded = _watch(process, capture, started + spec.budget.wall_seconds, sample)
            _kill_group(process)
            wall_seconds = time.monotonic() - started
            while not capture.ended and capture.take():
                pass
            return _finished(process.returncode, wall_seconds, exceeded, samples, capture, spec)


def _finished(
    code: int, wall_seconds: float, exceeded: str | None, samples: list[Sample], capture: Capture, spec: Spec
) -> Finished:
    spent = Spent(
        wall_seconds=round(wall_seconds, 3), disk_bytes=measure(spec.workspace.resolve()).disk_bytes, exceeded=exceeded
    )
    return Finished(code, spent, tuple(samples), capture.truncated, (), "wall clock only")


def _watch(
    process: "subprocess.Popen[bytes]", capture: Capture, deadline: float, sample: Callable[[], None]
) -> str | None:
    poll = select.poll()
    poll.register(capture.pipe, select.POLLIN)
    next_sample = 0.0
    while process.poll() is None:
        now = time.monotonic()
        if now >= deadline:
            return "wall clock"
        if now >= next_sample:
            next_sample = now + SAMPLE_SECONDS
            sample()
        if poll.poll(min(GLANCE_SECONDS, deadline - now) * 1000):
            capture.take()
            if capture.ended:  # it closed its output and goes on
                poll.unregister(capture.pipe)
                capture.ended = True
    return None


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
