"""How fast the wire format is, and how small, beside a plain top-k in torch and, if it is given, the original's code.

    python benchmarks/wire.py [--size 4096] [--runs 7] [--theirs compress.py] [--pseudo-gradient FILE ...] [--json]

One thread, one run for all rows, median of several; processor time, so that a busy machine distorts it less. The
yardstick is what one would write first: `torch.topk` on 64 by 64 blocks, 12-bit indices, two bits a value, and a
scatter-add to aggregate.
"""

import argparse
import importlib.util
import json
import os
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from assay.pretrain import wire

PEERS = 20
K = 64


def seconds(act: Callable[[], object], runs: int) -> float:
    """Median processor seconds of this process."""
    act()
    taken = []
    for _ in range(runs):
        start = time.process_time()
        act()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


# The yardstick -------------------------------------------------------------------------------------------------------


def blocks(dense: torch.Tensor) -> torch.Tensor:
    rows, columns = dense.shape
    return dense.view(rows // 64, 64, columns // 64, 64).permute(0, 2, 1, 3).reshape(-1, 4096)


def unblocked(chunks: torch.Tensor, size: int) -> torch.Tensor:
    return chunks.view(size // 64, size // 64, 64, 64).permute(0, 2, 1, 3).reshape(size, size)


def plain_compress(dense: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Indices packed to 12 bits, values to 2, and the scale of each chunk."""
    chunks = blocks(dense)
    where = chunks.abs().topk(K, sorted=False).indices
    values = chunks.gather(1, where)
    scale = values.abs().mean(1, keepdim=True)
    codes = ((values < 0).to(torch.uint8) | (values.abs() > scale).to(torch.uint8) << 1).view(-1, 4)
    packed_codes = codes[:, 0] | codes[:, 1] << 2 | codes[:, 2] << 4 | codes[:, 3] << 6
    pair = where.to(torch.int32).view(-1, 2)
    both = pair[:, 0] | pair[:, 1] << 12
    packed = torch.stack([both & 255, both >> 8 & 255, both >> 16], dim=1).to(torch.uint8)
    return packed, packed_codes, scale


def plain_aggregate(sent: list[tuple[torch.Tensor, torch.Tensor]], size: int) -> torch.Tensor:
    """The mean of what all have sent, dense."""
    total = torch.zeros(size * size // 4096, 4096)
    for where, values in sent:
        total.scatter_add_(1, where, values)
    return unblocked(total.div_(len(sent)), size)


# The original --------------------------------------------------------------------------------------------------------


def load_theirs(path: Path, size: int) -> dict[str, Callable[[], object]]:
    """The published `compress.py`, with a stand-in for the one module that it imports for its log."""
    stand_in = types.ModuleType("tplr")
    stand_in.logger = types.SimpleNamespace(**dict.fromkeys(("info", "debug", "warning", "error"), lambda *_: None))  # type: ignore[attr-defined]
    sys.modules.setdefault("tplr", stand_in)
    spec = importlib.util.spec_from_file_location("theirs", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = torch.nn.Linear(size, size, bias=False)
    transformer = module.ChunkingTransformer(model, target_chunk=64)
    compressor = module.TopKCompressor(use_quantization=True, quantization_bins=4, quantization_range=6)
    sent = []
    for dense in gaussian(PEERS, size):
        index, values, shape, total, parameters = compressor.compress(transformer.encode(dense, use_dct=False), K)
        sent.append((index, compressor.maybe_dequantize_values(values, parameters, torch.device("cpu")), shape, total))
    first = gaussian(1, size)[0]
    norms = torch.stack([values.norm() for _, values, _, _ in sent])

    def aggregate() -> Any:
        chunks = compressor.batch_decompress(
            model.weight, [one[0] for one in sent], [one[1] for one in sent], sent[0][2], sent[0][3],
            quantize_params=None, block_norms=norms, normalise=False, clip_norm=True,
        )  # fmt: skip
        return transformer.decode(chunks, use_dct=False)

    return {
        "compress": lambda: compressor.compress(transformer.encode(first, use_dct=False), K),
        "aggregate": aggregate,
    }


# Measuring -----------------------------------------------------------------------------------------------------------


def gaussian(number: int, size: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, size, generator=generator) for _ in range(number)]


def measure(size: int, runs: int, theirs: Path | None) -> dict[str, Any]:
    torch.set_num_threads(1)
    made = gaussian(PEERS, size)
    parameters, first = size * size, {"w": made[0]}
    sparse = [wire.compress({"w": one})["w"] for one in made]
    values = len(sparse[0])
    rates: dict[str, float] = {}
    for bits in (2, 1):
        kept = wire.compress(first, K, bits)
        payload, limits = wire.pack(kept), wire.Limits.of({"w": (size, size)}, k=K, bits=bits)
        rates[f"encode {bits} bits, values/s"] = values / seconds(lambda kept=kept: wire.pack(kept), runs)
        rates[f"decode {bits} bits, values/s"] = values / seconds(
            lambda payload=payload, limits=limits: wire.decode(payload, limits), runs
        )
    rates["compress to bytes, parameters/s"] = parameters / seconds(lambda: wire.encode(first), runs)
    out = torch.zeros(size, size)
    rates["aggregate 20 peers, parameters/s"] = parameters / seconds(
        lambda: wire.accumulate(out.zero_(), sparse, [1 / PEERS] * PEERS), runs
    )
    plain = [(chunks.abs().topk(K).indices, chunks) for chunks in map(blocks, made)]
    plain = [(where, chunks.gather(1, where)) for where, chunks in plain]
    yardstick = {
        "compress": parameters / seconds(lambda: plain_compress(made[0]), runs),
        "aggregate": parameters / seconds(lambda: plain_aggregate(plain, size), runs),
    }
    result: dict[str, Any] = {"size": size, "runs": runs, "threads": 1, "rates": rates, "plain torch": yardstick}
    if theirs is not None:
        result["theirs"] = {name: parameters / seconds(act, runs) for name, act in load_theirs(theirs, size).items()}
    return result


def sizes(file: Path | None, size: int) -> dict[str, Any]:
    """Bits per value and the error of the kept values, for a saved pseudo-gradient or for noise."""
    if file is None:
        tensors = {"model.layers.0.weight": gaussian(1, size)[0]}
    else:
        from safetensors.torch import load_file

        tensors = load_file(file)
    found: dict[str, Any] = {
        "of": file.name if file else "Gaussian noise",
        "tensors": len(tensors),
        "parameters": sum(one.numel() for one in tensors.values()),
    }
    for bits in (2, 1):
        sparse = wire.compress(tensors, K, bits)
        number = sum(len(one) for one in sparse.values())
        wrong = right = 0.0
        for name, one in sparse.items():
            true = tensors[name].reshape(-1)[one.indices()].double()
            wrong += float((true - one.values().double()).square().sum())
            right += float(true.square().sum())
        found[f"{bits} bits"] = {
            "values": number,
            "bits per value": 8 * len(wire.pack(sparse)) / number,
            "relative error": (wrong / right) ** 0.5,
        }
    found["original quantiser"] = {"relative error": _original_error(tensors)}
    return found


def _original_error(tensors: dict[str, torch.Tensor]) -> float:
    """Of the published two bits, on the same kept values: per tensor, bins 1.5 sigma wide around the mean."""
    wrong = right = 0.0
    for name, one in wire.compress(tensors, K).items():
        true = tensors[name].reshape(-1)[one.indices()].double()
        centred = true - true.mean() if len(true) else true
        sigma = float(centred.norm()) / max(1, len(true) - 1) ** 0.5
        bins = (
            torch.clamp(torch.round(centred / (1.5 * sigma) + 2), 0, 3).long()
            if sigma
            else torch.zeros(len(true)).long()
        )
        sums = torch.zeros(4, dtype=torch.float64).index_add_(0, bins, centred)
        means = sums / torch.bincount(bins, minlength=4).clamp(min=1)
        wrong += float((centred - means[bins]).square().sum())
        right += float(true.square().sum())
    return (wrong / right) ** 0.5


def table(result: dict[str, Any]) -> str:
    rates = result["rates"]
    lines = [f"{result['size']} x {result['size']}, one thread, median of {result['runs']}", ""]
    lines += [f"{name:36} {rate / 1e6:8.1f} M" for name, rate in rates.items()]
    for title in ("plain torch", "theirs"):
        for name, rate in result.get(title, {}).items():
            ours = rates[
                "compress to bytes, parameters/s" if name == "compress" else "aggregate 20 peers, parameters/s"
            ]
            lines.append(
                f"{title + ': ' + name + ', parameters/s':36} {rate / 1e6:8.1f} M   ours: {ours / rate:.2f} times"
            )
    for found in result["sizes"]:
        lines += ["", f"{found['of']}: {found['tensors']} tensors, {found['parameters']} parameters"]
        theirs = found["original quantiser"]["relative error"]
        for name in ("2 bits", "1 bits"):
            one = found[name]
            lines.append(
                f"{name}: {one['bits per value']:.3f} bits per value, all headers included (n = {one['values']}), "
                f"relative error {one['relative error']:.4f}, {one['relative error'] / theirs:.3f} of the original's"
            )
        lines.append(f"the original's quantiser on them: relative error {theirs:.4f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4096, help="rows and columns, a multiple of 64")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--theirs", type=Path, help="an outside compress.py to run beside it")
    parser.add_argument(
        "--pseudo-gradient",
        type=Path,
        nargs="+",
        default=[None],
        help="safetensors of real pseudo-gradients plus error feedback (`python -m assay.pretrain.lab gradients`)",
    )
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    result = measure(asked.size, asked.runs, asked.theirs)
    result["sizes"] = [sizes(file, asked.size) for file in asked.pseudo_gradient]
    print(json.dumps(result) if asked.json else table(result))


if __name__ == "__main__":
    main()
