import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from assay.core.errors import BadInput, LimitExceeded
from assay.core.keys import PublicKey, Signer, load_key, load_or_create_key, signing_key, trust, trusted_keys


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    return tmp_path / "home"


def new_key(path: Path) -> Path:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return path


def test_the_machines_key_is_made_once_and_only_its_owner_can_read_it(home: Path) -> None:
    first = signing_key()
    path = home / "keys" / "signing.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing_key().key_id == first.key_id
    assert [file.name for file in path.parent.iterdir()] == ["signing.pem"]


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    program = "import sys, pathlib; from assay.core.keys import load_or_create_key as f; "
    program += "print(f(pathlib.Path(sys.argv[1])).key_id)"
    command = [sys.executable, "-c", program, str(tmp_path / "new" / "key.pem")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in processes}) == 1
    assert [process.returncode for process in processes] == [0] * 4


def test_threads_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create_key, [tmp_path / "key.pem"] * 8))
    assert len({key.key_id for key in keys}) == 1


def test_openssl_reads_the_keys(home: Path, tmp_path: Path) -> None:
    signer = signing_key()
    command = ["openssl", "pkey", "-in", str(home / "keys" / "signing.pem"), "-pubout"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == signer.public.to_pem()


def test_a_key_made_by_openssl_signs(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True)
    path.chmod(0o600)
    assert load_key(path).public.raw


def test_the_environment_names_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    path = new_key(tmp_path / "other.pem")
    monkeypatch.setenv("ASSAY_KEY", str(path))
    assert signing_key().key_id == load_key(path).key_id
    assert not (home / "keys" / "signing.pem").exists()


def test_a_named_key_that_is_missing_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="There is no key at"):
        signing_key(tmp_path / "absent.pem")
    monkeypatch.setenv("ASSAY_KEY", str(tmp_path / "absent.pem"))
    with pytest.raises(BadInput, match="openssl genpkey"):
        signing_key()
    assert not (tmp_path / "absent.pem").exists()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = new_key(tmp_path / "key.pem")
    path.chmod(0o640)
    with pytest.raises(BadInput, match="chmod 600"):
        load_key(path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff\0"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a private key"):
        load_key(path)
    with pytest.raises(BadInput, match="not a public key"):
        PublicKey.load(path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BadInput, match="not an Ed25519 key"):
        load_key(path)
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(BadInput, match="not an Ed25519 key"):
        PublicKey.load(path)


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    encryption = BestAvailableEncryption(b"secret")
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(BadInput, match="passphrase"):
        load_key(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    os.truncate(path, 1 << 40)
    with pytest.raises(LimitExceeded, match="too large for a key"):
        load_key(path)


def test_a_pipe_in_place_of_a_key_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key.pem", mode=0o600)
    with pytest.raises(BadInput, match="not a file"):
        load_key(tmp_path / "key.pem")


def test_trusted_keys_are_this_machines_those_trusted_and_those_given(tmp_path: Path) -> None:
    assert trusted_keys() == {}
    own = signing_key().public
    friend, guest, named = (Signer.from_private(Ed25519PrivateKey.generate()).public for _ in range(3))
    trust(friend)
    trust(friend)
    assert trusted_keys([guest]) == {key.key_id: key for key in (own, friend, guest)}
    assert named.key_id not in trusted_keys()


def test_a_public_key_survives_its_file(tmp_path: Path) -> None:
    public = signing_key().public
    (tmp_path / "public.pem").write_bytes(public.to_pem())
    assert PublicKey.load(tmp_path / "public.pem") == public


def test_a_signature_holds_for_its_message_only() -> None:
    signer = signing_key()
    signature = bytes.fromhex(signer.crypto.sign(b"message").signature)
    assert signer.public.verifies(signature, b"message")
    assert not signer.public.verifies(signature, b"massage")
    assert not signer.public.verifies(signature[:-1], b"message")
