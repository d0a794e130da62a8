"""Build one specimen and audit it as the verifier would: intake first, then every rule of integrity."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from assay.core.budget import Budget
from assay.core.digest import digest_file
from assay.core.errors import Refused
from assay.core.task import Run, Submission
from assay.core.verdict import Finding, Severity
from assay.posttrain import intake
from assay.posttrain.gallery.material import CHAT_TEMPLATE, Material
from assay.posttrain.gallery.specimen import Facts, Specimen
from assay.posttrain.integrity import RULES, Case, audit

_DIGEST = "sha256:" + "0" * 64  # specimens are audited where they lie, not from the store
INTAKE = "intake"


@dataclass(frozen=True)
class Judgement:
    """What the rules said of one specimen. `refused` is intake's sentence, if it did not take the model."""

    specimen: Specimen
    findings: tuple[Finding, ...]
    refused: str | None = None

    @property
    def violated(self) -> frozenset[str]:
        """The rules that reject the specimen."""
        against = {f.rule for f in self.findings if f.severity is Severity.VIOLATION}
        return frozenset(against | ({INTAKE} if self.refused else set()))

    @property
    def undecided(self) -> frozenset[str]:
        return frozenset(f.rule for f in self.findings if f.severity is Severity.UNDECIDED)

    @property
    def rejected(self) -> bool:
        return bool(self.violated)

    @property
    def stopped(self) -> bool:
        """Rejected, or left inconclusive: either way it is not accepted."""
        return self.rejected or bool(self.undecided)

    @property
    def caught(self) -> bool:
        """Whether the rule that the specimen names saw it."""
        rule = self.specimen.rule
        return rule is not None and rule in self.violated | self.undecided


def judge(specimen: Specimen, material: Material, folder: Path | None = None) -> Judgement:
    """Build `specimen` (in `folder`, where its place is emptied, or in a temporary one) and audit it."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="assay-gallery-") as name:
            return judge(specimen, material, Path(name))
    try:
        case = build(specimen, material, folder)
    except Refused as error:
        return Judgement(specimen, (), str(error))
    return Judgement(specimen, tuple(audit(case, {**RULES, "weights": _weights})))


_seen: dict[tuple[str, str], list[Finding]] = {}


def _weights(case: Case) -> list[Finding]:
    """The rule on weights, asked once about each model: most specimens hand in the same one."""
    models = (digest_file(case.model / "model.safetensors"), digest_file(case.base / "model.safetensors"))
    if models not in _seen:
        _seen[models] = RULES["weights"](case)
    return _seen[models]


def build(specimen: Specimen, material: Material, folder: Path) -> Case:
    """Build `specimen` below `folder`, as the rules are shown it. `Refused` if intake does not take its model."""
    place = folder / specimen.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    facts = specimen.build(place / "workspace", material) or Facts()
    model, workspace = place / "final_model", place / "workspace"
    (workspace / "final_model").rename(model)
    intake.check(model, material.base)
    transcript = None
    if facts.transcript:
        transcript = place / "transcript"
        transcript.write_text(facts.transcript)
    run = Run(
        id=specimen.name,
        worker=specimen.name,
        sandbox=facts.sandbox,
        budget=Budget(wall_seconds=600),
        changed_inputs=facts.changed_inputs,
    )
    return Case(
        submission=Submission(task=facts.task, task_digest=_DIGEST, model=_DIGEST, workspace=_DIGEST, run=run),
        model=model,
        base=material.base,
        workspace=workspace,
        hidden=material.hidden,
        chat_template=CHAT_TEMPLATE,
        transcript=transcript,
        network_log=facts.network_log,
        siblings=(material.sibling,),
    )
