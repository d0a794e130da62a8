"""A small Lean component that asks for something false: whatever is accepted there is a hole."""

from pathlib import Path

from assay.prove.skeleton import make, template

STATEMENT = template("lean", "trusted/Statement.lean", "triple")
HONEST = template("lean", "src/Main.lean", "triple")
HEAD = "prelude\nimport Statement\n"
WITNESS = "\ntheorem t2 : T2 := Eq.refl\n"


def impossible(folder: Path) -> None:
    """Any two numbers are equal."""
    make("triple", "lean", folder)
    text = STATEMENT.replace("Eq (add n m) (add m n)", "Eq n m")
    (folder / "trusted" / "Statement.lean").write_text(text)


def main(text: str) -> dict[str, str | bytes | None]:
    """`src/Main.lean` with `text` and the honest witness."""
    return {"src/Main.lean": HEAD + text.strip() + "\n" + WITNESS}
