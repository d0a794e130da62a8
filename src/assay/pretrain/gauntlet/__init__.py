"""The Gauntlet: everything that a validator computes. Measuring (torch) is apart from judging (arithmetic).

`judge` is a pure function of recipe, standings, evidence and beacon, so that anyone can recompute a round. Measuring
is in `measure` and `overlap`, which are not imported here: judging needs no torch.
"""

from assay.pretrain.gauntlet.choose import evaluated, reexecuted, reexecution_interval
from assay.pretrain.gauntlet.document import Difference, ScoreDocument, check, differences, parse, write
from assay.pretrain.gauntlet.evidence import (
    Evidence,
    Fault,
    Likeness,
    Losses,
    Overlap,
    PeerEvidence,
    Redone,
    Reexecution,
)
from assay.pretrain.gauntlet.judge import Judgement, Note, Result, judge, sync_score
from assay.pretrain.gauntlet.reexecution import compare, matches, refused
from assay.pretrain.gauntlet.standings import Standing, Standings

__all__ = [
    "Difference",
    "Evidence",
    "Fault",
    "Judgement",
    "Likeness",
    "Losses",
    "Note",
    "Overlap",
    "PeerEvidence",
    "Redone",
    "Reexecution",
    "Result",
    "ScoreDocument",
    "Standing",
    "Standings",
    "check",
    "compare",
    "differences",
    "evaluated",
    "judge",
    "matches",
    "parse",
    "reexecuted",
    "reexecution_interval",
    "refused",
    "sync_score",
    "write",
]
