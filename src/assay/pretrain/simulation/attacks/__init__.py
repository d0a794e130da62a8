"""Dishonest peers, each a `Peer` with one method that goes wrong on purpose. They may know everything.

One module for each class of attack. `ATTACKS` names them all; `assay pretrain simulate --attack NAME` runs one, and
`assay pretrain bench` runs every one.
"""

from assay.pretrain.simulation.attacks import adaptive, copying, direction, effort, payload, poison, protocol
from assay.pretrain.simulation.attacks.ring import Attacker, Ring

ATTACKS: dict[str, type[Attacker]] = {
    "sign-flip": direction.SignFlip,
    "scale": direction.Scale,
    "noise": direction.Noise,
    "alie": direction.ALittleIsEnough,
    "ipm": direction.InnerProduct,
    "constant": direction.ConstantDirection,
    "below-the-clip": direction.BelowTheClip,
    "small-norm": direction.SmallNorm,
    "ascent": direction.Against,
    "assigned-only": direction.AssignedOnly,
    "slow-drift": direction.SlowDrift,
    "nudge": direction.Nudge,
    "false-books": direction.FalseBooks,
    "zero": effort.Zero,
    "lazy": effort.Lazy,
    "small-batch": effort.SmallBatch,
    "stale": effort.StaleReplay,
    "cheap-data": effort.CheapData,
    "evaluation-pool": effort.EvaluationPool,
    "amnesiac": effort.Amnesiac,
    "copy": copying.Copy,
    "noisy-copy": copying.NoisyCopy,
    "veiled-copy": copying.VeiledCopy,
    "index-copy": copying.IndexCopy,
    "permuted-copy": copying.PermutedCopy,
    "aggregate-copy": copying.AggregateCopy,
    "insider": copying.Insider,
    "sybil": copying.Sybil,
    "shared-work": copying.SharedWork,
    "sybil-split": copying.SybilSplit,
    "colluding": copying.Colluding,
    "label-poison": poison.LabelPoison,
    "backdoor": poison.Backdoor,
    "garbage": payload.Garbage,
    "bit-flip": payload.BitFlip,
    "partial": payload.Partial,
    "oversized": payload.Oversized,
    "bomb": payload.Bomb,
    "wrong-shape": payload.WrongShape,
    "some-tensors": payload.SomeTensors,
    "nan": payload.NotFinite,
    "huge": payload.HugeScale,
    "wrong-version": payload.WrongVersion,
    "wrong-base": payload.WrongBase,
    "late": protocol.Late,
    "withheld": protocol.Withheld,
    "chosen-reveal": protocol.ChosenReveal,
    "nothing-stored": protocol.NothingStored,
    "replaced": protocol.Replaced,
    "equivocating": protocol.Equivocating,
    "echo": protocol.Echo,
    "state-withheld": protocol.StateWithheld,
    "forged-samples": protocol.ForgedSamples,
    "forged-state": protocol.ForgedState,
    "drifting-state": protocol.DriftingState,
    "sleeper": adaptive.Sleeper,
    "sleeping-backdoor": adaptive.SleepingBackdoor,
    "on-and-off": adaptive.OnAndOff,
    "rarely": adaptive.Rarely,
    "after-check": adaptive.AfterCheck,
    "hit-and-run": adaptive.HitAndRun,
    "whitewash": adaptive.Whitewash,
}

MIXTURES: dict[str, tuple[str, ...]] = {
    "flip-and-copy": ("sign-flip", "noisy-copy"),
    "poison-and-lazy": ("backdoor", "lazy"),
    "alie-and-withheld": ("alie", "withheld"),
    "sleeper-and-clip": ("sleeping-backdoor", "below-the-clip"),
    "whitewash-and-echo": ("whitewash", "echo"),
}

__all__ = ["ATTACKS", "MIXTURES", "Attacker", "Ring"]
