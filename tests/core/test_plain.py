"""Text from strangers: nothing in it can steer a terminal, turn a line around, or hide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.commands.live import LastLines
from assay.core.plain import one_line, terminal_line, terminal_lines, visible


@given(st.text())
def test_what_is_visible_holds_nothing_that_cannot_be_seen(text: str) -> None:
    shown = visible(text)
    assert all(c.isprintable() or c == "\n" for c in shown)
    shown.encode()  # no lone surrogates either


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b", "a\\u2066b"),
        ("a\u200bb", "a\\u200bb"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("a\x00b", "a\\x00b"),
        ("a\udcffb", "a\\udcffb"),
        ("a\U000e0041b", "a\\U000e0041b"),
    ],
)
def test_control_and_direction_characters_are_written_as_escapes(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


def test_accents_stay_and_towers_of_marks_are_written_out() -> None:
    assert visible("e\u0301") == "e\u0301"
    tower = visible("e" + "\u0301" * 50)
    assert tower.count("\u0301") == 4
    assert tower.count("\\u0301") == 46


def test_one_line_is_one_line_and_says_that_it_was_cut() -> None:
    assert one_line("a\nb", 10) == "a\\nb"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
    assert len(one_line("\x00" * 100, 10)) == 10


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;a new title\x07text", "text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "text"),
        ("\x1b]8;;http://x.invalid\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Htext", "text"),
        (" 10%|#  |\r 90%|## |", " 90%|## |"),
        ("done\r", "done"),
        ("\x1b]0;never ended", "0;never ended"),
        ("a\tb", "a   b"),
        ("\x07\x08bell", "\\x07\\x08bell"),
    ],
)
def test_a_line_of_output_is_what_a_terminal_would_leave(printed: str, shown: str) -> None:
    assert terminal_line(printed) == shown


@given(st.binary())
def test_no_output_leaves_anything_that_steers_a_terminal(output: bytes) -> None:
    assert all(line.isprintable() for line in terminal_lines(output))


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_last_lines_do_not_depend_on_how_the_output_was_cut(pieces: list[bytes]) -> None:
    cut, whole = LastLines(5), LastLines(5)
    for piece in pieces:
        cut.feed(piece)
    whole.feed(b"".join(pieces))
    assert cut.lines() == whole.lines()


def test_last_lines_of_endless_output_stay_few_and_short() -> None:
    last = LastLines(3)
    for _ in range(100):
        last.feed(b"x" * 100_000)
    assert len(last.lines()) == 1
    last.feed(b"\nbegin" + b"x" * 100_000)
    assert last.lines()[-1].startswith("x")  # its beginning was not kept
    last.feed(b"\n" + b"\n".join(b"line %d" % i for i in range(50)))
    assert last.lines() == ["line 47", "line 48", "line 49"]
