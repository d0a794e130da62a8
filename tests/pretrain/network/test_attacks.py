"""Attackers that choose their moment, tolerance or name: out at their first lie and unpaid, and honest ones kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from assay.core.errors import BadInput
from assay.pretrain.data import Corpus
from assay.pretrain.recipe import Recipe
from assay.pretrain.simulation import campaign, network
from assay.pretrain.simulation.attacks import ATTACKS, MIXTURES
from assay.pretrain.simulation.network import Cast, RoundResult
from assay.pretrain.simulation.summary import summarise
from assay.pretrain.simulation.table import put_into, table, what_it_does
from assay.pretrain.training import Workbench
from tests.pretrain.network.conftest import MakeNetwork, Past


@pytest.mark.slow
@pytest.mark.parametrize(
    "attacks",
    [
        ("sleeping-backdoor", "after-check", "false-books", "drifting-state"),
        ("whitewash", "echo", "chosen-reveal", "hit-and-run"),
        ("amnesiac", "evaluation-pool", "index-copy", "shared-work", "shared-work"),
    ],
)
def test_adaptive_attackers_are_out_at_their_first_lie(attacks: tuple[str, ...], make_network: MakeNetwork) -> None:
    cast = Cast(4, attacks, ("honest",))
    results = make_network(cast).run(6)
    summary = summarise(cast, results)
    assert {uid for result in results for uid in result.lied} == set(summary.excluded_after) != set()
    assert max(summary.excluded_after.values()) <= 1
    assert (summary.captured, summary.honest_expelled) == (0.0, [])
    assert set(results[-1].selected) >= {0, 1, 2, 3}


def test_who_comes_back_under_another_name_pays_another_bond_each_time(make_network: MakeNetwork) -> None:
    made = make_network(Cast(3, ("whitewash",), ("honest",)))
    results = made.run(5)
    names = {uid for result in results for uid in result.lied}
    assert len(names) >= 2 and names.isdisjoint({0, 1, 2})
    assert not any(set(result.selected) & names or any(result.weights.get(uid) for uid in names) for result in results)


def result(round_: int, **changes: object) -> RoundResult:
    empty = RoundResult(
        round=round_,
        loss=2.0,
        tokens=0,
        bytes_sent={},
        selected=[0],
        expelled=[],
        weights={},
        paid={0: 10 * (round_ + 1), 1: 0},
        lied=[],
    )
    return replace(empty, **changes)  # type: ignore[arg-type]


def test_an_attacker_is_judged_from_its_first_lie() -> None:
    cast = Cast(1, ("sleeper",))
    paid = [{0: 10, 1: 10}, {0: 20, 1: 20}, {0: 30, 1: 30}, {0: 40, 1: 30}]
    results = [
        result(0, selected=[0, 1], paid=paid[0]),
        result(1, selected=[0, 1], lied=[1], paid=paid[1]),
        result(2, weights={1: 5}, lied=[1], paid=paid[2]),
        result(3, lied=[1], expelled=[1], paid=paid[3]),
    ]
    found = summarise(cast, results)
    assert found.excluded_after == {1: 2}
    assert found.captured == pytest.approx(20 / 70)
    assert found.selected_harm == 1
    assert summarise(cast, [result(0, lied=[1]), result(1, expelled=[0, 1], lied=[])]).excluded_after == {1: 0}
    assert summarise(cast, [result(0, expelled=[0, 1])]).honest_expelled == [0]


def test_what_a_simulation_remembers_changes_nothing(
    make_network: MakeNetwork, honest: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "Remembering", Forgetful)
    cast = Cast(4, validators=("honest", "honest"))
    assert make_network(cast).run(2) == honest.results[:2]


class Forgetful(Workbench):
    """Computes everything again."""

    def forget(self) -> None:
        pass


def test_a_campaign_goes_on_where_it_stopped(
    recipe: Recipe, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(names: list[str]) -> list[campaign.Line]:
        settings = {"honest": 2, "attackers": 1, "rounds": 1, "seeds": range(1), "report": said.append}
        return list(campaign.run(recipe, corpus.digest, tmp_path, names=names, **settings))  # type: ignore[arg-type]

    said: list[str] = []
    first = run(["late"])
    assert [line.partition(":")[0] for line in said] == ["clean, seed 0", "late, seed 0"]
    both = run(["late", "withheld"])
    assert [line.partition(":")[0] for line in said[2:]] == ["withheld, seed 0"]
    assert both[0] == first[0] and both[0].fails == []
    monkeypatch.setattr(campaign, "Network", None)  # nothing is run any more
    assert run(["late", "withheld"]) == both


def test_every_attack_says_in_a_sentence_what_it_does() -> None:
    names = [*ATTACKS, *MIXTURES, "validator: liar"]
    said = {name: what_it_does(name) for name in names}
    assert all(20 < len(text) < 250 and text.endswith(".") for text in said.values())
    assert len(set(said.values())) == len(names)
    assert all(part in ATTACKS for parts in MIXTURES.values() for part in parts)


def test_the_table_goes_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- bench 6+2 -->\nstale\n<!-- end -->\nbetween\n<!-- bench 15+5 -->\n<!-- end -->\nafter\n"
    )
    lines = [campaign.Line("late", 1.02, (1.0, 11), 0.03, 0, 2, 1.5)]
    put_into(page, "bench 6+2", table(lines))
    text = page.read_text()
    assert "stale" not in text and text.startswith("before\n<!-- bench 6+2 -->\n\n| attack")
    assert "| late | Commits after the deadline. | 1.0200 | 1 / 11 | 3.0 % | 0 | 2 | loss, exclusion, reward |" in text
    assert text.endswith("<!-- end -->\nbetween\n<!-- bench 15+5 -->\n<!-- end -->\nafter\n")
    with pytest.raises(BadInput, match="one line"):
        put_into(page, "bench 1+1", "")


def test_where_machines_may_differ_books_must_fit_what_was_sent(recipe: Recipe, corpus: Corpus, tmp_path: Path) -> None:
    """Whoever sends a little too much must take it off its error feedback; whoever does is let pass, and paid."""
    loose = recipe.model_copy(update={"gauntlet": recipe.gauntlet.model_copy(update={"reexecution_overlap": 0.99})})
    cast = Cast(3, ("nudge", "false-books", "drifting-state"), ("honest",))
    (only,) = network.Network(loose, corpus, cast, tmp_path).run(1)
    assert only.expelled == [4, 5] and only.selected == [0, 1, 2, 3]
