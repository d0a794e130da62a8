"""Train a model on tiles: on one CPU, one GPU or several (torchrun), and go on after a stop with the same bits.

A step is a function of the configuration, the tiles and its number: which crops, how changed, which loss, what
learning rate. So a checkpoint is the weights and the optimiser, nothing else. Writes into a folder:
checkpoint.safetensors, log.jsonl (one line per step), train.json (what was asked for) and at the end
model.safetensors and model.json.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from assay.canopy import losses
from assay.canopy.augmentation import AugmentationConfig, Crop, crop_of, scale_of
from assay.canopy.losses import LossConfig
from assay.canopy.model import CanopyModel, ModelConfig, build, lite0, save
from assay.canopy.rendering import DRAWN, rendered
from assay.canopy.sampling import CropSampler, SamplingConfig
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput, Corrupt

CHECKPOINT, LOG, ASKED = "checkpoint.safetensors", "log.jsonl", "train.json"
_MOMENTS = ("exp_avg", "exp_avg_sq")
_MAX_LOG_LINE = 1 << 16


class TrainConfig(BaseModel):
    """One training. The defaults are for a CPU and a few small sites; `paper()` has CHMv2's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: ModelConfig = lite0()
    pretrained: bool = True
    trainable: Literal["decoder", "all"] = "all"
    steps: int = Field(400, ge=1)
    batch: int = Field(8, ge=1)  # over all processes
    crop: int = Field(64, ge=16)  # pixels
    lr: float = Field(1e-3, gt=0)
    backbone_lr: float = Field(0.1, ge=0)  # as a share of lr
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = Field(1e-3, ge=0)
    warmup: float = Field(0.06, ge=0, le=1)  # as a share of the steps; then a cosine to 0
    clip: float = Field(35.0, gt=0)  # of the norm of all gradients; DINOv3's trainer has 35, CHMv2's is not stated
    average: float = Field(0.0, ge=0, lt=1)  # decay of the running mean of weights that is kept as the model; 0: none
    seed: int = Field(0, ge=0)
    checkpoint_every: int = Field(100, ge=1)
    renderings: int = Field(0, ge=0, le=64)  # pictures drawn from each tile's heights, as sites of their own
    workers: int = Field(0, ge=0, le=64)  # threads that prepare crops ahead
    loss: LossConfig = LossConfig()
    sampling: SamplingConfig = SamplingConfig()
    augmentation: AugmentationConfig = AugmentationConfig()


def paper(model: ModelConfig) -> TrainConfig:
    """CHMv2's training: only the decoder, 100,000 steps of 16 crops (section 2.6)."""
    return TrainConfig(
        model=model, trainable="decoder", steps=100_000, batch=16, crop=416, lr=1e-4, workers=8, checkpoint_every=1000
    )


@dataclass(frozen=True)
class Trained:
    """Where a training stands."""

    out: Path
    step: int  # steps done
    steps: int
    loss: float  # mean over the last tenth of the steps

    @property
    def finished(self) -> bool:
        return self.step >= self.steps


@dataclass(frozen=True)
class World:
    """The processes that train together; torchrun says which this is."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        return self.rank == 0


def world() -> World:
    """This process's place: from torchrun's environment, or alone."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
    if size > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if gpu else "gloo")
    if gpu:
        torch.cuda.set_device(device)
    return World(rank, size, device)


def train(
    config: TrainConfig, tiles: Sequence[Tile], out: Path, *, resume: bool = True, stop_after: int | None = None
) -> Trained:
    """Train until `config.steps` (or `stop_after`) and leave the model in `out`.

    With `resume` an earlier training of the same configuration and tiles in `out` is continued, bit for bit on the same
    kind of machine; a different one there is an error. Without, it is replaced.
    """
    here = world()
    if config.batch % here.size:
        raise BadInput(f"A batch of {config.batch} cannot be shared by {here.size} processes: make it a multiple.")
    if config.crop % config.model.multiple:
        raise BadInput(f"The crop must be a multiple of {config.model.multiple} px; it is {config.crop}.")
    digest = digest_of(config, tiles)
    tiles = with_renderings(tiles, config)
    state = _State.start(config, here)
    kept = out / CHECKPOINT
    if resume and kept.is_file():
        state.restore(kept, digest)
    if here.leads:
        out.mkdir(parents=True, exist_ok=True)
        _ask(out, config, tiles, digest)
        _cut_log(out / LOG, state.step)
    last = min(config.steps, stop_after if stop_after is not None else config.steps)
    _steps(config, tiles, out, here, state, last, digest)
    if here.leads and state.step >= config.steps:
        save(_finished(config, state, tiles), out)
    if here.size > 1:
        distributed.barrier()
    return Trained(out, state.step, config.steps, _recent_loss(out / LOG))


def _steps(
    config: TrainConfig, tiles: Sequence[Tile], out: Path, here: World, state: "_State", last: int, digest: str
) -> None:
    """Do the steps up to `last`, with a checkpoint now and then and one at the end."""
    if state.step >= last:
        return
    network: nn.Module = state.model
    if here.size > 1:
        network = DistributedDataParallel(
            state.model, broadcast_buffers=False, find_unused_parameters=config.trainable == "all"
        )
    state.model.train()
    sampler = CropSampler(tiles, config.crop, config.sampling, seed=config.seed)
    with (out / LOG).open("a") if here.leads else open(os.devnull, "a") as log:  # noqa: PTH123
        for batch in _batches(sampler, tiles, config, here, state.step, last):
            entry = state.advance(network, batch.to(here.device), config)
            log.write(json.dumps(entry) + "\n")
            if here.leads and (state.step % config.checkpoint_every == 0 or state.step == last):
                log.flush()
                state.keep(out / CHECKPOINT, digest)


def with_renderings(tiles: Sequence[Tile], config: TrainConfig) -> list[Tile]:
    """The tiles, and the pictures that are drawn from their heights."""
    drawn = [
        rendered(tile, (config.seed, number, copy))
        for number, tile in enumerate(tiles)
        for copy in range(config.renderings)
        if not tile.synthetic  # its picture is drawn already
    ]
    return [*tiles, *drawn]


# What changes --------------------------------------------------------------------------------------------------------


@dataclass
class _State:
    """The weights, the optimiser, the running mean of the weights, and how many steps are done."""

    model: CanopyModel
    optimiser: torch.optim.AdamW
    average: dict[str, Tensor]
    step: int

    @classmethod
    def start(cls, config: TrainConfig, here: World) -> "_State":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = build(config.model, pretrained=config.pretrained).to(here.device)
        if config.trainable == "decoder":
            model.backbone.requires_grad_(False)
        for name, parameter in model.named_parameters():
            if name.endswith("mask_token"):  # nothing reads it
                parameter.requires_grad_(False)
        optimiser = torch.optim.AdamW(_groups(model, config), betas=config.betas, weight_decay=config.weight_decay)
        average = {name: p.detach().clone() for name, p in _trained(model)} if config.average else {}
        return cls(model, optimiser, average, 0)

    def advance(self, network: nn.Module, batch: "Batch", config: TrainConfig) -> dict[str, Any]:
        """One step; what goes into the log."""
        began = time.perf_counter()
        factor = _rate(self.step, config)
        for group in self.optimiser.param_groups:
            group["lr"] = group["base_lr"] * factor
        predicted = network(self.model.normalise_unit(batch.rgb)).metres
        value, parts = losses.loss(predicted, batch.height, batch.valid, config.loss, self.step, config.steps)
        self.optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_([p for _, p in _trained(self.model)], config.clip))
        if not math.isfinite(norm) or not math.isfinite(float(value.detach())):
            raise Corrupt(f"The training diverged at step {self.step}: the loss is {float(value.detach())}. Lower lr.")
        self.optimiser.step()
        self.step += 1
        self._mean(config)
        seconds = round(time.perf_counter() - began, 4)
        return {
            "step": self.step - 1,
            "loss": float(value.detach()),
            **parts,
            "lr": config.lr * factor,
            "gradient_norm": norm,
            "seconds": seconds,
        }

    def _mean(self, config: TrainConfig) -> None:
        """The running mean; in the first steps over fewer, so that it forgets the random start."""
        decay = min(config.average, self.step / (self.step + 9))
        for name, parameter in _trained(self.model):
            if name in self.average:
                self.average[name].lerp_(parameter.detach(), 1 - decay)

    def keep(self, file: Path, digest: str) -> None:
        """Write the checkpoint whole or not at all."""
        from safetensors.torch import save_file

        tensors: dict[str, Tensor] = {}
        for name, parameter in _trained(self.model):
            tensors[f"weight.{name}"] = parameter.detach().cpu().contiguous()
            for moment in _MOMENTS:
                tensors[f"{moment}.{name}"] = self.optimiser.state[parameter][moment].cpu().contiguous()
            if name in self.average:
                tensors[f"average.{name}"] = self.average[name].cpu().contiguous()
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        save_file(tensors, draft, metadata={"step": str(self.step), "training": digest})
        draft.replace(file)

    def restore(self, file: Path, digest: str) -> None:
        """Go on from a checkpoint of this very training."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, framework="pt") as stored:
                said = stored.metadata() or {}
                if said.get("training") != digest:
                    raise BadInput(
                        f"{file.parent} holds another training (other settings or tiles): give another folder, or "
                        "--restart to replace it."
                    )
                names = set(stored.keys())
                self.step = int(said["step"])
                for name, parameter in _trained(self.model):
                    self._restore_one(stored, name, parameter)
                    names -= {f"{kind}.{name}" for kind in ("weight", "average", *_MOMENTS)}
                if names:
                    raise Corrupt(f"{file} holds what this training does not know: {min(names)}.")
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise Corrupt(f"{file} cannot be read ({type(error).__name__}): use --restart to begin again.") from None

    def _restore_one(self, stored: Any, name: str, parameter: nn.Parameter) -> None:
        with torch.no_grad():
            parameter.copy_(stored.get_tensor(f"weight.{name}"))
        moments = {moment: stored.get_tensor(f"{moment}.{name}").to(parameter.device) for moment in _MOMENTS}
        self.optimiser.state[parameter] = {"step": torch.tensor(float(self.step)), **moments}
        if name in self.average:
            self.average[name].copy_(stored.get_tensor(f"average.{name}"))


def _trained(model: CanopyModel) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _groups(model: CanopyModel, config: TrainConfig) -> list[dict[str, Any]]:
    """Decoder and backbone with their own rates; no decay on biases and norms."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in _trained(model):
        groups.setdefault((name.startswith("backbone."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "base_lr": config.lr * (config.backbone_lr if backbone else 1.0),
            "lr": config.lr,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (backbone, decays), parameters in groups.items()
    ]


def _rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine to 0."""
    warm = config.warmup * config.steps
    if step < warm:
        return (step + 1) / max(warm, 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(config.steps - warm, 1)))


def _finished(config: TrainConfig, state: _State, tiles: Sequence[Tile]) -> CanopyModel:
    """The model to keep: the running mean where there is one."""
    model = state.model
    with torch.no_grad():
        for name, parameter in _trained(model):
            if name in state.average:
                parameter.copy_(state.average[name])
    model.card = {
        "name": f"canopy height, {config.model.backbone.kind}",
        "trained_on": sorted({tile.site.removesuffix(DRAWN) for tile in tiles}),
        "tiles": sum(not tile.site.endswith(DRAWN) for tile in tiles),
        "steps": config.steps,
        "loss": config.loss.kind,
        "seed": config.seed,
    }
    model.eval()
    return model


# Crops ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    rgb: Tensor  # (B, 3, S, S) from 0 to 1
    height: Tensor  # (B, 1, S, S)
    valid: Tensor  # (B, 1, S, S) bool

    def to(self, device: torch.device) -> "Batch":
        return Batch(self.rgb.to(device), self.height.to(device), self.valid.to(device))


def _batches(
    sampler: CropSampler, tiles: Sequence[Tile], config: TrainConfig, here: World, first: int, last: int
) -> Iterator[Batch]:
    """This process's share of the batch of every step from `first` to before `last`."""
    places = range(here.rank, config.batch, here.size)
    if not config.workers:
        for step in range(first, last):
            yield _batch([crop(sampler, tiles, config, step, place) for place in places])
        return
    with ThreadPoolExecutor(config.workers) as pool:
        ahead: list[list[Future[Crop]]] = []
        for step in range(first, last + 2):
            if step < last:
                ahead.append([pool.submit(crop, sampler, tiles, config, step, place) for place in places])
            if len(ahead) > 2 or (step >= last and ahead):
                yield _batch([future.result() for future in ahead.pop(0)])


def crop(sampler: CropSampler, tiles: Sequence[Tile], config: TrainConfig, step: int, place: int) -> Crop:
    """The crop at `place` of the batch of `step`: the same in every process and every run."""
    random = sampler.generator(step, place)
    spot = sampler.draw(random, scale_of(config.augmentation, random))
    rows, columns = slice(spot.row, spot.row + spot.size), slice(spot.column, spot.column + spot.size)
    tile = tiles[spot.tile]
    return crop_of(
        tile.rgb[:, rows, columns],
        tile.height[rows, columns],
        config.crop,
        config.augmentation,
        random,
        read=spot.size,
    )


def _batch(crops: Sequence[Crop]) -> Batch:
    return Batch(
        torch.stack([one.rgb for one in crops]),
        torch.stack([one.height for one in crops]),
        torch.stack([one.valid for one in crops]),
    )


# The record ----------------------------------------------------------------------------------------------------------


def digest_of(config: TrainConfig, tiles: Sequence[Tile]) -> str:
    """Names a training: its configuration and every pixel of its tiles. How often it is kept does not count."""
    asked = config.model_dump(mode="json", exclude={"checkpoint_every", "workers"})
    hashed = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for tile in tiles:
        hashed.update(f"{tile.site}\0{tile.shape}".encode())
        hashed.update(np.ascontiguousarray(tile.rgb).tobytes())
        hashed.update(np.ascontiguousarray(tile.height).tobytes())
    return "sha256:" + hashed.hexdigest()


def _ask(out: Path, config: TrainConfig, tiles: Sequence[Tile], digest: str) -> None:
    sites = sorted({tile.site for tile in tiles})
    asked = {"training": digest, "sites": sites, "tiles": len(tiles), "config": config.model_dump(mode="json")}
    (out / ASKED).write_text(json.dumps(asked, indent=2, sort_keys=True) + "\n")


def _cut_log(file: Path, step: int) -> None:
    """Drop lines of steps that the checkpoint does not have: they will be done again."""
    kept = [json.dumps(entry) + "\n" for entry in read_log(file) if int(entry["step"]) < step]
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text("".join(kept))
    draft.replace(file)


def read_log(file: Path) -> list[Mapping[str, Any]]:
    """The log's lines; a last line that was cut off by a stop is left out."""
    if not file.is_file():
        return []
    entries: list[Mapping[str, Any]] = []
    for line in file.read_text("utf-8").splitlines():
        try:
            entry = json.loads(line[:_MAX_LOG_LINE])
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            entries.append(entry)
    return entries


def _recent_loss(file: Path) -> float:
    values = [float(entry["loss"]) for entry in read_log(file)]
    return float(np.mean(values[-max(len(values) // 10, 1) :])) if values else math.nan
