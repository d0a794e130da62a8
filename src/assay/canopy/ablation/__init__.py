"""What each part of the training is worth: the same tiles, several trainings, one table with paired intervals."""

from assay.canopy.ablation.design import PROTOCOLS, ROWS, Protocol, Row, Unit
from assay.canopy.ablation.running import Ablation, run
from assay.canopy.ablation.table import claims, document, targets

__all__ = ["PROTOCOLS", "ROWS", "Ablation", "Protocol", "Row", "Unit", "claims", "document", "run", "targets"]
