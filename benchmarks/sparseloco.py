"""How fast a peer compresses and aggregates a model of a billion parameters, beside what its memory could do.

    python benchmarks/sparseloco.py [--device cuda] [--parameters 1.0e9] [--peers 20]

Compressing reads the pseudo-gradient and the error feedback, and writes the error; aggregating writes the update and
reads every peer's values. GB/s count those float32 bytes once each, and stand beside a copy of the same size on the
same device: a share of 100 % would be as fast as memory allows. Without a GPU the default is 64 million parameters.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from assay.pretrain import wire
from assay.pretrain.aggregate import combine, weigh
from assay.pretrain.sparseloco import take

REPEATS = 5


def shapes(parameters: float) -> Iterator[tuple[str, tuple[int, int]]]:
    """Matrices of a Llama of 1 B parameters (hidden 2048, feed-forward 8192), as many as are asked for."""
    layer = [(2048, 2048), (512, 2048), (512, 2048), (2048, 2048), (8192, 2048), (8192, 2048), (2048, 8192)]
    count, number = 0, 0
    while count < parameters:
        shape = layer[number % len(layer)]
        yield f"matrix {number}", shape
        count, number = count + shape[0] * shape[1], number + 1


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """The median of several runs, after one that is not counted. On a CPU, of processor time: others may be busy."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = []
    for _ in range(REPEATS + 1):
        begun = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - begun)
    return statistics.median(times[1:])


def bandwidth(device: torch.device) -> float:
    """Bytes per second that a copy reads and writes."""
    source = torch.ones((256 if device.type == "cuda" else 32) << 20, device=device)
    target = torch.empty_like(source)
    return 2 * 4 * source.numel() / seconds(lambda: target.copy_(source), device)


def compress_all(gradients: dict[str, Tensor], errors: dict[str, Tensor]) -> int:
    """What `SparseLoCo.pseudo_gradient` does after the subtraction, tensor by tensor; values kept."""
    kept = 0
    for name, gradient in gradients.items():
        wanted = errors[name].mul_(0.95).add_(gradient)
        sparse = wire.compress({name: wanted}, 64, 2)[name]
        take(wanted, sparse)
        kept += sparse.values().numel()
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--parameters", type=float)
    parser.add_argument("--peers", type=int, default=20)
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(1)
    wanted = options.parameters or (1e9 if device.type == "cuda" else 64e6)
    gradients = {name: 1e-3 * torch.randn(shape, device=device) for name, shape in shapes(wanted)}
    errors = {name: torch.zeros_like(gradient) for name, gradient in gradients.items()}
    parameters = sum(gradient.numel() for gradient in gradients.values())
    memory = bandwidth(device)
    where = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, one thread"
    print(f"{where}: {parameters / 1e6:,.0f} M parameters, {options.peers} peers, median of {REPEATS}")
    print(f"copy: {memory / 1e9:.1f} GB/s read and written\n")
    print(f"{'step':12} {'seconds':>9} {'Mparam/s':>10} {'GB/s':>8} {'of the copy':>12}")

    taken = seconds(lambda: compress_all(gradients, errors), device)
    report("compress", taken, parameters, 3 * 4 * parameters, memory)

    contributions = [wire.compress(gradients, 64, 2)]
    sent = sum(part.values().numel() for part in contributions[0].values())
    for number in range(1, options.peers):  # other peers: other values, other places
        noise = {name: gradient.roll(17 * number, dims=1) for name, gradient in gradients.items()}
        contributions.append(wire.compress(noise, 64, 2))
    weights = weigh(contributions)

    def aggregate_all() -> None:
        for name in gradients:
            combine([one[name] for one in contributions], weights.of(name), device=device)

    taken = seconds(aggregate_all, device)
    report("aggregate", taken, parameters, 4 * parameters + 4 * sent * options.peers, memory)
    taken = seconds(lambda: weigh(contributions, "agreement"), device)
    report("agreement", taken, parameters, 4 * sent * options.peers, memory)


def report(step: str, taken: float, parameters: int, moved: int, memory: float) -> None:
    rate = moved / taken
    print(f"{step:12} {taken:9.3f} {parameters / taken / 1e6:10.0f} {rate / 1e9:8.2f} {rate / memory:12.1%}")


if __name__ == "__main__":
    main()
