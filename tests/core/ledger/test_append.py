"""What the ledger promises to those who append and read."""

import base64
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from assay.core.budget import Budget
from assay.core.errors import BadInput, Corrupt, LimitExceeded, Unavailable
from assay.core.keys import Signer, load_or_create_key, signing_key, trust, trusted_keys
from assay.core.ledger import (
    VERDICT_PREDICATE,
    Ledger,
    Statement,
    Subject,
    open_ledger,
    verify_consistency,
    verify_inclusion,
    verify_ledger,
)
from assay.core.ledger.envelope import MAX_ENVELOPE_BYTES, read_envelope, sign
from assay.core.ledger.statement import HEAD_PAYLOAD, STATEMENT_PAYLOAD, read_head, read_statement, sign_statement
from assay.core.task import Run
from assay.core.verdict import Outcome, Verdict
from tests.core.ledger.statements import digest, statement

_SIGNER = Signer.from_private(Ed25519PrivateKey.generate())


def verdict(reason: str = "It is better.") -> Verdict:
    return Verdict(
        task="posttrain/x:y", task_digest=digest(1), submission=digest(2), outcome=Outcome.ACCEPTED, reason=reason
    )


def test_an_entry_is_found_again_as_it_was_appended(ledger: Ledger) -> None:
    entry = ledger.append(statement(77), key="job-77")
    assert entry.index == 12
    assert ledger.entry(12) == entry
    assert ledger.find(key="job-77") == [entry]
    assert ledger.find(subject=digest(77)) == [entry]
    assert [found.index for found in ledger.find(subject=digest(1005))] == [5]
    assert entry.statement.content() == statement(77).content()
    assert datetime.now(UTC) - entry.appended_at < timedelta(minutes=5)
    assert len(ledger) == 13


def test_entries_are_streamed_in_order_across_pages(ledger: Ledger) -> None:
    ledger.append_many([statement(i) for i in range(12, 200)])
    assert [entry.statement.predicate["number"] for entry in ledger.entries()] == list(range(200))
    assert [entry.index for entry in ledger.entries(60, 70)] == list(range(60, 70))
    assert list(ledger.entries(200)) == []


def test_a_verdict_is_appended_as_an_in_toto_statement(ledger: Ledger) -> None:
    run = Run(id="r1", worker="train.py", sandbox="bubblewrap", budget=Budget(wall_seconds=60))
    entry = ledger.append_verdict(verdict(), run=run, key="v")
    payload = json.loads(base64.b64decode(json.loads(entry.envelope)["payload"]))
    assert payload["_type"] == "https://in-toto.io/Statement/v1"
    assert payload["predicateType"] == VERDICT_PREDICATE
    assert payload["subject"] == [{"digest": {"sha256": digest(2)[7:]}, "name": "submission"}]
    assert payload["predicate"]["verdict"] == verdict().to_json()
    assert payload["predicate"]["run"] == run.to_json()
    assert payload["predicate"]["issued_at"].endswith("Z")
    assert ledger.append_verdict(verdict(), run=run.to_json(), key="v") == entry
    assert ledger.append_verdict(verdict()).statement.predicate["run"] is None


def test_the_same_key_and_content_is_appended_once(ledger: Ledger) -> None:
    first = ledger.append(statement(50), key="job")
    assert ledger.append(statement(50), key="job") == first
    assert ledger.append_many([statement(51), statement(50), statement(51)], keys=["a", "job", "a"])[1] == first
    assert len(ledger) == 14
    assert ledger.append(statement(50)).index == 14  # without a key it is another entry


@pytest.mark.parametrize("other", [statement(50, note="other"), statement(51), statement(50, 51)])
def test_the_same_key_with_other_content_is_refused_and_nothing_of_the_batch_stays(
    ledger: Ledger, other: Statement
) -> None:
    ledger.append(statement(50), key="job")
    with pytest.raises(BadInput, match="belongs to entry 12"):
        ledger.append_many([statement(60), other], keys=[None, "job"])
    assert len(ledger) == 13
    assert ledger.verify().ok


def test_every_acknowledged_entry_is_under_a_signed_head(ledger: Ledger) -> None:
    for number in range(12, 16):
        entry = ledger.append(statement(number))
        head = ledger.tree_head()
        assert head.size == entry.index + 1
        assert head.signed_by(signing_key().public)
        proof = ledger.prove_inclusion(entry.index)
        assert verify_inclusion(entry.leaf_hash, proof.index, proof.size, proof.path, head.root)


def test_any_two_heads_are_provably_consistent(ledger: Ledger) -> None:
    for first, second in [(0, 5), (5, 6), (5, 12), (12, 12)]:
        old, new = ledger.tree_head(first), ledger.tree_head(second)
        path = ledger.prove_consistency(first, second).path
        assert verify_consistency(first, second, old.root, new.root, path)


def test_a_proof_of_what_is_not_there_is_refused(ledger: Ledger) -> None:
    for index, size in [(12, None), (0, 13), (5, 5), (-1, None)]:
        with pytest.raises(BadInput):
            ledger.prove_inclusion(index, size)
    for first, second in [(6, 5), (-1, 5), (0, 13)]:
        with pytest.raises(BadInput):
            ledger.prove_consistency(first, second)
    with pytest.raises(BadInput, match="no tree head of 3"):
        ledger.tree_head(3)
    with pytest.raises(BadInput, match="no entry 12"):
        ledger.entry(12)


def test_envelopes_verify_with_securesystemslib(ledger: Ledger) -> None:
    public = signing_key().public
    key = SSlibKey(public.key_id, "ed25519", "ed25519", {"public": public.raw.hex()})
    for data in (ledger.entry(3).envelope, ledger.tree_head().envelope):
        assert set(Envelope.from_dict(json.loads(data)).verify([key], 1)) == {public.key_id}
    forged = Envelope.from_dict(json.loads(ledger.entry(3).envelope))
    forged.payload += b" "
    with pytest.raises(VerificationError):
        forged.verify([key], 1)


def bad(**changes: object) -> Statement:
    fields = {"subjects": (Subject(digest(1)),), "predicate_type": "urn:x:y", "predicate": {}} | changes
    return Statement(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "statement",
    [
        bad(subjects=()),
        bad(subjects=(Subject("sha256:xyz"),)),
        bad(subjects=(Subject("0" * 64),)),
        bad(subjects=(Subject(digest(1)), Subject(digest(1), "again"))),
        bad(subjects=(Subject(digest(1), ""),)),
        bad(subjects=tuple(Subject(digest(n)) for n in range(1025))),
        bad(predicate_type="not a uri"),
        bad(predicate={"issued_at": "yesterday"}),
        bad(predicate={"idempotency_key": "mine"}),
        bad(predicate={"x": float("nan")}),
        bad(predicate={"x": "\ud800"}),
        bad(predicate={"x": {1, 2}}),
        bad(predicate={"x": 10**5000}),
        bad(predicate={1: "a"}),
    ],
)
def test_a_statement_that_cannot_be_held_is_refused(ledger: Ledger, statement: Statement) -> None:
    with pytest.raises(BadInput):
        ledger.append(statement)
    assert len(ledger) == 12


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ü", "a\n"])
def test_an_odd_idempotency_key_is_refused(ledger: Ledger, key: str) -> None:
    with pytest.raises(BadInput, match="idempotency key"):
        ledger.append(statement(1), key=key)


def test_an_entry_over_the_limit_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LimitExceeded, match="put large parts into the store"):
        ledger.append(statement(1, note="x" * MAX_ENVELOPE_BYTES))
    with pytest.raises(LimitExceeded, match="at a time"):
        ledger.append_many([statement(1)] * 10_001)
    ledger.append(statement(1, note="x" * (MAX_ENVELOPE_BYTES // 4 * 3 - 2000)))
    assert ledger.verify().ok


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


names = st.text(min_size=1).filter(lambda name: name not in ("issued_at", "idempotency_key"))


@settings(deadline=None)
@given(st.dictionaries(names, values, max_size=4))
def test_any_json_predicate_survives_signing_and_parsing(predicate: dict[str, object]) -> None:
    try:
        json.dumps(predicate, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # lone surrogates are refused: see above
        return
    parsed = read_statement(sign_statement(bad(predicate=predicate), "k", _SIGNER))
    assert parsed.statement.content() == bad(predicate=predicate).content()
    assert parsed.signed.signed_by(_SIGNER.public)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_envelope(data: bytes) -> None:
    for read in (read_statement, read_head):
        with pytest.raises(Corrupt):
            read(data)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"_type":1}',
        b"\xff",
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":[],"predicateType":"urn:x:y","subject":[]}',
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"issued_at":"2026-02-31T00:00:00.000000Z"},'
        b'"predicateType":"urn:x:y","subject":[{"digest":{"sha256":"' + b"0" * 64 + b'"}}]}',
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"issued_at":"2026-02-01T00:00:00.000000Z"},'
        b'"predicateType":"urn:x:y","subject":[{"digest":{"sha256":"' + b"0" * 64 + b'"}},{"digest":{"sha512":"0"}}]}',
    ],
)
def test_a_signed_payload_that_is_no_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(Corrupt):
        read_statement(sign(payload, STATEMENT_PAYLOAD, _SIGNER))
    with pytest.raises(Corrupt):
        read_head(sign(payload, HEAD_PAYLOAD, _SIGNER))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: json.dumps(d).encode(),  # spaces
        lambda d: _compact(d | {"extra": 1}),
        lambda d: _compact(d | {"signatures": d["signatures"] * 2}),
        lambda d: _compact(d | {"signatures": []}),
        lambda d: _compact(d | {"payloadType": "text/plain"}),
        lambda d: _compact(d | {"payload": d["payload"] + "\n"}),
        lambda d: _compact(d).replace(b'{"payload"', b'{"payload":"e30=","payload"'),
        lambda d: _compact(d).replace(_signature(d), _other_spelling(_signature(d))),
        lambda d: b" " * (MAX_ENVELOPE_BYTES + 1),
    ],
)
def test_an_envelope_in_any_other_form_is_refused(change: object) -> None:
    envelope = sign_statement(statement(1), None, _SIGNER)
    assert _compact(json.loads(envelope)) == envelope
    with pytest.raises(Corrupt):
        read_envelope(change(json.loads(envelope)), STATEMENT_PAYLOAD)  # type: ignore[operator]


def test_a_head_is_no_entry_and_an_entry_no_head(ledger: Ledger) -> None:
    with pytest.raises(Corrupt):
        read_statement(ledger.tree_head().envelope)
    with pytest.raises(Corrupt):
        read_head(ledger.entry(0).envelope)


def test_two_keys_share_a_ledger_once_each_trusts_the_other(ledger: Ledger, tmp_path: Path) -> None:
    other = load_or_create_key(tmp_path / "other.pem")
    with open_ledger(key=tmp_path / "other.pem") as theirs:
        theirs.append(statement(100))  # this machine's own key is trusted already
        assert theirs.verify().ok
    with pytest.raises(BadInput, match="not trusted here"):
        ledger.append(statement(101))
    report = verify_ledger()
    assert {problem.entry for problem in report.problems} == {None, 12}
    assert verify_ledger(trust=[other.public]).ok
    trust(other.public)
    ledger.append(statement(101))
    assert verify_ledger().ok
    assert set(ledger.public_keys()) == {other.key_id, signing_key().key_id}


def test_reading_makes_nothing(home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no ledger"):
        open_ledger(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()
    assert trusted_keys() == {}


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:///:memory:", "http://user:secret@host/x", "sqlite://", "://"])
def test_a_place_that_cannot_hold_a_ledger_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as error:
        open_ledger(url)
    assert "secret" not in str(error.value)


def test_a_server_that_is_away_is_said_to_be(home: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be used") as error:
        open_ledger("postgresql://user:secret@127.0.0.1:1/none")
    assert "secret" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be made"):
        open_ledger(tmp_path / "file" / "ledger.db")


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look like one\n" * 100)
    with pytest.raises(Corrupt, match="is damaged or is no ledger"):
        open_ledger(tmp_path / "notes.txt")
    assert not verify_ledger(tmp_path / "notes.txt").ok


def test_a_newer_schema_is_refused_in_one_sentence(ledger: Ledger) -> None:
    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        raw.execute("UPDATE assay_ledger SET schema_version = 2")
    raw.close()
    with pytest.raises(BadInput, match="has schema 2, this Assay reads 1: install a newer one"):
        open_ledger()


def test_a_ledger_file_that_is_replaced_while_open_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(statement(20))
    Path(ledger.place).rename(tmp_path / "moved.db")
    with pytest.raises((Unavailable, Corrupt)):
        ledger.append(statement(21))


def test_a_ledger_works_on_postgresql_too(postgres_url: str) -> None:
    with open_ledger(postgres_url) as ledger:
        ledger.append_many([statement(i) for i in range(150)], keys=[f"k{i}" for i in range(150)])
        again = ledger.append(statement(149), key="k149")
        assert again.index == 149
        assert [entry.index for entry in ledger.find(subject=digest(7))] == [7]
        head, proof = ledger.tree_head(), ledger.prove_inclusion(33)
        assert verify_inclusion(ledger.entry(33).leaf_hash, 33, 150, proof.path, head.root)
        assert ledger.verify().ok


def _signature(document: dict[str, list[dict[str, str]]]) -> bytes:
    return document["signatures"][0]["sig"].encode()


def _other_spelling(text: bytes) -> bytes:
    """Base64 of the same bytes: the last digit before the padding has bits that decoders drop."""
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = digits.index(text[-3:-2]) ^ 1
    other = text[:-3] + digits[last : last + 1] + b"=="
    assert base64.b64decode(other) == base64.b64decode(text)
    return other


def _compact(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
