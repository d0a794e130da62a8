"""Do two versions of a trusted statement say the same? Asked of the prover, with a few tactics and little time."""

from pathlib import PurePosixPath
from typing import Literal

from assay.prove.component import Theorem
from assay.prove.provers.rocq import Rocq

_OTHER = "AssayMutant"
_SECONDS = 60.0
HEAD = """Require Import Coq.micromega.Lia Coq.ZArith.ZArith Coq.Lists.List Coq.Strings.String.
Ltac convertible := intros; solve [let H := fresh in intro H; exact H | split; let H := fresh in intro H; exact H].
Ltac close := try solve [assumption | lia | eauto with zarith].
Ltac applied := match goal with H : _ |- _ => solve [eapply H; eassumption] end.
Ltac parted := repeat match goal with H : _ /\\ _ |- _ => destruct H | |- _ /\\ _ => split end.
Ltac by_order := intros; try split; intros; repeat match goal with H : _ |- _ => progress hnf in H end; hnf;
  parted; intros; applied.
Ltac by_logic := intros; solve [timeout 20 (firstorder close)].
"""

How = Literal["same", "weaker", "unknown"]


def compare_statements(original: Rocq, changed: Rocq, path: str) -> How:
    """`same` if every theorem is proved to be equivalent to the changed one, `weaker` if only to imply it.

    Not asked where theorems stand in several files: the other files would still speak of the original one.
    """
    module = PurePosixPath(path).stem
    if any(t.statement.rpartition(".")[0] != module for t in changed.component.manifest.theorems):
        return "unknown"
    work = changed.cell.folder("other")
    (work / f"{module}.v").write_bytes((changed.component.root / path).read_bytes())
    inside = changed.cell.workspace(work)
    words = ["-Q", inside, _OTHER]
    if not original.coqc_trusted(changed.cell, work, [*words, f"{inside}/{module}.v"], _SECONDS).ok:
        return "unknown"
    seconds = _SECONDS * len(original.component.manifest.theorems)
    signs: tuple[tuple[How, str], ...] = (("same", "<->"), ("weaker", "->"))
    for how, sign in signs:
        (work / "Compared.v").write_text(_text(original, module, sign))
        if original.coqc_trusted(changed.cell, work, [*words, f"{inside}/Compared.v"], seconds).ok:
            return how
    return "unknown"


def _text(original: Rocq, module: str, sign: str) -> str:
    trusted = original.names.trusted
    lines = [f"Require {trusted}.{module}.\nRequire {_OTHER}.{module}.\n", HEAD]
    for theorem in original.component.manifest.theorems:
        lines.append(f"Goal {_goal(theorem, trusted, sign)}.\nProof. first [convertible | by_order | by_logic]. Qed.\n")
    return "".join(lines)


def _goal(theorem: Theorem, trusted: str, sign: str) -> str:
    ours, theirs = f"{trusted}.{theorem.statement}", f"{_OTHER}.{theorem.statement}"
    return f"forall p, {ours} p {sign} {theirs} p" if theorem.of_program else f"{ours} {sign} {theirs}"
