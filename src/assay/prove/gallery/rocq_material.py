"""Two small Rocq components that the gallery's specimens are laid over.

`impossible` asks for something false: whatever is accepted there is a hole. `plain` asks for something easy.
"""

from collections.abc import Callable
from pathlib import Path

_TOML = """schema = "assay.component/1"
name = "gallery"
title = "A specimen"
about = "A component of the gallery."
prover = "rocq"

[source]
library = "none"
version = "1"

[rocq]
submission = "Own"
trusted = "Task"

[[theorem]]
statement = "Statement.T1"
proof = "Main.t1"
says = "{says}"

[[theorem]]
statement = "Statement.T2"
proof = "Main.t2"
says = "Two and two are four."
role = "witness"
"""

_STATEMENT = """(** What is asked. *)
Definition T1 : Prop := {statement}.

(** A known value. *)
Definition T2 : Prop := 2 + 2 = 4.
"""

WITNESS = "Theorem t2 : Statement.T2.\nProof. reflexivity. Qed.\n"
HEAD = "From Task Require Statement.\n"


def component(statement: str, says: str) -> Callable[[Path], None]:
    """A base with `statement` as its theorem."""

    def base(folder: Path) -> None:
        (folder / "trusted").mkdir(parents=True)
        (folder / "src").mkdir()
        (folder / "component.toml").write_text(_TOML.format(says=says))
        (folder / "trusted" / "Statement.v").write_text(_STATEMENT.format(statement=statement))

    return base


impossible = component("forall n m : nat, n = m", "Any two numbers are equal: false.")
plain = component("forall n m : nat, n + m = m + n", "Addition commutes.")


def main(text: str) -> dict[str, str | bytes | None]:
    """`src/Main.v` with `text` and the honest witness."""
    return {"src/Main.v": HEAD + text.strip() + "\n" + WITNESS}
