"""What a peer hands in: sealed, bound to one peer and round, parsed strictly."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInput, LimitExceeded
from assay.core.store import NotInStore, open_store
from assay.pretrain.contribution import MAX_HEADER, Contribution, Header, Malformed, open_sealed, parse, seal
from assay.pretrain.exchange import Stores, open_endpoint

RUN = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64


def contribution(**changes: object) -> Contribution:
    said = {
        "run": RUN,
        "round": 3,
        "uid": 1,
        "base": OTHER,
        "samples": OTHER,
        "tokens": 96,
        "sync": ((0.5).hex(), (-1.25).hex()),
        "state_before": OTHER,
        "state_after": RUN,
    }
    return Contribution(Header(**(said | changes)), b"gradient bytes")  # type: ignore[arg-type]


def test_a_seal_opens_with_its_key_and_gives_what_was_sealed() -> None:
    sealed = seal(contribution(), b"secret")
    assert open_sealed(sealed.data, sealed.key, run=RUN, round_=3, uid=1) == contribution()
    assert b"gradient bytes" not in sealed.data


@pytest.mark.parametrize("wrong", [{"uid": 2}, {"round_": 4}, {"run": OTHER}])
def test_a_copy_under_another_uid_round_or_run_does_not_open(wrong: dict[str, object]) -> None:
    sealed = seal(contribution(), b"secret")
    with pytest.raises(Malformed, match="does not open"):
        open_sealed(sealed.data, sealed.key, **({"run": RUN, "round_": 3, "uid": 1} | wrong))  # type: ignore[arg-type]


def test_a_seal_around_another_peers_header_is_refused() -> None:
    """Whoever seals decides what is bound, and may write anything inside."""
    import assay.pretrain.contribution as module

    lying = contribution(uid=7)
    key = b"k" * 32
    data = module.ChaCha20Poly1305(key).encrypt(bytes(12), lying.to_bytes(), module._bound_to(RUN, 3, 1))
    with pytest.raises(Malformed, match="names another"):
        open_sealed(data, key, run=RUN, round_=3, uid=1)


def test_the_same_is_sealed_the_same_and_anything_else_under_another_key() -> None:
    one, again, other = seal(contribution(), b"s"), seal(contribution(), b"s"), seal(contribution(tokens=97), b"s")
    assert one == again
    assert one.key != other.key and seal(contribution(), b"t").key != one.key


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_is_noticed(position: int, bit: int) -> None:
    sealed = seal(contribution(), b"secret")
    at = position % len(sealed.data)
    flipped = sealed.data[:at] + bytes([sealed.data[at] ^ 1 << bit]) + sealed.data[at + 1 :]
    with pytest.raises(Malformed):
        open_sealed(flipped, sealed.key, run=RUN, round_=3, uid=1)


@given(st.binary(max_size=400))
def test_no_bytes_make_the_parser_fail_in_another_way(data: bytes) -> None:
    for candidate in (data, b"ASC1" + data, b"ASC1" + len(data).to_bytes(4, "little") + data):
        with pytest.raises(BadInput):
            parse(candidate)


def test_what_parses_is_canonical() -> None:
    raw = contribution().to_bytes()
    assert parse(raw).to_bytes() == raw
    length = int.from_bytes(raw[4:8], "little")
    spaced = raw[8 : 8 + length].replace(b",", b", ", 1)
    with pytest.raises(Malformed, match="canonical"):
        parse(b"ASC1" + len(spaced).to_bytes(4, "little") + spaced + raw[8 + length :])


def test_a_header_that_announces_too_much_is_not_read() -> None:
    with pytest.raises(LimitExceeded):
        parse(b"ASC1" + (MAX_HEADER + 1).to_bytes(4, "little") + b"{}")


def test_a_header_nested_without_end_is_refused() -> None:
    deep = b"[" * 100_000
    with pytest.raises(Malformed):
        parse(b"ASC1" + len(deep).to_bytes(4, "little") + deep)


def test_a_folder_that_a_stranger_names_is_not_looked_at(tmp_path: Path) -> None:
    """An endpoint is anybody's words: it must not lead to this machine's own files."""
    inside, outside = tmp_path / "run" / "peer", tmp_path / "private"
    open_store(outside).put_bytes(b"mine")
    assert open_endpoint(str(inside), tmp_path / "run").put_bytes(b"theirs")
    for named in (str(outside), f"file://{outside}", f"{inside}/../../private", "/etc", "relative/../../.."):
        with pytest.raises(BadInput, match="no place for a member's store"):
            open_endpoint(named, tmp_path / "run")


def test_a_store_that_cannot_be_opened_is_like_an_empty_one(tmp_path: Path) -> None:
    digest = open_store(tmp_path / "run" / "good").put_bytes(b"here")
    stores = Stores(lambda endpoint: open_endpoint(endpoint, tmp_path / "run"))
    places = ["/etc", "nonsense://x", str(tmp_path / "run" / "empty"), str(tmp_path / "run" / "good")]
    assert stores.fetch(digest, places, 100) == b"here"
    with pytest.raises(NotInStore):
        stores.fetch(digest, places[:3], 100)
    with pytest.raises(LimitExceeded):
        stores.fetch(digest, places, 3)
