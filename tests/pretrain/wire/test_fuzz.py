"""The fuzzer finds nothing in a short run, would find something if it were there, and goes on where it was stopped."""

import json
import os
import signal

import pytest

from assay.core.errors import BadInput
from assay.pretrain.wire import Limits, WireError, fuzz

LIMITS = Limits(max_bytes=1 << 20, max_elements=1 << 20, max_tensors=64)


def test_ten_thousand_hostile_payloads_are_refused_or_canonical():
    tally = fuzz.run(fuzz.Tally(seed=7), 10_000)
    assert tally.failures == []
    assert tally.done == tally.accepted + sum(tally.refused.values()) == 10_000
    assert len(tally.refused) >= 20, "the mutations reach most rules"
    assert tally.extra_memory_bytes < 32 << 20


def test_a_run_that_was_stopped_goes_on_and_comes_to_the_same(tmp_path):
    state = tmp_path / "state.json"
    fuzz.run(fuzz._load(3, state), fuzz.BATCH, state)
    resumed = fuzz.run(fuzz._load(3, state), 2 * fuzz.BATCH, state)
    whole = fuzz.run(fuzz.Tally(3), 2 * fuzz.BATCH)
    assert (resumed.done, resumed.accepted, resumed.refused) == (whole.done, whole.accepted, whole.refused)
    assert json.loads(state.read_text())["done"] == 2 * fuzz.BATCH
    with pytest.raises(BadInput):
        fuzz._load(4, state)


def test_a_parser_that_fails_is_reported_with_its_payload(monkeypatch):
    def fragile(data, limits):
        if data[5:6] == b"\x01":
            raise IndexError("of one bit")
        raise WireError("magic", "No.")

    fuzz.seeds()
    tally = fuzz.Tally(1)
    monkeypatch.setattr(fuzz, "decode", fragile)
    _, limits = fuzz.seeds()
    fuzz._batch(tally, [b"ASPG\x01\x01", b"ASPG\x01\x02"], limits, None)
    assert [failure["kind"] for failure in tally.failures] == ["IndexError"]
    assert tally.failures[0]["payload"] == b"ASPG\x01\x01".hex()


def test_a_payload_that_is_taken_but_not_canonical_is_a_failure(monkeypatch):
    monkeypatch.setattr(fuzz, "pack", lambda sparse: b"other bytes")
    tally = fuzz.Tally(1)
    fuzz._batch(tally, [fuzz.encode({})], [LIMITS], None)
    assert tally.failures[0]["kind"] == "AssertionError"


def test_a_payload_that_killed_the_process_is_found_at_the_next_start(tmp_path, monkeypatch):
    state = tmp_path / "state.json"
    fuzz._load(1, state)
    with (tmp_path / "state.payload").open("wb") as file:
        fuzz._remember(file.fileno(), b"deadly")
    assert fuzz._load(1, state).failures == [], "this one was at hand when somebody stopped the run"
    monkeypatch.setattr(fuzz, "examine", lambda data, limits: os.kill(os.getpid(), signal.SIGKILL))
    (failure,) = fuzz._load(1, state).failures
    assert (failure["kind"], failure["payload"]) == ("died", b"deadly".hex())
