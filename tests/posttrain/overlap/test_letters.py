"""The parts: letters and their places, the search over batches, and what an alignment counts."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInput
from assay.posttrain.overlap import Reference, ReferenceItem
from assay.posttrain.overlap.align import ItemLetters, Numbers, compare_numbers
from assay.posttrain.overlap.decode import decodings, suspicious
from assay.posttrain.overlap.normalise import fold, fold_many

TEXTS = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from("abc XYZ\u2019\u201c\u00a0\\nu0041x\u200b\u0430é中가\ud800")),
    max_size=80,
)


@given(st.lists(TEXTS, max_size=6))
def test_folding_many_texts_gives_the_letters_of_each(texts: list[str]) -> None:
    codes, starts = fold_many(texts)
    each = [codes[a:b].tolist() for a, b in pairwise(starts)]
    assert each == [fold(text).codes.tolist() for text in texts]


@given(TEXTS)
def test_every_letter_knows_its_place(text: str) -> None:
    letters = fold(text)
    assert all(0 <= offset < len(text) for offset in letters.offsets)
    assert (np.diff(letters.offsets) > 0).all()
    for code, offset in zip(letters.codes, letters.offsets, strict=True):
        if text[offset].isascii() and text[offset] != "\\":
            assert chr(code) == text[offset].lower()


@pytest.mark.parametrize(
    "written",
    ["Cafe", "CAFÉ", "c a f e", "c-a-f-e", "\u0441\u0430f\u0435", "ｃａｆｅ", "𝐜𝐚𝐟𝐞",
     "c\u200ba\u00adfe", "\\u0063afe", "\\x63afe", "\\ncafe",
     "c4a5f6e", "ⓒⓐⓕⓔ", "🇨🇦🇫🇪", "\U000e0063afe", "ᴄᴀꜰᴇ"],
)  # fmt: skip
def test_ways_to_write_a_word_are_one(written: str) -> None:
    assert fold(written).string() == "cafe"


def test_other_scripts_keep_their_letters() -> None:
    assert fold("問題は 12 個").string() == "問題は個"
    assert fold("한국어").string() == "한국어"
    assert len(fold("Жизнь")) == 5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abcdefghij ", min_size=60, max_size=300), min_size=1, max_size=5, unique=True), st.data())
def test_an_item_is_found_wherever_it_stands(texts: list[str], data: st.DataObject) -> None:
    usable = [text for text in texts if len(fold(text)) >= 30]
    if not usable:
        return
    reference = Reference.build(ReferenceItem(str(number), text) for number, text in enumerate(usable))
    before = data.draw(st.text("klmnop ", max_size=5000))
    number = data.draw(st.integers(0, len(usable) - 1))
    found = reference.scan_batch(["", before + usable[number] + before, "qrst"])
    assert str(number) in {match.item_id for match in found[1]}
    assert found[0] == found[2] == []


def test_a_weak_match_is_found_wherever_the_windows_end(items: dict[str, str]) -> None:
    """A part that is just enough must never be looked at in two halves."""
    words = f"{items['quarry']} {items['kites']} {items['tram']}".split()
    reference = Reference.build([ReferenceItem("all", " ".join(words))])
    part = " ".join(words[: round(0.37 * len(words))])
    assert len(reference.scan_text(part)) == 1
    for before in range(2048 - len(fold(part)), 2049, 4):
        assert len(reference.scan_text("z" * before + part + "z" * 9000)) == 1, before


def test_a_batch_finds_what_single_texts_find(reference: Reference, items: dict[str, str]) -> None:
    texts = [f"{text[:90]} and so on {other[40:]}" for text in items.values() for other in items.values()]
    assert reference.scan_batch(texts) == [reference.scan_text(text) for text in texts]


def test_building_twice_gives_the_same_matches(items: dict[str, str]) -> None:
    text = " ".join(items.values())
    build = [Reference.build(ReferenceItem(k, v) for k, v in items.items()) for _ in range(2)]
    assert build[0].scan_text(text) == build[1].scan_text(text)


def test_items_with_the_same_letters_are_all_named() -> None:
    text = "brackets is a string of {} and {}. return True if every opening bracket has a closing one."
    reference = Reference.build(
        [ReferenceItem("round", text.format("(", ")")), ReferenceItem("angle", text.format("<", ">"))]
    )
    assert {match.item_id for match in reference.scan_text(text)} == {"round", "angle"}


def test_items_too_short_to_tell_are_named() -> None:
    reference = Reference.build(
        [ReferenceItem("short", "What is 2 + 2?"), ReferenceItem("long", "What is the capital of Upper Volta?")]
    )
    assert reference.too_short == ("short",)


def test_a_reference_without_items_is_refused() -> None:
    with pytest.raises(BadInput, match="no items"):
        Reference.build([])


def aligned(item: str, text: str) -> float:
    alignment = ItemLetters(item, np.ones(len(item))).align(text)
    return alignment.share if alignment else 0.0


def test_gaps_cost_and_repetition_earns_nothing() -> None:
    item = "thequickbrownfoxjumpsoverthelazydogatnoon"
    assert aligned(item, item) == 1.0
    assert aligned(item, item.replace("fox", "cat")) < 1.0
    assert aligned(item, item[:20]) == pytest.approx(20 / len(item))
    assert aligned(item, item[:20] * 5) == pytest.approx(20 / len(item))
    far_apart = item[:20] + "z" * 100 + item[20:]
    assert aligned(item, far_apart) == pytest.approx(21 / len(item))
    assert aligned(item, item[20:] + item[:20]) == pytest.approx((len(item) - 8) / len(item))


@pytest.mark.parametrize(
    ("text", "item", "expected"),
    [
        ("4 cows, 12 pigs", "4 cows, 12 pigs", Numbers.AGREE),
        ("4 cows, 13 pigs, $1,250.", "4 cows, 12 pigs, $1250", Numbers.AGREE),
        ("4 cows, 12 pigs", "5 cows, 13 pigs", Numbers.CONFLICT),
        ("some cows", "5 cows, 13 pigs", Numbers.SILENT),
    ],
)
def test_numbers_are_compared(text: str, item: str, expected: Numbers) -> None:
    assert compare_numbers(text, item) is expected


@pytest.mark.parametrize(
    "text",
    ["[" + "7, " * 5000, "aA0+" * 5000, "0x" * 5000,
     '" + "' * 5000, "\\n" * 5000, "%4" * 9000, "&#" * 9000, "=4" * 9000,
     "01" * 20000, "a b " * 400000 + "01" * 200000, "a1" * 9000, "1 " * 20000, "f\\x" * 9000, "AB\n" * 9000],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_hostile_text_does_not_stall_the_decoders(text: str) -> None:
    """Each takes milliseconds; a pattern that backtracks would take years."""
    suspicious([text])
    assert len(list(decodings(text))) < 100


@given(TEXTS)
def test_decoding_never_fails(text: str) -> None:
    list(decodings(text))
    suspicious([text, text * 3])


PARTS = st.sampled_from(["plain text here ", "a1b2 ", "A" * 30, "12, " * 40, "x\0y", "%41", "é ü ", "&#65;"])


@given(st.lists(st.lists(PARTS, max_size=8).map("".join), min_size=1, max_size=6))
def test_a_glance_at_many_texts_sees_what_a_glance_at_each_sees(texts: list[str]) -> None:
    each = {number: look[0] for number, text in enumerate(texts) if (look := suspicious([text]))}
    assert suspicious(texts) == each
