"""What the CHMv2 paper reports, to stand beside what is measured here.

Its test sets are not ours: the rows say what a good model reaches on many thousands of tiles of two large data sets.
Its R² is of means of 50-pixel blocks. How it normalises the edge error is not published; ours is defined in the docs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRow:
    """One row of the paper's table 2. None: not reported."""

    setting: str
    test: str
    mae: float
    block_r2: float
    bias: float | None
    edge_error: float


_SAT, _NAIP = "SatLidar v2", "NAIP-3DEP"

TABLE = (
    PaperRow("CHMv1: SiLog, uniform, NEON", _SAT, 4.3, 0.53, 2.6, 0.67),
    PaperRow("DINOv3, SiLog, NEON", _SAT, 3.9, 0.64, 2.2, 0.66),
    PaperRow("DINOv3, SiLog, SatLidar v2", _SAT, 3.5, 0.76, 0.5, 0.58),
    PaperRow("CHMv2", _SAT, 3.0, 0.86, 0.0, 0.53),
    PaperRow("CHMv1: SiLog, uniform, NEON", _NAIP, 2.2, 0.54, None, 0.77),
    PaperRow("DINOv3, SiLog, NEON", _NAIP, 2.0, 0.59, None, 0.72),
    PaperRow("DINOv3, SiLog, SatLidar v2", _NAIP, 2.1, 0.52, None, 0.63),
    PaperRow("CHMv2", _NAIP, 1.4, 0.93, None, 0.53),
)
