"""The audit of compiled proofs: what is false, though this kernel accepts it, is refused; honest proofs are not."""

import struct
import subprocess
from pathlib import Path

import pytest

from assay.core.errors import BadInput
from assay.core.sandbox import open_sandbox
from assay.core.verdict import Outcome
from assay.prove.gallery.rocq_kernel import SPECIMENS
from assay.prove.gallery.specimen import Specimen, build, judge
from assay.prove.provers.marshalled import Block, NotMarshalled, segments, unmarshal
from assay.prove.provers.rocq_audit import VERSIONS, audit, includes
from assay.prove.provers.rocq_toolchain import toolchain

HEADER = struct.pack(">IIIII", 0x8495A6BE, 0, 0, 0, 0)


def compiled(specimen: Specimen, folder: Path) -> tuple[Path, bytes]:
    """The specimen's proofs, compiled as they stand: the kernel has to accept them, or the test shows nothing."""
    if not toolchain().version.startswith(VERSIONS):
        pytest.skip("the mistakes are those of another version")
    place = build(specimen, folder)
    names = ["-Q", "trusted", "Task", "-Q", "src", "Own"]
    for path in ("trusted/Statement.v", "src/Main.v"):
        subprocess.run(["coqc", "-q", "-noglob", *names, path], cwd=place, check=True, capture_output=True, timeout=600)
    return place, (place / "src" / "Main.vo").read_bytes()


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_what_the_kernel_accepts_wrongly_is_refused(rocq: None, specimen: Specimen, tmp_path: Path) -> None:
    place, data = compiled(specimen, tmp_path)
    found = list(audit([("src/Main.v", data)], [("src/Main.v", (place / "src" / "Main.v").read_text())]))
    assert bool(found) is specimen.rogue, found


def test_the_gate_says_so(rocq: None, tmp_path: Path) -> None:
    specimen = next(s for s in SPECIMENS if s.name == "functor_by_inclusion")
    judgement = judge(specimen, tmp_path, open_sandbox())
    assert judgement.outcome is Outcome.REJECTED and "kernel" in judgement.rules
    assert "functor" in judgement.sentence


def test_a_damaged_compiled_file_is_never_taken_for_a_good_one(rocq: None, tmp_path: Path) -> None:
    honest = next(s for s in SPECIMENS if not s.rogue)
    _, data = compiled(honest, tmp_path)
    for cut in (0, 3, 12, 40, len(data) // 2, len(data) - 1):
        with pytest.raises((NotMarshalled, ValueError)):
            list(audit([("m", data[:cut])], []))


def test_marshalled_values_are_read_back() -> None:
    # (1, "ab", (-2, <the same string>)): a block of three, a string, a block of two, a pointer back.
    pair = bytes([0xA0, 0x00, 0xFE, 0x04, 2])
    value = unmarshal(HEADER + bytes([0xB0, 0x41, 0x22]) + b"ab" + pair)
    assert isinstance(value, Block) and value.tag == 0
    assert value.fields[:2] == [1, b"ab"]
    inner = value.fields[2]
    assert isinstance(inner, Block) and inner.fields == [-2, b"ab"]


@pytest.mark.parametrize(
    "tail",
    [b"", b"\xb0\x41", b"\x12_i\0", b"\x0a\xff\xff\xff\xff", b"\x04\x01", b"\x08\xff\xff\xff\x00", b"\x10"],
    ids=["nothing", "cut off", "custom", "long string", "pointer", "large block", "code"],
)
def test_what_is_not_marshalled_is_refused(tail: bytes) -> None:
    with pytest.raises(NotMarshalled):
        unmarshal(HEADER + tail)
    with pytest.raises(NotMarshalled):
        segments(tail + bytes(8))


@pytest.mark.parametrize(
    "text", ["Include M.", "Module A := B <+ C.", "Time Include Type T.", "Module Type A := B\n <+ C."]
)
def test_inclusion_is_seen(text: str) -> None:
    assert includes(f"Definition a := 1. {text}") == 1


def test_words_of_inclusion_elsewhere_are_not_meant() -> None:
    assert includes('(* Include M. *) Definition Included := "Include". Definition a := Include.') is None


def test_a_file_that_changes_while_it_is_checked_is_noticed(skeleton: Path, tmp_path: Path) -> None:
    from assay.prove.component import read, source_bytes

    place = tmp_path / "triple"
    place.mkdir()
    for path in ("component.toml", "c/triple.c"):
        (place / path).parent.mkdir(exist_ok=True)
        (place / path).write_bytes((skeleton / path).read_bytes())
    component = read(place)
    assert source_bytes(component, "c/triple.c") == (place / "c" / "triple.c").read_bytes()
    (place / "c" / "triple.c").write_text("int other;\n")
    with pytest.raises(BadInput, match="changed while"):
        source_bytes(component, "c/triple.c")
