"""Recomputing a run: an honest one is clean from another folder, and whatever is changed is found."""

import sqlite3
from pathlib import Path

import pytest

from assay.core.errors import AssayError, Corrupt
from assay.core.store import open_store
from assay.pretrain.chain.protocol import Mark
from assay.pretrain.gauntlet.document import ScoreDocument, write
from assay.pretrain.gauntlet.evidence import Evidence, Fault, PeerEvidence
from assay.pretrain.gauntlet.reexecution import refused
from assay.pretrain.gauntlet.standings import Standing, Standings
from assay.pretrain.scores import last_document
from assay.pretrain.simulation import liars
from assay.pretrain.simulation.network import Cast
from assay.pretrain.validator import Validator
from tests.pretrain.network.conftest import ROUNDS, MakeNetwork, Past


def test_an_honest_run_audits_clean_from_another_folder(past: Past) -> None:
    auditor = past.auditor()
    assert [auditor.audit(round_) for round_ in range(ROUNDS)] == [[]] * ROUNDS


class Stingy(Validator):
    """Takes a millionth from one weight of the sheet, and says nothing of it in the document."""

    def marks(self, document: ScoreDocument) -> dict[int, Mark]:
        found = dict(super().marks(document))
        uid = min(uid for uid, mark in found.items() if mark.weight)
        found[uid] = Mark(found[uid].weight - 1, found[uid].selected, found[uid].expelled)
        return found


class Forgetful(Validator):
    """Leaves one peer out of the selection."""

    def marks(self, document: ScoreDocument) -> dict[int, Mark]:
        found = dict(super().marks(document))
        uid = max(found)
        found[uid] = Mark(found[uid].weight, False)
        return found


class Embellishing(Validator):
    """Changes one measured loss in the last digit, and judges by that."""

    def document(self, round_: int) -> ScoreDocument:
        honest = super().document(round_)
        peers = list(honest.evidence.peers)
        losses = peers[0].losses
        assert losses is not None
        better = losses.model_copy(update={"random_after": losses.random_after * (1 - 1e-15) - 1e-12})
        peers[0] = peers[0].model_copy(update={"losses": better})
        evidence = honest.evidence.model_copy(update={"peers": tuple(peers)})
        seat = self.seat
        last = last_document(seat.chain, seat.stores, round_, mine=seat.uid)
        return write(seat.recipe, seat.uid, last, evidence, seat.chain.beacon(round_))


class Rewriting(Validator):
    """Judges by other standings than those that it published before."""

    def document(self, round_: int) -> ScoreDocument:
        honest = super().document(round_)
        peers = list(honest.standings.peers)
        peers[0] = peers[0].model_copy(update={"mu": peers[0].mu + 1e-6})
        return honest.model_copy(update={"standings": honest.standings.model_copy(update={"peers": tuple(peers)})})


class Inheriting(Validator):
    """Goes on from standings that it made up, in a document that it never published."""

    def document(self, round_: int) -> ScoreDocument:
        honest = super().document(round_)
        made_up = honest.model_copy(
            update={
                "evidence": honest.evidence.model_copy(update={"round": 0, "peers": ()}),
                "results": (),
                "standings": Standings(round=-1, peers=(Standing(uid=0, joined=0, mu=60.0),)),
            }
        )
        self.seat.store.put_bytes(made_up.to_bytes())
        seat = self.seat
        return write(seat.recipe, seat.uid, made_up, honest.evidence, seat.chain.beacon(round_))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Stingy, "not those of its score document"),
        (Forgetful, "not those of its score document"),
        (Embellishing, "measured again: evidence"),
        (Rewriting, "does not follow from its evidence: standings"),
        (Inheriting, "nobody published"),
    ],
)
def test_a_single_changed_figure_is_found(
    kind: type[Validator], words: str, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(liars.LIARS, "changed", kind)
    network = make_network(Cast(3, validators=("honest", "changed")))
    network.run(1)
    past = Past(network.folder, network.recipe, network.corpus, [])
    findings = past.auditor().audit(0)
    assert findings and all(finding.where.startswith("validator 4") for finding in findings)
    assert any(words in finding.what for finding in findings), [str(finding) for finding in findings]


class FalseWitness(Validator):
    """Attests to other parameters than the contributions lead to."""

    def follow(self, round_: int) -> None:
        if self.seat.uid not in self.seat.chain.attestations(round_):
            self.seat.chain.attest(self.seat.uid, round_, "sha256:" + "1" * 64)
        super().follow(round_)


def test_a_false_attestation_is_found(make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(liars.LIARS, "changed", FalseWitness)
    network = make_network(Cast(3, validators=("honest", "honest", "changed")))
    network.run(1)
    findings = Past(network.folder, network.recipe, network.corpus, []).auditor().audit(0)
    assert findings and all("member 5 attests to sha256:111" in finding.what for finding in findings)


def objects(past: Past, owner: str) -> list[Path]:
    return sorted(p for p in (past.folder / "public" / owner / "objects").rglob("*") if p.is_file())


def test_a_damaged_score_document_is_never_taken_for_right(past: Past) -> None:
    sheet = past.chain.sheets(1)[4]
    for owner in ("validator-0", "validator-1"):
        for path in objects(past, owner):
            if sheet.document.removeprefix("sha256:")[4:] in str(path).replace("/", ""):
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.chmod(0o644)
                path.write_bytes(data)
    findings = past.auditor().audit(1)
    assert any(finding.unknown and "not to be had" in finding.what for finding in findings)


def test_a_damaged_contribution_is_replaced_by_a_mirror_and_without_one_unknown(past: Past) -> None:
    promise = past.chain.commitments(0)[2]
    holders = [p for p in (past.folder / "public").iterdir() if open_store(p).has(promise.object)]
    assert {p.name for p in holders} == {"peer-2", "validator-0", "validator-1"}
    for path in objects(past, "peer-2"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert past.auditor().audit(0) == []
    for owner in ("validator-0", "validator-1"):
        for path in objects(past, owner):
            if path.stat().st_size == promise.size:
                path.unlink()
    findings = past.auditor().audit(0)
    assert any("the contribution of uid 2 is not to be had any more" in f.what for f in findings), findings
    assert all(f.unknown for f in findings)


def test_a_changed_byte_of_the_chain_is_found(past: Past) -> None:
    database = sqlite3.connect(next(past.folder.glob("chain-*.db")))
    (table,) = [t for (t,) in database.execute("select name from sqlite_master where type='table'") if "entr" in t]
    column = next(row[1] for row in database.execute(f"pragma table_info({table})") if "envelope" in row[1])
    index, envelope = database.execute(
        f"select rowid, {column} from {table} order by rowid limit 1 offset 9"
    ).fetchone()
    at = len(envelope) // 2
    changed = envelope[:at] + (b"A" if envelope[at : at + 1] != b"A" else b"B") + envelope[at + 1 :]
    database.execute(f"update {table} set {column} = ? where rowid = ?", (changed, index))
    database.commit()
    database.close()
    with pytest.raises((Corrupt, AssayError)):
        past.auditor().audit(0)


class Unserved(Validator):
    """Says that one peer's contribution of round 1 did not reach it: nobody can disprove that."""

    def document(self, round_: int) -> ScoreDocument:
        honest = super().document(round_)
        if round_ != 1:
            return honest
        seat = self.seat
        last = last_document(seat.chain, seat.stores, round_, mine=seat.uid)
        steps = self.measurer.step_sizes_at(round_, last.evidence if last else None, self.follower.at)
        before = last.standings if last else Standings()
        evidence, _ = self.measurer.measure(
            seat.chain, seat.stores, round_, before, steps, self.follower.at, as_served=self.less(honest.evidence)
        )
        return write(seat.recipe, seat.uid, last, self.changed(evidence), seat.chain.beacon(round_))

    def less(self, evidence: Evidence) -> Evidence:
        peers = list(evidence.peers)
        peers[1] = PeerEvidence(uid=peers[1].uid, order=peers[1].order, fault=Fault.UNAVAILABLE, reason="Not in time.")
        return evidence.model_copy(update={"peers": tuple(peers)})

    def changed(self, evidence: Evidence) -> Evidence:
        return evidence


class Unshown(Unserved):
    """Says that a peer did not show its state."""

    def less(self, evidence: Evidence) -> Evidence:
        uid = min(evidence.shown)[0]
        peers = [
            peer.model_copy(update={"reexecution": refused(evidence.round)}) if peer.uid == uid else peer
            for peer in evidence.peers
        ]
        return evidence.model_copy(update={"peers": tuple(peers)})


class Twofaced(Unserved):
    """Changes a loss as well."""

    def changed(self, evidence: Evidence) -> Evidence:
        peers = list(evidence.peers)
        place, losses = next((place, peer.losses) for place, peer in enumerate(peers) if peer.losses is not None)
        better = losses.model_copy(update={"random_after": losses.random_after * 0.999})
        peers[place] = peers[place].model_copy(update={"losses": better})
        return evidence.model_copy(update={"peers": tuple(peers)})


@pytest.mark.parametrize(("kind", "words"), [(Unserved, "the contribution of uid 1"), (Unshown, "the state of uid")])
def test_what_a_validator_says_it_was_not_served_is_unknown_and_the_rest_is_measured_again(
    kind: type[Validator], words: str, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(liars.LIARS, "changed", kind)
    network = make_network(Cast(3, validators=("honest", "honest", "changed")))
    network.run(3)
    auditor = Past(network.folder, network.recipe, network.corpus, []).auditor()
    for round_ in range(3):
        findings = auditor.audit(round_)
        assert [words in finding.what and finding.unknown for finding in findings] == [True] * (round_ == 1), findings


def test_a_lie_beside_what_was_not_served_is_found(make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(liars.LIARS, "changed", Twofaced)
    network = make_network(Cast(3, validators=("honest", "honest", "changed")))
    network.run(2)
    findings = Past(network.folder, network.recipe, network.corpus, []).auditor().audit(1)
    found = [finding.what for finding in findings if not finding.unknown]
    assert any("measured again: evidence: peers" in what and "losses" in what for what in found), findings
