"""Pieces of cells put together: each cell's region of the map, with what its neighbours' windows give to its border."""

import numpy as np
import torch
from numpy.typing import NDArray

from assay.canopy.mapping.inference import Piece, decimetres
from assay.canopy.mapping.journal import Journal
from assay.canopy.mapping.lattice import Cell, Lattice


class Stitcher:
    """Gives the finished regions of cells. Held are the frames of one cell and its neighbours, no more."""

    def __init__(self, lattice: Lattice, journal: Journal, layers: int) -> None:
        self._lattice, self._journal, self._layers = lattice, journal, layers
        self._frames: dict[Cell, tuple[NDArray[np.float32], ...]] = {}

    def region(self, cell: Cell) -> NDArray[np.uint16]:
        """(layers, H, W) decimetres of a cell's region. Ask cells that lie side by side one after another."""
        lattice = self._lattice
        piece = self._journal.get(cell)
        region, body = lattice.region(cell), lattice.body(cell)
        near = lattice.neighbours(cell)
        self._frames = {known: frame for known, frame in self._frames.items() if known in near}
        total = np.zeros((self._layers, *region.shape), np.float32)
        for other in near:
            for box, sums in zip(lattice.frame(other), self._frame(other, piece), strict=True):
                part = box & region
                if part.size:
                    total[(slice(None), *part.within(region))] += sums[(slice(None), *part.within(box))]
        written = decimetres(torch.from_numpy(total), piece.valid)
        if body.size:
            written[(slice(None), *body.within(region))] = piece.body
        return written

    def _frame(self, cell: Cell, own: Piece) -> tuple[NDArray[np.float32], ...]:
        if cell not in self._frames:
            self._frames[cell] = own.frame if cell == own.cell else self._journal.frame(cell)
        return self._frames[cell]
