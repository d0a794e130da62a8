"""Chains: where a run keeps its register, its clock, its promises and its decisions."""

from assay.pretrain.chain.encoding import seal_sheet
from assay.pretrain.chain.errors import ChainRefusal, NotAllowed, TooEarly, TooLate
from assay.pretrain.chain.protocol import (
    SCALE,
    Chain,
    Clock,
    Commitment,
    Mark,
    Member,
    Outcome,
    Phase,
    Role,
    Sheet,
    Terms,
    agreed_parameters,
    rounds_ended,
)

__all__ = [
    "SCALE",
    "Chain",
    "ChainRefusal",
    "Clock",
    "Commitment",
    "Mark",
    "Member",
    "NotAllowed",
    "Outcome",
    "Phase",
    "Role",
    "Sheet",
    "Terms",
    "TooEarly",
    "TooLate",
    "agreed_parameters",
    "rounds_ended",
    "seal_sheet",
]
