"""The plan of the ablation: which rows, which splits, which seeds. A unit is one training with its evaluation.

`in-domain` holds out blocks of the training sites, `site-held-out` the sites that the manifest calls test, `each-
site` one real site after another. Nothing is chosen on what is held out: rows are fixed before anything is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay.canopy.recipes import GENERAL, PLAIN
from assay.canopy.tiles import Tile, blocks
from assay.canopy.training import TrainConfig
from assay.core.errors import BadInput

Protocol = Literal["in-domain", "site-held-out", "each-site"]
PROTOCOLS: tuple[Protocol, ...] = ("in-domain", "site-held-out", "each-site")

_BLOCK_M = 48.0  # metres: a side of the blocks that are held out in-domain; crops of 64 px at 0.5 m are 32 m
_EVERY = 4  # one block of so many is held out


@dataclass(frozen=True)
class Row:
    """One line of the table: a baseline, or a training."""

    name: str
    config: TrainConfig | None = None  # None: a baseline
    flips: bool = False  # predict in eight positions


def _with_loss(kind: str) -> TrainConfig:
    return PLAIN.model_copy(update={"loss": PLAIN.loss.model_copy(update={"kind": kind})})


ROWS: tuple[Row, ...] = (
    Row("constant"),
    Row("linear colour"),
    Row("L1", _with_loss("l1")),
    Row("SiLog", _with_loss("silog")),
    Row("Charbonnier", _with_loss("charbonnier")),
    Row("annealed", _with_loss("annealed")),
    Row("annealed + gradient", _with_loss("annealed+gradient")),
    Row("general recipe", GENERAL, flips=True),
)


@dataclass(frozen=True)
class Fold:
    """Tiles to learn from and tiles to measure on."""

    name: str
    train: tuple[Tile, ...]
    test: tuple[Tile, ...]


@dataclass(frozen=True)
class Unit:
    """One training and its evaluation."""

    protocol: Protocol
    fold: str
    row: str
    seed: int

    @property
    def name(self) -> str:
        return "-".join((self.protocol, self.fold, self.row.replace(" ", "_").replace("+", "and"), str(self.seed)))


def folds(tiles: Sequence[Tile], protocol: Protocol) -> list[Fold]:
    """The folds of a protocol; `BadInput` if the tiles do not allow it."""
    if protocol == "in-domain":
        return [_in_domain(tiles)]
    if protocol == "site-held-out":
        return [_held_out(tiles)]
    real = sorted({tile.site for tile in tiles if not tile.synthetic})
    if len(real) < 2:
        raise BadInput("Leaving out each site needs two real sites at least.")
    return [
        Fold(
            site,
            tuple(tile for tile in tiles if tile.site != site),
            tuple(tile for tile in tiles if tile.site == site),
        )
        for site in real
    ]


def _held_out(tiles: Sequence[Tile]) -> Fold:
    test = tuple(tile for tile in tiles if tile.split == "test")
    hidden = {tile.site for tile in test}
    train = tuple(tile for tile in tiles if tile.split == "train" and tile.site not in hidden)
    if not test or not train:
        raise BadInput("The manifest needs tiles of the splits `train` and `test`, at different sites.")
    return Fold("test", train, test)


def _in_domain(tiles: Sequence[Tile]) -> Fold:
    """Every fourth block of the real training tiles is held out; a tile no larger than a block is one block."""
    train: list[Tile] = []
    test: list[Tile] = []
    count = 0
    for tile in tiles:
        if tile.split != "train" or tile.synthetic:
            continue
        for block in blocks(tile, round(_BLOCK_M / tile.gsd_m), least_labelled=0.3):
            (test if count % _EVERY == _EVERY - 1 else train).append(block)
            count += 1
    if not test:
        raise BadInput(
            f"The training tiles have fewer than {_EVERY} blocks of {_BLOCK_M:g} m: too few to hold any out."
        )
    return Fold("blocks", tuple(train), tuple(test))
