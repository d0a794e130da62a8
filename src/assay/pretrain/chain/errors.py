"""What a chain refuses, so that a member can tell a missed deadline from a broken rule."""

from assay.core.errors import AssayError


class ChainRefusal(AssayError):
    """The chain did not take a transaction."""

    exit_code = 1


class TooEarly(ChainRefusal):
    """The phase in which this may be done, or be known, has not begun."""


class TooLate(ChainRefusal):
    """The deadline has passed."""


class NotAllowed(ChainRefusal):
    """The rules of the run forbid it: the sentence says which."""
