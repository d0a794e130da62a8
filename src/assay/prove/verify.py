"""The front door of the arena's verifier: a stored submission in, a verdict out. It reads the store and nothing else.

The task's own files come from the task, never from the submission; of the submission come `src/` and `c/`.
"""

from assay.core.arena import Examination, Report
from assay.core.digest import Digest
from assay.core.errors import AssayError
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.core.submission import submission_to_verify
from assay.core.verdict import Finding, Outcome, Severity, Verdict
from assay.prove import tasks
from assay.prove.check import check
from assay.prove.component import LIMITS, SUBMITTED_FOLDERS, refuse_foreign_files
from assay.prove.provers import Effort


def verify(digest: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
    """Ask all four gates about a stored submission."""
    handed_in, task = submission_to_verify(digest, store, tasks.find, lambda task: tasks.stage(task, store))
    with scratch("verify") as place:
        store.get_tree(handed_in.inputs["trusted"], place / "proofs", LIMITS)
        submitted = store.get_tree(handed_in.model, place / "submitted", LIMITS)
        refuse_foreign_files(entry.path for entry in submitted.entries)
        component = place / "proofs" / task.name
        for top in SUBMITTED_FOLDERS:
            if (place / "submitted" / top).is_dir():
                (place / "submitted" / top).rename(component / top)
        try:
            how = task.verification
            effort = Effort(fuzz=how["fuzz"], thorough=how["recheck"] == "everything")
            checked = check(component, sandbox, effort=effort, report=report)
        except AssayError as error:
            if error.exit_code == 3:
                raise
            return Examination(_refused(str(error), task.id, task.digest, digest))
    return Examination(checked.verdict(submission=digest, task=task.id, task_digest=task.digest))


def _refused(why: str, task: str, task_digest: Digest, submission: Digest) -> Verdict:
    """The verdict on something that the gates could not even take."""
    return Verdict(
        task=task,
        task_digest=task_digest,
        submission=submission,
        outcome=Outcome.REJECTED,
        reason="It could not be taken.",
        findings=(Finding(rule="intake", severity=Severity.VIOLATION, message=why),),
    )
