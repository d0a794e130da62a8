"""Feed the parser what nobody should send: `python -m assay.pretrain.wire.fuzz --payloads 10000000 --seed 1 --json`.

Mutated, cut, spliced, random and header-aware payloads, half of them with a checksum that fits. Each must be refused
with a `WireError`, or accepted and written again to the same bytes, within ten seconds. `--state FILE` makes it
resumable and keeps a payload that kills the process. One process per core, each with a seed and a file of its own.
"""

import argparse
import contextlib
import json
import os
import resource
import signal
import struct
import sys
import time
import traceback
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from assay.core.errors import BadInput
from assay.pretrain.wire import Limits, WireError, decode, encode, pack

DEADLINE = 10  # seconds, after which the process is killed: a payload of this size takes about a millisecond
BATCH = 1_000  # payloads between two looks at the clock, and at the state file
SHAPES: dict[str, tuple[int, ...]] = {
    "model.embed.weight": (96, 64),
    "model.layers.0.mlp.weight": (64, 130),
    "model.layers.0.norm.weight": (70,),
    "model.layers.1.mlp.weight": (64, 130),
    "model.layers.1.norm.weight": (70,),
    "scale": (),
}
_FIELDS = ((4, 1), (5, 1), (6, 2), (8, 8), (16, 4), (20, 4))  # of the header: offset, bytes
_EXTREMES = (
    0,
    1,
    2,
    3,
    127,
    128,
    255,
    1 << 12,
    1 << 15,
    (1 << 16) - 1,
    1 << 16,
    1 << 31,
    (1 << 32) - 1,
    (1 << 60),
    (1 << 64) - 1,
)


@dataclass
class Tally:
    """What has come of the payloads so far."""

    seed: int
    done: int = 0
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)  # kind, payload as hex, what happened
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    largest_legal_bytes: int = 0
    extra_memory_bytes: int = 0  # peak beyond that after the largest legal payload was decoded


def seeds() -> tuple[list[bytes], list[Limits]]:
    """Legal payloads to start from, and limits to read with: those of a model, and open ones."""
    rng = np.random.default_rng(0)
    payloads = []
    for k, bits, density in ((64, 2, 1.0), (64, 1, 1.0), (64, 2, 0.01), (512, 2, 0.05), (4096, 1, 1.0)):
        made = {
            name: torch.tensor(rng.standard_normal(shape) * (rng.random(shape) < density), dtype=torch.float32)
            for name, shape in SHAPES.items()
        }
        payloads.append(encode(made, k, bits))
    payloads += [
        encode({}),
        encode({"w": torch.ones(1)}),
        encode({"w": torch.linspace(-1, 1, 105).view(3, 5, 7)}, 4096),
    ]
    strict = Limits.of(SHAPES, k=64, bits=2)
    return payloads, [strict, Limits(max_bytes=1 << 20, max_elements=1 << 20, max_tensors=64)]


def mutate(rng: np.random.Generator, payloads: list[bytes]) -> bytes:
    """A payload that is broken in one to a few ways."""
    data = bytearray(payloads[int(rng.integers(len(payloads)))])
    kind = int(rng.integers(8))
    if kind == 0:  # bits flipped
        for at in rng.integers(0, len(data), int(rng.integers(1, 6))):
            data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:  # cut
        del data[int(rng.integers(len(data))) :]
    elif kind == 2:  # spliced with another
        other = payloads[int(rng.integers(len(payloads)))]
        data[int(rng.integers(len(data))) :] = other[int(rng.integers(len(other))) :]
    elif kind == 3:  # noise, with or without a true header
        data[int(rng.integers(2)) * 24 :] = rng.bytes(int(rng.integers(400)))
    elif kind == 4:  # a field of the header at an extreme
        offset, size = _FIELDS[int(rng.integers(len(_FIELDS)))]
        data[offset : offset + size] = (_extreme(rng) % (1 << 8 * size)).to_bytes(size, "little")
    elif kind == 5:  # the table
        end = 24 + struct.unpack_from("<I", data, 20)[0]
        for at in rng.integers(24, max(end, 25), int(rng.integers(1, 4))):
            data[at] = int(rng.choice([0, 1, 2, 11, 12, 127, 128, 255, int(rng.integers(256))]))
    elif kind == 6:  # a number of the first section's head
        at = 24 + struct.unpack_from("<I", data, 20)[0] + 4 * int(rng.integers(6))
        data[at : at + 4] = (_extreme(rng) % (1 << 32)).to_bytes(4, "little")
    else:  # bytes taken out, put in or repeated
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 40))
        data[at : at + int(rng.integers(2)) * size] = data[at : at + size] * int(rng.integers(3))
    if rng.random() < 0.6 and len(data) >= 28:  # as a clever attacker has it: length and checksum fit
        if rng.random() < 0.9:
            data[8:16] = len(data).to_bytes(8, "little")
        data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")
    return bytes(data)


def _extreme(rng: np.random.Generator) -> int:
    return _EXTREMES[int(rng.integers(len(_EXTREMES)))] + int(rng.integers(-1, 2)) & (1 << 64) - 1


def examine(data: bytes, limits: Limits) -> str:
    """The rule that refuses the payload, or "" if it is legal. Anything else is raised."""
    try:
        sparse = decode(data, limits)
    except WireError as error:
        return error.rule
    if pack(sparse) != data:
        raise AssertionError("accepted, but written again it has other bytes")
    return ""


def run(tally: Tally, payloads: int, state: Path | None = None, deadline: int = 0) -> Tally:
    """Go on to `payloads` in all, batch by batch; each batch is a function of the seed and its number.

    With a `deadline` (seconds) a payload that takes longer kills the process, even within a compiled loop.
    """
    legal, limits = seeds()
    for data in legal:
        examine(data, limits[1])
    tally.largest_legal_bytes = max(map(len, legal))
    base = _peak()
    if deadline:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    while tally.done < payloads:
        rng = np.random.default_rng([tally.seed, tally.done // BATCH])
        batch = [mutate(rng, legal) for _ in range(min(BATCH, payloads - tally.done))]
        _batch(tally, batch, limits, state, deadline)
        tally.extra_memory_bytes = max(tally.extra_memory_bytes, _peak() - base)
        _save(tally, state)
    return tally


def _batch(tally: Tally, batch: list[bytes], limits: list[Limits], state: Path | None, deadline: int = 0) -> None:
    rules: Counter[str] = Counter()
    begun = time.perf_counter()
    deadly = {failure["payload"] for failure in tally.failures if failure["kind"] == "died"}
    file = os.open(state.with_suffix(".payload"), os.O_RDWR | os.O_CREAT, 0o600) if state is not None else None
    for number, data in enumerate(batch):
        if deadly and data.hex() in deadly:
            continue
        if file is not None:
            _remember(file, data)
        if deadline:
            signal.alarm(deadline)
        start = time.perf_counter()
        try:
            rules[examine(data, limits[number % len(limits)])] += 1
        except Exception as error:
            what = "".join(traceback.format_exception(error, limit=-3))
            tally.failures.append({"kind": type(error).__name__, "payload": data.hex(), "what": what})
        tally.slowest_seconds = max(tally.slowest_seconds, time.perf_counter() - start)
    if deadline:
        signal.alarm(0)
    if file is not None:
        os.close(file)
    tally.accepted += rules.pop("", 0)
    for rule, count in rules.items():
        tally.refused[rule] = tally.refused.get(rule, 0) + count
    tally.done += len(batch)
    tally.seconds += time.perf_counter() - begun


def _remember(file: int, data: bytes) -> None:
    """The payload at hand, with its length before it, in a file of its own: it is there if the process dies of it."""
    os.pwrite(file, len(data).to_bytes(8, "little") + data, 0)


def _remembered(path: Path) -> bytes | None:
    raw = path.read_bytes() if path.exists() else b""
    return raw[8 : 8 + int.from_bytes(raw[:8], "little")] if raw else None


def _kills(data: bytes, limits: list[Limits]) -> bool:
    """Whether a process dies of this payload, or does not come back from it."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(DEADLINE)
        for one in limits:
            with contextlib.suppress(Exception):
                examine(data, one)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def _peak() -> int:
    """The largest memory that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _save(tally: Tally, state: Path | None) -> None:
    if state is not None:
        fresh = state.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(tally), indent=1))
        fresh.replace(state)


def _load(seed: int, state: Path | None) -> Tally:
    if state is None:
        return Tally(seed)
    if not state.exists():
        _save(Tally(seed), state)  # a file to come back to, if the first payload kills
    tally = Tally(**json.loads(state.read_text()))
    if tally.seed != seed:
        raise BadInput(f"{state} is of seed {tally.seed}: give --seed {tally.seed}, or another file.")
    data = _remembered(state.with_suffix(".payload"))
    if data is not None and _kills(data, seeds()[1]):
        tally.failures.append({"kind": "died", "payload": data.hex(), "what": "The process died, or never came back."})
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m assay.pretrain.wire.fuzz", description=__doc__)
    parser.add_argument("--payloads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="a JSON file to resume from")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        tally = run(_load(asked.seed, asked.state), asked.payloads, asked.state, DEADLINE)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    report = asdict(tally)
    if asked.json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        rate = tally.done / max(tally.seconds, 1e-9)
        refused = ", ".join(f"{rule} {count}" for rule, count in sorted(tally.refused.items(), key=lambda one: -one[1]))
        sys.stdout.write(
            f"{tally.done} payloads, {rate:.0f} per second: {tally.accepted} legal, {len(tally.failures)} failures.\n"
            f"Refused: {refused}.\nSlowest {tally.slowest_seconds:.3f} s; memory beyond the largest legal payload's: "
            f"{tally.extra_memory_bytes} bytes.\n"
        )
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
