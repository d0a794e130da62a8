"""What is wrong with a payload, by name. Every rule is in `docs/formats/pseudo-gradient.md`."""

from assay.core.errors import BadInput


class WireError(BadInput):
    """A payload, or tensors to be encoded, that break a rule of the format. `rule` is its name."""

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.rule = rule

    def __reduce__(self) -> tuple[type["WireError"], tuple[str, str]]:
        return type(self), (self.rule, str(self))  # so that it crosses process borders whole


# What the compiled decoder returns, by number; 0 is "no fault".
FAULTS: tuple[tuple[str, str], ...] = (
    ("", ""),
    ("truncated", "its streams end within a chunk"),
    ("count", "a chunk announces as many values as fit, or more, where it must have fewer"),
    ("scale", "a chunk's scale is outside the table"),
    ("escape", "a scale is written in the long form although the short one would do"),
    ("index", "an index lies beyond its chunk"),
    ("padding", "bits that mean nothing are not zero"),
    ("levels", "a chunk has no value at its lower level, or an upper level that none or not one of its values has"),
    ("max-scale", "a scale is larger than the limits allow"),
    ("state", "a stream does not end in the state in which every encoder begins"),
    ("unused", "a stream has bytes that nothing reads"),
)


def fault(number: int, chunk: int) -> WireError:
    """The error for a number of `FAULTS`, met at this chunk of the payload."""
    rule, what = FAULTS[number]
    return WireError(rule, f"The payload is refused: {what} (near chunk {chunk}).")
