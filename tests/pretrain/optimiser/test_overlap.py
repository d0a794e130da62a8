"""Uploads beside the next round's work, and steps that come a round late."""

import itertools
import threading

import pytest
import torch

from assay.core.errors import Unavailable
from assay.pretrain import SparseLoCo
from assay.pretrain.overlap import Delayed, Upload

from .conftest import contribution
from .test_sparseloco import parameters


def test_a_delayed_step_is_that_of_the_round_before():
    late, on_time = parameters(), parameters()
    delayed, outer = Delayed(SparseLoCo(late.items())), SparseLoCo(on_time.items())
    rounds = [[contribution(2 * n), contribution(2 * n + 1)] for n in range(3)]
    delayed.step(rounds[0])
    assert all(torch.equal(late[name], on_time[name]) for name in late), "nothing has arrived yet"
    for before, now in itertools.pairwise(rounds):
        delayed.step(now)
        outer.step(before)
        assert all(torch.equal(late[name], on_time[name]) for name in late)
    delayed.finish()
    outer.step(rounds[-1])
    assert all(torch.equal(late[name], on_time[name]) for name in late)


def test_work_goes_on_while_a_payload_travels():
    arrived, sent = threading.Event(), []

    def send(payload):
        assert arrived.wait(60), "the sender waits for work that only goes on if it is not waited for"
        sent.append(payload)

    with Upload(send) as upload:
        upload.start(b"round 0")
        assert sent == []
        arrived.set()
        upload.start(b"round 1")
    assert sent == [b"round 0", b"round 1"]


def test_a_failed_upload_is_reported():
    def send(payload):
        raise Unavailable("The store is gone.")

    with Upload(send) as upload:
        upload.start(b"lost")
        with pytest.raises(Unavailable, match="The store is gone"):
            upload.wait()
    with pytest.raises(Unavailable, match="The store is gone"), Upload(send) as upload:
        upload.start(b"lost")
