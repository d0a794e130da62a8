"""`component.toml` and the files around it, read strictly."""

import shutil
from pathlib import Path

import pytest

from assay.core.errors import BadInput, LimitExceeded, Refused
from assay.prove.component import parse, read


def text(folder: Path) -> str:
    return (folder / "component.toml").read_text()


def test_the_skeleton_is_a_component(skeleton: Path) -> None:
    component = read(skeleton)
    assert component.name == "triple"
    assert {"src/Main.v", "trusted/Statement.v", "c/triple.c"} <= component.files.keys()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "triple"', 'name = "../evil"', "name"),
        ('schema = "assay.component/1"', 'schema = "assay.component/2"', "schema"),
        ('proof = "Main.right"', 'proof = "Main.right. Axiom x : False"', "not a name"),
        ('printer = "TripleTrusted.Language.print"', 'printer = "print (* \\u0430 *)"', "not a name"),
        ('c = "c/triple.c"', 'c = "../../etc/passwd"', "c/name.c"),
        ('submission = "Triple"', 'submission = "Coq"', "Coq"),
        ('submission = "Triple"', 'submission = "TripleTrusted"', "names of their own"),
        ('symbol = "triple"', 'symbol = "f(void){}"', "plain name"),
        ('returns = "u64"', 'returns = "written"', "written"),
        ("[source]", "surprise = 1\n[source]", "surprise"),
    ],
)
def test_what_a_component_cannot_say_is_refused_with_the_reason(skeleton: Path, old: str, new: str, said: str) -> None:
    assert old in text(skeleton)
    with pytest.raises(BadInput, match=said):
        parse(text(skeleton).replace(old, new, 1).encode(), "component.toml")


def test_a_library_lies_beside_the_component_and_nowhere_else(skeleton: Path, tmp_path: Path) -> None:
    place = tmp_path / "c"
    place.mkdir()
    changed = text(skeleton).replace(
        'trusted = "TripleTrusted"', 'trusted = "TripleTrusted"\nlibraries = { L = "src" }'
    )
    (place / "component.toml").write_text(changed)
    with pytest.raises(BadInput, match="beside the component"):
        read(place)


def test_compiled_files_are_left_out_and_named(skeleton: Path, tmp_path: Path) -> None:
    place = tmp_path / "triple"
    shutil.copytree(skeleton, place)
    before = read(place).digest
    for name in ("src/Main.vo", "src/Main.vos", "src/.Main.aux", "c/triple.so", "tests/__pycache__/x.pyc"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"\0")
    found = read(place)
    assert found.digest == before
    assert "src/Main.vo" in found.ignored and "c/triple.so" in found.ignored


def test_a_changed_byte_changes_the_digest(skeleton: Path, tmp_path: Path) -> None:
    place = tmp_path / "triple"
    shutil.copytree(skeleton, place)
    before = read(place)
    (place / "src" / "Program.v").write_text((place / "src" / "Program.v").read_text() + " ")
    assert read(place).digest != before.digest
    assert read(place).trusted_digest == before.trusted_digest
    (place / "trusted" / "Statement.v").write_text((place / "trusted" / "Statement.v").read_text() + " ")
    assert read(place).trusted_digest != before.trusted_digest


def test_links_and_crowds_are_refused(skeleton: Path, tmp_path: Path) -> None:
    place = tmp_path / "triple"
    shutil.copytree(skeleton, place)
    (place / "src" / "Link.v").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="symbolic link"):
        read(place)
    (place / "src" / "Link.v").unlink()
    for number in range(5_100):
        (place / "src" / f"F{number}.v").touch()
    with pytest.raises(LimitExceeded, match="5000 files"):
        read(place)


def test_a_folder_without_a_component_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="assay prove new"):
        read(tmp_path)


def test_the_copies_of_the_specification_of_deflate_are_one() -> None:
    """A component carries its whole trusted statement: three of them have RFC 1951, and it must not drift apart."""
    proofs = Path(__file__).parents[2] / "proofs"
    texts = {(proofs / name / "trusted" / "Rfc1951.v").read_bytes() for name in ("zlib", "inflate", "deflate")}
    assert len(texts) == 1
