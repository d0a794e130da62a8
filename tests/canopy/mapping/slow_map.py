"""A program that maps slowly, so that a test can kill it at any moment: `python -m tests.canopy.mapping.slow_map IN
OUT`."""

import sys
import time
from pathlib import Path

import torch
from torch import Tensor

from assay.canopy.mapping import map_canopy
from tests.canopy.mapping.support import BAND, Found, Local, options, predictor


class Slow(torch.nn.Module):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.inner, self.seconds = Local(), seconds

    def forward(self, rgb: Tensor) -> Found:
        time.sleep(self.seconds)
        return Found(self.inner(rgb).metres)


if __name__ == "__main__":
    torch.set_num_threads(1)
    source, folder, seconds = sys.argv[1:4]
    map_canopy(predictor(Slow(float(seconds)), uncertainty=BAND), source, Path(folder), options(sheet=256))
