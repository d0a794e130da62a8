"""How fast, how large and how seamless maps are.

usage: python benchmarks/mapping.py [--device cuda] [--only PART] [--json FILE]

memory     peak memory of maps of 5,000² and 20,000² pixels, each in a process of its own
pipeline   seconds of the whole pipeline over seconds of the bare forward passes that it needs, in turns
peers      the same model through other tilers: seconds, and how much is predicted twice
seams      the seam index with an attention backbone, with and without fading
windows    the largest difference between a map and the maps of random parts of it
gpu        km² per second at 0.6 m with a random-weight ViT-L/16 CHMv2 in bf16, beside the bare model and the card

Every part prints one table. What needs a package or a device that is not here says so in one line.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window

from assay.canopy.mapping import Asked, Card, Options, Predictor, Tiling, map_canopy
from assay.canopy.mapping.imagery import Imagery, describe
from assay.canopy.mapping.plan import Layout, lay_out
from assay.canopy.mapping.seams import worst_index
from assay.canopy.model import BackboneConfig, HeadConfig, ModelConfig, build, chmv2, lite0

GSD = 0.6
DATE = "2020-07-15"
_PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12}  # bf16, dense, flop/s, from the makers' data sheets


# Imagery and models --------------------------------------------------------------------------------------------------


def imagery(path: Path, side: int) -> Path:
    """A square mosaic of `side` pixels, written block by block: crowns, shadows and open ground by place."""
    profile = {
        "driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "crs": "EPSG:32617",
        "transform": Affine(GSD, 0, 500000, 0, -GSD, 4100000), "tiled": True, "blockxsize": 512, "blockysize": 512,
        "compress": "deflate", "zlevel": 1, "interleave": "pixel", "photometric": "RGB", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    tile = _texture(1024)
    with rasterio.open(path, "w", **profile) as dataset:
        for row in range(0, side, 1024):
            for column in range(0, side, 1024):
                part = np.roll(tile, ((row // 1024) * 131, (column // 1024) * 57), axis=(1, 2))
                height, width = min(1024, side - row), min(1024, side - column)
                dataset.write(part[:, :height, :width], window=Window(column, row, width, height))
    return path


def _texture(side: int) -> np.ndarray:
    """(3, side, side) uint8 of smooth noise at several scales: periodic, so that it can be rolled."""
    rng = np.random.default_rng(7)
    total = np.zeros((3, side, side), np.float32)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    for band in range(3):
        noise = np.fft.fft2(rng.standard_normal((side, side)))
        total[band] = np.real(np.fft.ifft2(noise / np.maximum(frequency, 2 / side) ** 0.8))
    total /= total.std()
    return np.clip(90 + 35 * total, 0, 255).astype(np.uint8)


def _card(name: str, config: ModelConfig) -> Card:
    norm = config.normalisation
    return Card(name, GSD, norm.mean, norm.std, 32, "sha256:" + "0" * 64, config.backbone.kind)


def small_vit() -> ModelConfig:
    """CHMv2's shape at a width that a processor can run: global attention and the CLS readout are what makes seams."""
    backbone = BackboneConfig(
        kind="dinov3-transformers",
        width=64,
        depth=4,
        heads=4,
        mlp=128,
        registers=4,
        patch=16,
        taps=(0, 1, 2, 3),
        weights=None,
    )
    head = HeadConfig(inputs=(64, 64, 64, 64), reassembled=(16, 16, 32, 32), fusion=16, hidden=16)
    return ModelConfig(backbone=backbone, head=head)


def model(kind: str, device: str = "cpu", *, half: bool = False) -> Predictor:
    torch.manual_seed(1)
    config = {"lite0": lambda: lite0(fusion=16, hidden=16), "vit": small_vit, "chmv2": chmv2}[kind]()
    if kind == "chmv2":
        config = config.model_copy(update={"backbone": config.backbone.model_copy(update={"weights": None})})
    made = build(config, pretrained=False).eval()
    return Predictor(made, _card(kind, config), device=device, half=half)


class Tiny(torch.nn.Module):
    """Three convolutions: the cheapest model, so that memory and the pipeline itself are what is measured."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 3, padding=1)
        )

    def forward(self, rgb: torch.Tensor) -> Any:
        from assay.canopy.model import Heights

        return Heights(self.layers(rgb).abs() * 20, None)


def tiny() -> Predictor:
    return Predictor(
        Tiny(), Card("tiny", GSD, (0.4, 0.4, 0.3), (0.2, 0.2, 0.2), 32, "sha256:" + "0" * 64, "three convolutions")
    )


def layout_of(path: Path, predictor: Predictor, tiling: Tiling | None = None) -> Layout:
    return lay_out(Imagery.group([describe(str(path), Asked())]), predictor.card, tiling=tiling)[0]


def heights(folder: Path) -> np.ndarray:
    (file,) = folder.glob("*.height.tif")
    with rasterio.open(file) as dataset:
        raw = dataset.read(1)
    return np.where(raw == 65535, np.nan, raw * 0.1).astype(np.float32)


# Parts ---------------------------------------------------------------------------------------------------------------


def memory(folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Each size in a process of its own, whose peak the kernel counts."""
    rows = []
    for side in asked.sides:
        path = imagery(folder / f"m{side}.tif", side)
        command = [sys.executable, __file__, "--child", str(path), str(folder / f"map{side}")]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append(
            {
                "pixels": f"{side:,}²",
                "peak MiB": round(found["peak"] / 1024),
                "seconds": round(time.perf_counter() - began, 1),
            }
        )
    ratio = rows[1]["peak MiB"] / rows[0]["peak MiB"]
    rows.append({"pixels": "ratio", "peak MiB": round(ratio, 3), "seconds": "at most 1.1 asked"})
    return rows


def child(source: str, out: str) -> None:
    torch.set_num_threads(1)
    map_canopy(tiny(), source, Path(out), Options(date=DATE))
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def pipeline(folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Whole maps and bare forward passes of the same windows from memory, in turns; the median ratio of the pairs."""
    torch.set_num_threads(asked.threads)
    predictor = model(asked.model, asked.device, half=asked.device != "cpu")
    path = imagery(folder / "p.tif", asked.side)
    layout = layout_of(path, predictor)
    pairs = []
    for number in range(asked.pairs):
        bare = bare_seconds(predictor, layout, asked.batch)
        done = map_canopy(
            predictor, path, folder / f"p{number}", Options(date=DATE, batch=asked.batch, readers=asked.readers)
        )
        pairs.append((bare, done.seconds))
    ratios = [whole / bare for bare, whole in pairs]
    lattice = layout.lattice
    return [
        {
            "model": asked.model,
            "pixels": f"{asked.side:,}²",
            "bare s": round(statistics.median(b for b, _ in pairs), 2),
            "map s": round(statistics.median(w for _, w in pairs), 2),
            "ratio": round(statistics.median(ratios), 3),
            "range": f"{min(ratios):.3f}-{max(ratios):.3f}",
            "pairs": len(pairs),
            "overlap": round(lattice.predicted_pixels / layout.area.size, 3),
        }
    ]


def bare_seconds(predictor: Predictor, layout: Layout, batch: int) -> float:
    """The forward passes of all windows of a map, on pixels that are there already; nothing read, joined or written."""
    lattice = layout.lattice
    shapes: dict[tuple[int, int], int] = {}
    for cell in lattice.cells():
        inside: dict[tuple[int, int], int] = {}
        for window in lattice.windows(cell):
            shape = lattice.extent(window).shape
            inside[shape] = inside.get(shape, 0) + 1
        for shape, count in inside.items():
            for size in [batch] * (count // batch) + ([count % batch] if count % batch else []):
                shapes[(size, *shape)] = shapes.get((size, *shape), 0) + 1
    pixels = {
        key: torch.randint(0, 255, (key[0], 3, *key[1:]), dtype=torch.uint8, device=predictor.device) for key in shapes
    }
    predictor(next(iter(pixels.values())))
    _wait(predictor)
    began = time.perf_counter()
    for key, count in shapes.items():
        for _ in range(count):
            predictor(pixels[key])
    _wait(predictor)
    return time.perf_counter() - began


def _wait(predictor: Predictor) -> None:
    if predictor.device.type == "cuda":
        torch.cuda.synchronize(predictor.device)


def seams(folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    torch.set_num_threads(asked.threads)
    predictor = model("vit")
    path = imagery(folder / "s.tif", asked.side)
    usual = Tiling.of(32)
    rows = []
    for name, tiling in (("fading", usual), ("cut", Tiling(usual.window, usual.overlap, 0, usual.multiple))):
        map_canopy(predictor, path, folder / f"s-{name}", Options(date=DATE, tiling=tiling))
        lattice = layout_of(path, predictor, tiling).lattice
        found = heights(folder / f"s-{name}")
        rows.append(
            {"overlap": name, "seam index": round(worst_index(found, lattice), 4), "pixels": f"{asked.side:,}²"}
        )
    return rows


def windows(folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """A map of a mosaic beside the maps of files cut out of it; the difference away from the cut's edge."""
    torch.set_num_threads(asked.threads)
    rng, rows = np.random.default_rng(3), []
    path = imagery(folder / "w.tif", asked.side)
    for kind, margins in (("tiny", (4,)), ("lite0", (64, 128, 256, 704))):
        predictor = tiny() if kind == "tiny" else model(kind)
        map_canopy(predictor, path, folder / f"w-{kind}", Options(date=DATE))
        whole = heights(folder / f"w-{kind}")
        for number in range(asked.pairs):
            size = int(rng.integers(asked.side // 3, asked.side // 2))
            row, column = (int(rng.integers(0, asked.side - size)) for _ in range(2))
            cut = _cut(path, folder / f"w-{kind}-{number}.tif", row, column, size)
            map_canopy(predictor, cut, folder / f"w-{kind}-{number}", Options(date=DATE))
            part = heights(folder / f"w-{kind}-{number}")
            difference = np.abs(part - whole[row : row + size, column : column + size])
            for margin in margins:
                inner = difference[margin:-margin, margin:-margin]
                rows.append(
                    {
                        "model": kind, "part": f"{size}² at {row},{column}", "px from the edge": margin,
                        "largest m": round(float(inner.max()), 3) if inner.size else "-",
                        "over 0.05 m": int((inner > 0.05).sum()),
                    }
                )  # fmt: skip
    return rows


def _cut(source: Path, dest: Path, row: int, column: int, size: int) -> Path:
    with rasterio.open(source) as dataset:
        window = Window(column, row, size, size)
        profile = {**dataset.profile, "width": size, "height": size, "transform": dataset.window_transform(window)}
        with rasterio.open(dest, "w", **profile) as part:
            part.write(dataset.read(window=window))
    return dest


def peers(folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Tiled inference of other packages on the same module and imagery, in turns with ours."""
    torch.set_num_threads(asked.threads)
    predictor = model(asked.model)
    path = imagery(folder / "q.tif", asked.side)
    layout = layout_of(path, predictor)
    colours = _all(path, predictor)
    ways: dict[str, Callable[[int], float]] = {}

    def ours(number: int) -> float:
        return map_canopy(predictor, path, folder / f"q{number}", Options(date=DATE)).seconds

    ways["assay"] = ours
    rows = []
    try:
        from terratorch.tasks.tiled_inference import TiledInferenceParameters, tiled_inference

        def terratorch(_: int) -> float:
            parameters = TiledInferenceParameters(
                h_crop=224, h_stride=200, w_crop=224, w_stride=200, average_patches=True
            )
            began = time.perf_counter()
            with torch.inference_mode():
                tiled_inference(lambda x, **__: predictor._model(x).metres, colours, 1, parameters)
            return time.perf_counter() - began

        ways["terratorch"] = terratorch
    except ImportError as error:
        rows.append({"tiler": "terratorch", "s": f"not installed ({error.name})"})

    def cosine(_: int) -> float:
        began = time.perf_counter()
        _half_overlap(predictor, colours)
        return time.perf_counter() - began

    # As geoai-py's canopy tool cuts: windows of 256 every 128 px, raised cosine weights, all in memory.
    ways["256/128, raised cosine, in memory"] = cosine
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(asked.pairs):
        for name, way in ways.items():
            seconds[name].append(way(number))
    waste = round(layout.lattice.predicted_pixels / layout.area.size, 2)
    for name, found in seconds.items():
        ratios = [f / o for f, o in zip(found, seconds["assay"], strict=True)]
        rows.append(
            {
                "tiler": name,
                "s": round(statistics.median(found), 2),
                "over ours": round(statistics.median(ratios), 2),
                "pairs": len(found),
                "overlap": waste if name == "assay" else "",
            }
        )  # fmt: skip
    return rows


def _all(path: Path, predictor: Predictor) -> torch.Tensor:
    with rasterio.open(path) as dataset:
        colours = torch.from_numpy(dataset.read()).float()[None] / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (predictor.card.mean, predictor.card.std))
    return (colours - mean) / std


def _half_overlap(predictor: Predictor, colours: torch.Tensor) -> torch.Tensor:
    height, width = colours.shape[2:]
    ramp = torch.sin(torch.linspace(0, torch.pi, 256))
    weight = ramp[:, None] * ramp[None, :]
    total, weights = torch.zeros(height, width), torch.zeros(height, width)
    with torch.inference_mode():
        for row in sorted({*range(0, height - 256, 128), height - 256}):
            for column in sorted({*range(0, width - 256, 128), width - 256}):
                at = np.s_[row : row + 256, column : column + 256]
                total[at] += predictor._model(colours[(..., *at)]).metres[0, 0] * weight
                weights[at] += weight
    return total / weights.clamp_min(1e-6)


def gpu(folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """The whole way (read, infer, write) beside the bare model, on a graphics processor."""
    if asked.device == "cpu" and asked.model != "vit":
        return [{"gpu": "needs --device cuda (or --model vit to try the command on a processor)"}]
    on_cpu = asked.device == "cpu"
    if not on_cpu and not torch.cuda.is_available():
        return [{"gpu": "no CUDA device here"}]
    predictor = model(asked.model, asked.device, half=not on_cpu)
    side = asked.side
    path = imagery(folder / "g.tif", side)
    layout = layout_of(path, predictor)
    rows = []
    for number in range(asked.pairs):
        bare = bare_seconds(predictor, layout, asked.batch)
        done = map_canopy(
            predictor, path, folder / f"g{number}", Options(date=DATE, batch=asked.batch, readers=asked.readers)
        )
        flop = flop_per_window(predictor, layout) * layout.lattice.count
        name = "processor" if on_cpu else torch.cuda.get_device_name(predictor.device)
        peak = next((rate for key, rate in _PEAK.items() if key in name), None)
        rows.append(
            {
                "device": name,
                "km²/s": round(done.km2 / done.seconds, 2),
                "bare km²/s": round(done.km2 / bare, 2),
                "share of bare": round(bare / done.seconds, 3),
                "Tflop/s": round(flop / done.seconds / 1e12, 3),
                "share of peak": round(flop / done.seconds / peak, 3) if peak else "-",
                "waiting for imagery": round(done.spent.waiting / done.seconds, 3),
                "GPU MiB": 0 if on_cpu else torch.cuda.max_memory_allocated(predictor.device) >> 20,
            }
        )
    return rows


def flop_per_window(predictor: Predictor, layout: Layout) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    tiling = layout.lattice.y.tiling
    with FlopCounterMode(display=False) as counter:
        predictor(torch.zeros(1, 3, tiling.window, tiling.window, dtype=torch.uint8))
    return float(counter.get_total_flops())


PARTS = {"memory": memory, "pipeline": pipeline, "peers": peers, "seams": seams, "windows": windows, "gpu": gpu}


def table(title: str, rows: list[dict[str, Any]]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f"\n{title}", "| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(str(row.get(key, "")) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", choices=("lite0", "vit", "chmv2"))
    parser.add_argument("--side", type=int, help="pixels along a side of the mosaic")
    parser.add_argument("--sides", type=int, nargs=2, default=(5_000, 20_000), help="of the two maps of `memory`")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--readers", type=int)
    parser.add_argument("--threads", type=int, default=1, help="of torch, on a processor")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scratch", type=Path, help="where imagery and maps are kept meanwhile")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        return child(*asked.child)
    fast = asked.device != "cpu"
    asked.model = asked.model or ("chmv2" if fast else "lite0")
    asked.side = asked.side or (30_000 if fast else 2_500)
    asked.batch = asked.batch or (8 if fast else 1)
    asked.readers = asked.readers or (min(12, os.cpu_count() or 1) if fast else 1)
    chosen = asked.only or (["gpu"] if fast else ["memory", "pipeline", "peers", "seams", "windows"])
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    found = {}
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="assay-mapping-", dir=asked.scratch) as folder:
            found[name] = PARTS[name](Path(folder), asked)
        print(table(name, found[name]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
