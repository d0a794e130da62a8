"""Trains the open default model on the given tiles at their resolution. An argument says how many steps."""

import json
import statistics
import sys
from pathlib import Path

from assay.canopy.model import lite0
from assay.canopy.recipes import GENERAL
from assay.canopy.resolution import at_resolution
from assay.canopy.tiles import read_manifest
from assay.canopy.training import train

STEPS = 300


def main() -> None:
    brief = json.loads(Path("brief.json").read_text())
    loaded = [ref.load() for ref in read_manifest(Path(brief["tiles"])) if ref.height is not None]
    gsd_m = statistics.median(tile.gsd_m for tile in loaded)
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    crop = 64 if min(min(tile.shape) for tile in loaded) >= 128 else 32
    settings = {"model": lite0(gsd_m=gsd_m), "steps": steps, "crop": crop, "seed": brief["seed"]}
    config = GENERAL.model_copy(update=settings)
    tiles = [at_resolution(tile, gsd_m) for tile in loaded]
    trained = train(config, tiles, Path("training"))
    final = Path(brief["final_model"])
    final.mkdir()
    for name in ("model.safetensors", "model.json"):
        (Path("training") / name).rename(final / name)
    print(f"{trained.step} steps on {len(tiles)} tiles of {gsd_m:g} m; loss {trained.loss:.4f}")


if __name__ == "__main__":
    main()
