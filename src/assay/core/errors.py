"""What can go wrong, as a small tree of errors.

Every error is one sentence that says what is wrong, where, and what to do. The command line prints that sentence and
exits with the error's `exit_code`; a traceback is shown only with `--debug`.
"""


class AssayError(Exception):
    """Anything Assay says on purpose. Never raised itself."""

    exit_code = 2


class BadInput(AssayError):
    """Wrong usage or input that cannot be accepted: the user can mend it."""

    exit_code = 2


class Refused(BadInput):
    """A submission that intake does not take: nothing of it was stored."""


class LimitExceeded(BadInput):
    """Input that is larger than the limit that protects whoever reads it."""


class Corrupt(AssayError):
    """Stored data that does not match its digest, signature or proof."""

    exit_code = 1


class Unavailable(AssayError):
    """Something outside Assay is missing or failed: no sandbox, no network, no GPU, no package."""

    exit_code = 3
