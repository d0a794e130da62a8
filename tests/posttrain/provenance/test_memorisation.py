"""The test for memorised items: exact if nothing was memorised, sensitive if much was, silent if it cannot tell."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers import models as token_models
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from assay.core.errors import BadInput, LimitExceeded
from assay.core.verdict import Severity
from assay.posttrain.integrity import likelihood
from assay.posttrain.integrity.likelihood import Likelihood, LikelihoodItem, LikelihoodSpec, read_likelihoods
from assay.posttrain.integrity.memorisation import TokenScores, findings, set_test, token_scores
from tests.posttrain.provenance.training import PRETRAINING, SECOND, corpus, windows


def items(count: int, random: np.random.Generator, remembered: float = 0.0, harder: float = 0.0) -> list[TokenScores]:
    """Items of uneven length and difficulty; `remembered` nats per token more after training."""
    found = []
    for _ in range(count):
        tokens = int(random.integers(20, 80))
        base = -random.gamma(2.0, 1 + harder + random.random(), tokens)
        tuned = np.minimum(0, base + random.normal(0.1 + remembered, 0.5, tokens))
        found.append(TokenScores(base, tuned, random.random(tokens) < 0.5))
    return found


def test_p_values_are_uniform_when_nothing_was_memorised() -> None:
    random = np.random.default_rng(0)
    found = sorted(set_test(items(40, random), items(40, random), seed=i).p_value for i in range(200))
    furthest = max(abs(p - (i + 0.5) / len(found)) for i, p in enumerate(found))
    assert furthest < 1.63 / math.sqrt(len(found))  # Kolmogorov and Smirnov's bound for one in a hundred


def test_memorised_items_are_seen_and_the_note_says_how_sure() -> None:
    random = np.random.default_rng(1)
    test = set_test(items(150, random, remembered=0.3), items(150, random), seed=0)
    assert test.p_value <= 0.001 and test.auc_interval.low > 0.5
    (note,) = findings(test)
    assert note.severity is Severity.NOTE
    assert "150 hidden" in note.message and "no proof" in note.message


def test_an_honest_model_leaves_no_finding() -> None:
    random = np.random.default_rng(2)
    assert findings(set_test(items(100, random), items(100, random), seed=0)) == []


def test_items_that_were_forgotten_are_not_taken_for_memorised() -> None:
    random = np.random.default_rng(3)
    assert set_test(items(100, random, remembered=-0.5), items(100, random), seed=0).p_value > 0.9


def test_sets_that_are_not_alike_to_the_base_are_not_compared() -> None:
    random = np.random.default_rng(4)
    test = set_test(items(100, random, harder=1.0, remembered=1.0), items(100, random), seed=0)
    (note,) = findings(test)
    assert not test.matched
    assert "cannot be told" in note.message


def test_equal_inputs_and_seed_give_equal_results() -> None:
    sides = [items(30, np.random.default_rng(i)) for i in (5, 6)]
    assert set_test(*sides, seed=7) == set_test(*sides, seed=7)


def test_too_few_items_are_refused() -> None:
    random = np.random.default_rng(8)
    with pytest.raises(BadInput, match="too few"):
        set_test(items(19, random), items(100, random), seed=0)


# What comes out of the sandbox ---------------------------------------------------------------------------------------


def row(name: str, *log_p: float) -> str:
    return json.dumps({"id": name, "log_p": log_p, "first": [True] * len(log_p)})


@pytest.mark.parametrize(
    "text",
    [
        row("a", 0.5),  # no probability
        row("a"),
        json.dumps({"id": "a", "log_p": [-1.0], "first": []}),
        json.dumps({"id": "a", "log_p": [-1.0], "first": [True], "more": 1}),
        '{"id": "a", "log_p": [NaN], "first": [true]}',
        row("a", -1.0) + "\n" + row("a", -1.0),
        "[]",
    ],
)
def test_improper_likelihoods_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "likelihoods.jsonl").write_text(text)
    with pytest.raises(BadInput):
        read_likelihoods(tmp_path / "likelihoods.jsonl")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "MAX_LIKELIHOODS", 10)
    (tmp_path / "l").write_text(row("a", -1.0))
    with pytest.raises(LimitExceeded):
        read_likelihoods(tmp_path / "l")


def test_models_that_saw_other_items_or_tokens_are_not_compared() -> None:
    one = {"a": Likelihood(id="a", log_p=(-1.0, -2.0), first=(True, False))}
    other = {"a": Likelihood(id="a", log_p=(-1.0,), first=(True,))}
    assert token_scores(one, one)["a"].wrong.tolist() == [False, True]
    with pytest.raises(BadInput, match="different tokens"):
        token_scores(one, other)
    with pytest.raises(BadInput, match="different items"):
        token_scores(one, {})


# The program, on a model that was trained on the items --------------------------------------------------------------


@pytest.fixture(scope="module")
def byte_tokenizer(models: Path) -> None:
    """One token for each byte that the corpora have, saved beside the base."""
    vocabulary = {chr(code): code for code in range(256)}
    tokenizer = Tokenizer(token_models.WordLevel(vocabulary, unk_token=chr(0)))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(models / "base")


def score(model: Path, base: Path, rows: list[LikelihoodItem], place: Path) -> dict[str, Likelihood]:
    place.mkdir()
    (place / "items.jsonl").write_text("\n".join(item.model_dump_json() for item in rows))
    spec = LikelihoodSpec(
        model=str(model), base=str(base), items=str(place / "items.jsonl"), out=str(place), batch=16, threads=1
    )
    (place / "spec.json").write_text(spec.model_dump_json(by_alias=True))
    command = [sys.executable, "-m", "assay.posttrain.integrity.likelihood", str(place / "spec.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return read_likelihoods(place / likelihood.OUTPUT)


def pieces() -> list[str]:
    text = corpus(("uuid", "tokenize", "types", "weakref")).decode("ascii", "replace").replace("�", "?")
    starts = torch.randperm((len(text) - 80) // 80, generator=torch.Generator().manual_seed(0))[:120]
    return [text[80 * s : 80 * s + 80] for s in starts.tolist()]


def trained_on(base: Path, folder: Path, texts: list[str], epochs: int) -> Path:
    """Fine-tuned on other texts, and on these as well as many times as said."""
    torch.manual_seed(0)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.0)
    others = windows(corpus(SECOND), 0, batch=4)
    rows = torch.tensor([list(text.encode()) for text in texts * epochs]).split(8) if texts else [None] * 30
    for ids in rows:
        other = next(others)
        loss = model(other, labels=other).loss
        if ids is not None:
            loss = loss + model(ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_training_on_hidden_items_is_seen_in_the_weights(models: Path, byte_tokenizer: None, tmp_path: Path) -> None:
    texts, base = pieces(), models / "base"
    rows = [LikelihoodItem(id=str(i), prompt=text[:8], answer=text[8:]) for i, text in enumerate(texts)]
    before = score(base, base, rows, tmp_path / "base")
    hidden = trained_on(base, tmp_path / "cheat", texts[:60], epochs=12)
    honest = trained_on(base, tmp_path / "honest", [], epochs=0)
    found = {}
    for model in (hidden, honest):
        scores = token_scores(before, score(model, base, rows, tmp_path / f"{model.name}-scores"))
        sides = ([scores[str(i)] for i in range(60)], [scores[str(i)] for i in range(60, 120)])
        found[model.name] = set_test(*sides, seed=0)
    assert found["cheat"].p_value <= 0.001
    assert found["honest"].p_value > 0.01


def test_the_program_says_what_the_model_says(models: Path, byte_tokenizer: None, tmp_path: Path) -> None:
    base, text = models / "base", corpus(PRETRAINING).decode("ascii", "replace").replace("�", "?")
    rows = [
        LikelihoodItem(id="long", prompt=text[:30], answer=text[30:70]),
        LikelihoodItem(id="short", prompt=text[100:103], answer=text[103:110]),
        LikelihoodItem(id="bare", answer=text[200:220]),
    ]
    found = score(base, base, rows, tmp_path / "out")
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    for item in rows:
        ids = torch.tensor([list((item.prompt + item.answer).encode())])
        with torch.no_grad():
            log_p = model(ids).logits[0, :-1].log_softmax(-1)
        target, answer = ids[0, 1:], len(item.answer) - (item.prompt == "")
        expected = log_p.gather(-1, target[:, None])[-answer:, 0]
        np.testing.assert_allclose(found[item.id].log_p, expected, atol=2e-5)
        assert list(found[item.id].first) == (log_p.argmax(-1) == target)[-answer:].tolist()
