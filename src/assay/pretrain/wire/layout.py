"""How a tensor is cut into chunks: matrices into 64 by 64 blocks, vectors into runs of 4,096.

A tensor of more dimensions is seen as a matrix (first dimension, all others). Blocks are counted row by row; those at
the right and lower edges are smaller. A position within a chunk is row-major.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BLOCK = 64  # rows and columns of a matrix's chunk
CHUNK = BLOCK * BLOCK  # elements of a full chunk

Uint16 = npt.NDArray[np.uint16]


def capacity(elements: int, k: int) -> int:
    """How many values a chunk of this many elements keeps at most: `k` scaled to its size, at least one."""
    return max(1, -(-k * elements // CHUNK))


@dataclass(frozen=True)
class Layout:
    """The chunks of a tensor of one shape."""

    rows: int
    columns: int
    block_rows: int
    block_columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Layout":
        if len(shape) == 0:
            return cls(1, 1, 1, CHUNK)
        if len(shape) == 1:
            return cls(1, shape[0], 1, CHUNK)
        return cls(shape[0], math.prod(shape[1:]), BLOCK, BLOCK)

    @property
    def grid(self) -> tuple[int, int]:
        """Chunks downwards and across."""
        return -(-self.rows // self.block_rows), -(-self.columns // self.block_columns)

    @property
    def chunks(self) -> int:
        down, across = self.grid
        return down * across

    def runs(self) -> Iterator[tuple[int, int, int, int]]:
        """The sizes that occur: (rows of blocks, full blocks in each, elements of a full one, elements of the last)."""
        down, across = self.grid
        if not down or not across:
            return
        low, right = self.rows - (down - 1) * self.block_rows, self.columns - (across - 1) * self.block_columns
        if down > 1:
            yield down - 1, across - 1, self.block_rows * self.block_columns, self.block_rows * right
        yield 1, across - 1, low * self.block_columns, low * right

    def capacity(self, k: int) -> int:
        """Values that the whole tensor keeps at most; costs nothing, whatever the shape."""
        return sum(down * (full * capacity(size, k) + capacity(last, k)) for down, full, size, last in self.runs())

    def sizes(self, first: int = 0, end: int | None = None) -> Uint16:
        """Elements of the chunks `first` to `end`, `(end - first,)`."""
        across = self.grid[1]
        number = np.arange(first, self.chunks if end is None else end, dtype=np.int64)
        row, column = np.divmod(number, max(1, across))
        height = np.minimum(self.block_rows, self.rows - row * self.block_rows)
        width = np.minimum(self.block_columns, self.columns - column * self.block_columns)
        sizes: Uint16 = (height * width).astype(np.uint16)
        return sizes


def capacities(sizes: Uint16, k: int) -> Uint16:
    """`capacity` of each chunk."""
    kept: Uint16 = np.maximum(1, -(-k * sizes.astype(np.int64) // CHUNK)).astype(np.uint16)
    return kept
