"""Canopy height maps of any area: streaming, without seams, resumable, as COGs with STAC.

`map_canopy` makes a map; `load_predictor` makes of a model's folder what it needs.
"""

from assay.canopy.mapping.imagery import Asked
from assay.canopy.mapping.lattice import Tiling
from assay.canopy.mapping.mapping import Mapped, Options, map_canopy
from assay.canopy.mapping.predictor import Card, HeightModel, Predictor, Uncertainty, load_predictor, of_model

__all__ = [
    "Asked",
    "Card",
    "HeightModel",
    "Mapped",
    "Options",
    "Predictor",
    "Tiling",
    "Uncertainty",
    "load_predictor",
    "map_canopy",
    "of_model",
]
