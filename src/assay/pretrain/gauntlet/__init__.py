"""The Gauntlet: everything that a validator computes. Measuring (torch) is apart from judging (arithmetic).

`judge` is a pure function of recipe, standings, evidence and beacon, so that anyone can recompute a round.
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
from assay.pretrain.gauntlet.measure import (
    Trial,
    applied,
    clip_factors,
    norms,
    step_sizes,
    sync_answer,
    sync_distance,
    trial_step,
)
from assay.pretrain.gauntlet.overlap import Earlier, Layout, lay_out, likenesses
from assay.pretrain.gauntlet.reexecution import compare, matches, refused
from assay.pretrain.gauntlet.standings import Standing, Standings

__all__ = [
    "Difference",
    "Earlier",
    "Evidence",
    "Fault",
    "Judgement",
    "Layout",
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
    "Trial",
    "applied",
    "check",
    "clip_factors",
    "compare",
    "differences",
    "evaluated",
    "judge",
    "lay_out",
    "likenesses",
    "matches",
    "norms",
    "parse",
    "reexecuted",
    "reexecution_interval",
    "refused",
    "step_sizes",
    "sync_answer",
    "sync_distance",
    "sync_score",
    "trial_step",
    "write",
]
