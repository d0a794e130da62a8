"""Every rule has a page that says what it catches and what it misses, and the overview names it."""

from pathlib import Path

from assay.posttrain.gallery import specimens
from assay.posttrain.integrity import RULES

DOCS = Path(__file__).parents[3] / "docs" / "posttrain"
OF_THE_RULE = {"weights": {"sibling", "untouched-base", "other-model"}}  # findings of one function


def test_every_rule_has_a_page() -> None:
    rules = {name for rule in RULES for name in OF_THE_RULE.get(rule, {rule})}
    rules |= {s.rule for s in specimens() if s.rule and s.rule != "intake"}
    overview = (DOCS / "rules.md").read_text()
    for rule in rules:
        page = (DOCS / "rules" / f"{rule}.md").read_text()
        assert "## What it catches" in page and "Severity:" in page, rule
        assert f"(rules/{rule}.md)" in overview, rule


def test_what_is_out_of_reach_is_on_the_gallerys_page() -> None:
    page = (DOCS / "gallery.md").read_text()
    for specimen in specimens():
        if specimen.out_of_reach:
            assert specimen.out_of_reach in page, specimen.name
