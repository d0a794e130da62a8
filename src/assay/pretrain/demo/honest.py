"""Does a round's work as the brief says and hands in the pseudo-gradient. An argument lets it do only so many steps."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from assay.pretrain import wire
from assay.pretrain.recipe import Recipe
from assay.pretrain.training import PeerState, Workbench


def main() -> None:
    brief = json.loads(Path("brief.json").read_text())
    recipe = Recipe.model_validate_json(Path(brief["recipe"]).read_bytes())
    parameters = load_file(brief["parameters"])
    batches = [torch.from_numpy(batch) for batch in np.load(brief["batches"])]
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else len(batches)
    worked = Workbench(recipe).work(parameters, PeerState.new(parameters), batches[:steps], brief["round"])
    print(f"loss {worked.losses[0]:.3f} to {worked.losses[-1]:.3f} in {steps} of {len(batches)} steps")
    data = wire.pack(worked.gradient)
    Path(brief["result"]).write_bytes(data)
    print(f"{len(data)} bytes")


if __name__ == "__main__":
    main()
