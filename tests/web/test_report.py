"""The report: what a reader finds on it, and that nobody whose words are on it can change what it does."""

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import Unavailable
from assay.core.ledger import VERDICT_PREDICATE, Entry, Ledger, Statement, Subject
from assay.core.store import Store
from assay.core.verdict import Evidence, Finding, Interval, Measure, Outcome, Severity
from assay.web import report
from tests.web import examples
from tests.web.examples import append, measure, run, scores, verdict

HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\" onload='x' {{ 7 * 7 }} {% raw %} </style></svg>--><h1>owned</h1>",
    "\x1b]0;owned\x07\x1b[2J \u202eevil\u2066 \u200b \x00 \udcff".encode("utf-8", "replace").decode(),
]
TAGS = {
    "a",
    "article",
    "body",
    "circle",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "g",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "header",
    "html",
    "li",
    "line",
    "meta",
    "ol",
    "p",
    "path",
    "pre",
    "rect",
    "section",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
}


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.pieces))

    def of(self, tag: str, kind: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and kind in (a.get("class") or "").split()]


@pytest.fixture
def page(entries: list[Entry], store: Store) -> str:
    return report.render(entries, store, title="A comparison")


def hostile_entry(ledger: Ledger, store: Store, words: str) -> Entry:
    """A verdict in which every string that a worker or a signer chooses is `words`."""
    finding = Finding(
        rule=words,
        severity=Severity.VIOLATION,
        message=words,
        evidence=(Evidence(where=words, what=words, matches=words, score=0.5),),
    )
    said = verdict(
        words,
        (measure(words, 1, 0, 2, unit=words), *scores(9, 8, 10)),
        (finding,),
        task=f"posttrain/{words}",
        method={words: words, "deep": {words: {words: [words]}}, "rules": [words]},
        outcome=Outcome.REJECTED,
        reason=words,
    )
    about = run(store, words, 100, 1e9).model_copy(
        update={"sandbox": words, "transcript": store.put_bytes(words.encode("utf-8", "replace"))}
    )
    document = {**about.to_json(), "records": {words: digest_bytes(b"")}}
    return ledger.append_verdict(said, run=document)


# What a reader finds ------------------------------------------------------------------------------------------------


def test_the_page_says_who_did_what_and_how_it_ended(page: str) -> None:
    text = Page(page).text
    assert "3 verdicts on 1 task: 1 accepted, 1 rejected, 1 inconclusive." in text
    assert "Function calling with SmolLM2-135M" in text
    assert "Post-train SmolLM2-135M so that it answers a request with the right call" in text
    for said in (
        "python honest.py ✓ accepted",
        "python cheat.py --epochs 6 ✗ rejected",
        "python slow.py ? inconclusive",
    ):
        assert said in text
    assert "27.0 %" in text and "18.0 to 36.0" in text
    assert "+24.0 points" in text and "+15.0 to +33.0" in text
    assert "The worker was stopped: it reached its limit on wall clock." in text


def test_the_page_gives_the_commands_to_check_it(page: str, entries: list[Entry]) -> None:
    text = Page(page).text
    assert "assay ledger verify" in text
    for entry in entries:
        assert f"assay ledger prove {entry.index} --output entry-{entry.index}.json" in text
        assert f"assay verify {entry.statement.subjects[0].digest}" in text


def test_the_evidence_names_rows_and_test_items_and_the_rest_is_folded(page: str) -> None:
    text = Page(page).text
    for i in range(25):
        assert f"data/train_mix.jsonl, row {17 * i + 3}" in text
        assert f"exec_simple_{4 * i}" in text
    assert "20 more pieces of evidence" in text
    folded = page.split("20 more pieces of evidence")[1]
    assert "exec_simple_16" not in folded and "exec_simple_20" in folded


def test_more_evidence_than_a_page_holds_is_counted(ledger: Ledger, store: Store) -> None:
    said = verdict("x", scores(9, 8, 10), (examples.contamination(600),))
    text = Page(report.render([append(ledger, store, said, None)], store, title="t")).text
    assert "595 more pieces of evidence" in text
    assert "And 100 more: assay ledger show 0 has them all." in text


def test_the_budget_that_was_used_is_in_figures_and_drawn_over_time(page: str) -> None:
    parsed = Page(page)
    for figure in ("3:34", "10:00", "36 %", "3.2 GiB", "12.0 GiB"):
        assert figure in parsed.text
    assert "Memory: peak 3.2 GiB of 12.0 GiB" in parsed.text
    assert len(parsed.of("path", "line")) == 9  # memory, processors and disk of three runs
    used = [rect["x"] for rect in parsed.of("rect", "unused")]
    assert len(used) == 6  # the run that used all of its time has none left
    assert used[0] == "35.58%"  # 213.5 of 600 seconds


def test_the_method_with_its_seed_is_there(page: str) -> None:
    text = Page(page).text
    assert "percentile bootstrap over 32 groups, 10000 resamples, seed 20261121" in text
    assert "decoding.max_new_tokens 144" in text
    assert "versions.torch 2.7.1" in text


# Plots --------------------------------------------------------------------------------------------------------------


def percent(attributes: dict[str, str | None], name: str) -> float:
    value = attributes[name]
    assert value and value.endswith("%")
    return float(value[:-1])


def test_intervals_are_drawn_to_scale_around_their_values(page: str) -> None:
    """Accuracy 27 (18 to 36) on an axis from 0 to 80, between 3 % and 97 % of the width."""
    parsed = Page(page)
    bar = parsed.of("line", "bar")[0]
    assert percent(bar, "x1") == pytest.approx(3 + 94 * 18 / 80, abs=0.01)
    assert percent(bar, "x2") == pytest.approx(3 + 94 * 36 / 80, abs=0.01)
    assert percent(parsed.of("circle", "mark")[0], "cx") == pytest.approx(3 + 94 * 27 / 80, abs=0.01)


def test_the_base_and_zero_are_lines_to_compare_with(page: str) -> None:
    parsed = Page(page)
    assert percent(parsed.of("line", "baseline")[0], "x1") == pytest.approx(3 + 94 * 3 / 80, abs=0.01)
    assert "base accuracy: 3.0 (0.0 to 7.0)" in parsed.text
    # From -20 to 80 points.
    assert percent(parsed.of("line", "zero")[0], "x1") == pytest.approx(3 + 94 * 20 / 100, abs=0.01)


def test_bases_that_differ_are_shown_each(ledger: Ledger, store: Store) -> None:
    other = (measure("accuracy", 27, 18, 36), measure("base accuracy", 4, 1, 8))
    saids = [verdict("a", scores(27, 18, 36)), verdict("b", other, outcome=Outcome.INCONCLUSIVE)]
    entries = [append(ledger, store, said, None) for said in saids]
    parsed = Page(report.render(entries, store, title="t"))
    assert not parsed.of("line", "baseline")
    assert "#0 base accuracy" in parsed.text and "#1 base accuracy" in parsed.text


def test_outcomes_differ_by_shape_and_word_not_by_colour_alone(page: str) -> None:
    parsed = Page(page)
    assert parsed.of("svg", "cross")
    for label in ("✓ #0", "✗ #1", "? #2"):
        assert label in parsed.text


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=3), st.sampled_from(["%", "points", "s", ""]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_figures_give_a_page_with_sound_coordinates(
    ledger: Ledger, store: Store, triples: list[tuple[float, float, float]], unit: str
) -> None:
    entries = []
    for value, *ends in triples:
        interval = Interval(low=min(ends), high=max(ends), method="m")
        own = [Measure(name=n, value=value, unit=unit, n=3, interval=interval) for n in ("accuracy", "improvement")]
        bare = Measure(name="base accuracy", value=ends[0], unit=unit, n=3)
        entries.append(append(ledger, store, verdict("x", (*own, bare), outcome=Outcome.INCONCLUSIVE), None))
    page = Page(report.render(entries, store, title="t"))
    for _, attributes in page.elements:
        for name in ("x", "x1", "x2", "cx", "width"):
            if (attributes.get(name) or "").endswith("%"):
                assert -0.01 <= percent(attributes, name) <= 100.01


# Strangers' words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", HOSTILE)
def test_no_word_of_a_stranger_becomes_an_element_or_an_attribute(ledger: Ledger, store: Store, words: str) -> None:
    page = report.render([hostile_entry(ledger, store, words)], store, title=words)
    parsed = Page(page)
    assert {tag for tag, _ in parsed.elements} <= TAGS
    assert [tag for tag, _ in parsed.elements].count("h1") == 1
    assert not [n for _, attributes in parsed.elements for n in attributes if n.startswith("on") or n == "style"]
    assert "owned" in parsed.text or "evil" in parsed.text  # it is shown, as text
    assert "49" not in Page(page).of("p", "house")


@pytest.mark.parametrize("words", HOSTILE)
def test_no_control_or_direction_character_reaches_the_page(ledger: Ledger, store: Store, words: str) -> None:
    page = report.render([hostile_entry(ledger, store, words)], store, title=words)
    assert [c for c in page if not c.isprintable() and c != "\n"] == []


def test_direction_marks_are_shown_as_escapes(ledger: Ledger, store: Store) -> None:
    page = report.render([hostile_entry(ledger, store, "model\u202efdp.txt")], store, title="t")
    assert "model\\u202efdp.txt" in page


def test_long_words_are_cut(ledger: Ledger, store: Store) -> None:
    page = report.render([hostile_entry(ledger, store, "w" * 20_000)], store, title="t")
    assert "w" * 2000 in page and "w" * 2001 not in page


def test_the_page_loads_nothing_and_allows_nothing(ledger: Ledger, store: Store) -> None:
    entries = [*examples.fill(ledger, store), *(hostile_entry(ledger, store, words) for words in HOSTILE)]
    page = report.render(entries, store, title="t")
    parsed = Page(page)
    for _, attributes in parsed.elements:
        assert not {"src", "srcset", "action", "xlink:href", "background", "poster", "data"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#entry-") or "href" not in attributes
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    assert not re.search(r"url\(|@import|@font-face|expression", style)
    (policy,) = [a["content"] for t, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy"]
    own = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_a_real_browser_styles_the_page_and_runs_nothing(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser here: install the package chromium")
    entries = [*examples.fill(ledger, store), *(hostile_entry(ledger, store, words) for words in HOSTILE)]
    report.write(entries, store, tmp_path / "page.html", title="Untouched")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags = [*quiet, "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"]
    done = subprocess.run(
        [browser, *flags, "--dump-dom", (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120
    )
    assert "<title>Untouched</title>" in done.stdout
    assert "Content Security Policy" not in done.stderr  # no violation: the style was taken, nothing else was tried


# What is missing or not a verdict -----------------------------------------------------------------------------------


def test_entries_that_are_no_verdicts_are_left_out_and_named(ledger: Ledger, store: Store) -> None:
    said = verdict("x", scores(27, 18, 36))
    other = Subject(digest_bytes(b"other"), "submission")
    broken: dict[str, Any] = {**said.to_json(), "outcome": "excellent"}
    entries = [
        append(ledger, store, said, None),
        ledger.append(Statement((other,), "urn:test:round:v1", {"n": 1})),
        ledger.append(Statement((other,), VERDICT_PREDICATE, {"verdict": broken, "run": None})),
        ledger.append(Statement((other,), VERDICT_PREDICATE, {"verdict": said.to_json(), "run": None})),
        ledger.append(
            Statement((Subject(said.submission),), VERDICT_PREDICATE, {"verdict": said.to_json(), "run": ["x"]})
        ),
    ]
    text = Page(report.render(entries, store, title="t")).text
    assert "1 verdict on 1 task: 1 accepted. 4 entries are not shown here" in text
    assert "Entry 1: it is of another kind: urn:test:round:v1." in text
    assert "Entry 2: it is not a verdict that this version of Assay can read." in text
    assert "Entry 3: its verdict is not about what the entry is about." in text
    assert "Entry 4: it is not a verdict that this version of Assay can read." in text
    assert "excellent" not in text


def test_no_verdict_at_all_is_a_page_that_says_so(store: Store) -> None:
    assert "There is no verdict to show." in Page(report.render([], store, title="t")).text


def test_a_task_of_another_version_is_not_described_with_todays_words(ledger: Ledger, store: Store) -> None:
    said = verdict("x", scores(27, 18, 36), task_digest=digest_bytes(b"another version"))
    text = Page(report.render([append(ledger, store, said, None)], store, title="t")).text
    assert "The text of this task is not known here" in text
    assert "Post-train SmolLM2-135M" not in text


def damaged_meters(how: str) -> bytes:
    document = examples.meters(20, 1e9, 0)
    if how == "not JSON":
        return b"{"
    if how == "another schema":
        document["schema"] = "assay.meters/2"
    if how == "columns swapped":
        document["columns"] = document["columns"][::-1]
    if how == "out of order":
        document["rows"].reverse()
    if how == "negative":
        document["rows"][3][2] = -1
    if how == "too many":
        document["rows"] = [[i, 0, 0, 0, 0] for i in range(20_001)]
    if how == "too large":
        document["enforcement"] = "x" * (4 << 20)
    return canonical_json(document)


@pytest.mark.parametrize(
    "how", ["not JSON", "another schema", "columns swapped", "out of order", "negative", "too many", "too large"]
)
def test_meters_that_cannot_be_read_are_said_and_the_verdict_is_shown(how: str, ledger: Ledger, store: Store) -> None:
    about = run(store, "w", 20, 1e9).model_copy(update={"meters": store.put_bytes(damaged_meters(how))})
    parsed = Page(report.render([append(ledger, store, verdict("x", scores(9, 8, 10)), about)], store, title="t"))
    assert "The use over time is not shown:" in parsed.text
    assert not parsed.of("path", "line")
    assert "✓ accepted" in parsed.text


def test_meters_and_transcript_that_are_not_in_the_store_are_said(ledger: Ledger, store: Store) -> None:
    gone = digest_bytes(b"gone")
    about = run(store, "w", 20, 1e9).model_copy(update={"meters": gone, "transcript": gone})
    text = Page(report.render([append(ledger, store, verdict("x", scores(9, 8, 10)), about)], store, title="t")).text
    assert "The use over time is not shown:" in text
    assert "What the worker printed is not shown:" in text
    assert text.count(gone) >= 2


def test_the_end_of_a_long_transcript_is_shown_without_colours(ledger: Ledger, store: Store) -> None:
    printed = b"begin\n" + b"".join(b"\x1b[31mstep %d\x1b[0m\n" % i for i in range(20_000)) + b"\xff\rlast words"
    about = run(store, "w", 20, 1e9).model_copy(update={"transcript": store.put_bytes(printed)})
    page = report.render([append(ledger, store, verdict("x", scores(9, 8, 10)), about)], store, title="t")
    (lines,) = re.findall(r"<pre>(.*?)</pre>", page, flags=re.DOTALL)
    assert lines.strip().splitlines() == [*(f"step {i}" for i in range(19_961, 20_000)), "last words"]


# Writing ------------------------------------------------------------------------------------------------------------


def test_equal_ledgers_give_equal_pages(entries: list[Entry], store: Store) -> None:
    assert report.render(entries, store, title="t") == report.render(iter(entries), store, title="t")


def test_the_file_appears_whole_and_nothing_is_left_beside_it(
    entries: list[Entry], store: Store, tmp_path: Path
) -> None:
    dest = tmp_path / "out" / "report.html"
    dest.parent.mkdir()
    dest.write_text("before")
    report.write(entries, store, dest, title="t")
    assert dest.read_text(encoding="utf-8") == report.render(entries, store, title="t")
    assert [path.name for path in dest.parent.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_made_leaves_the_old_one(entries: list[Entry], tmp_path: Path) -> None:
    dest = tmp_path / "report.html"
    dest.write_text("before")
    with pytest.raises(AttributeError):
        report.write(entries, None, dest, title="t")  # type: ignore[arg-type]
    assert dest.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.html"]


def test_a_folder_in_the_way_is_one_sentence_and_nothing_is_left(
    entries: list[Entry], store: Store, tmp_path: Path
) -> None:
    dest = tmp_path / "out" / "report.html"
    dest.mkdir(parents=True)
    with pytest.raises(Unavailable, match="cannot be written: Is a directory"):
        report.write(entries, store, dest, title="t")
    assert [path.name for path in dest.parent.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_one_sentence(entries: list[Entry], store: Store, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"missing/report.html cannot be written: No such file"):
        report.write(entries, store, tmp_path / "missing" / "report.html", title="t")
