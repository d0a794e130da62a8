"""A store is opened by folder or URL, and what is wrong with a place is said in one sentence."""

from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput, Unavailable
from assay.core.store import open_store


def test_the_default_is_the_store_in_assays_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    digest = open_store().put_bytes(b"x")
    assert open_store(tmp_path / "home" / "store").has(digest)
    assert (tmp_path / "home" / "store").stat().st_mode & 0o077 == 0


def test_a_folder_may_be_a_path_a_text_or_a_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "with space and %"
    digest = open_store(place).put_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    for url in (str(place), place.as_uri(), place.name, open_store(place).url):
        store = open_store(url)
        assert store.has(digest)
        assert store.url == place.as_uri()


def test_each_store_in_memory_is_its_own() -> None:
    one, two = open_store("memory://"), open_store("memory://")
    digest = one.put_bytes(b"x")
    assert one.has(digest) and not two.has(digest)


def test_stores_with_different_prefixes_in_one_bucket_are_apart(s3_bucket: str, s3_options: dict[str, Any]) -> None:
    one = open_store(f"s3://{s3_bucket}/one", **s3_options)
    two = open_store(f"s3://{s3_bucket}/two", **s3_options)
    digest = one.put_bytes(b"x")
    assert one.has(digest) and not two.has(digest)
    assert two.gc(older_than_seconds=-5).objects == 0
    assert open_store(f"s3://{s3_bucket}/one/", **s3_options).get_bytes(digest, 1) == b"x"


def test_credentials_and_endpoint_come_from_the_environment(
    s3_bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    store = open_store(f"s3://{s3_bucket}")
    assert store.get_bytes(store.put_bytes(b"x"), 1) == b"x"


@pytest.mark.parametrize("url", ["", "http://example.org/x", "ftp://x", "s3://", "nonsense://x"])
def test_a_place_that_is_none_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="store"):
        open_store(url)


def test_options_that_do_not_exist_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="colour"):
        open_store("s3://bucket", colour="red")
    with pytest.raises(BadInput, match="colour"):
        open_store(tmp_path, colour="red")


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        open_store(tmp_path / "file")


def test_a_bucket_that_is_not_there_is_unavailable(s3_options: dict[str, Any], tmp_path: Path) -> None:
    store = open_store("s3://no-such-bucket", **s3_options)
    for ask in (lambda: store.put_bytes(b"x"), lambda: store.set_ref("a", "sha256:" + "0" * 64), store.verify):
        with pytest.raises(Unavailable, match="s3://no-such-bucket") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_a_server_that_does_not_answer_is_unavailable(s3_options: dict[str, Any]) -> None:
    s3_options |= {"endpoint": "http://127.0.0.1:9", "retry_config": {"max_retries": 0}}
    store = open_store("s3://bucket", **s3_options)
    for ask in (lambda: store.put_bytes(b"x"), lambda: store.has("sha256:" + "0" * 64), lambda: list(store.list())):
        with pytest.raises(Unavailable, match="s3://bucket could not be used") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_a_full_disk_is_unavailable_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """A real limit on file size stands in for a full disk: the write fails in the same place."""
    import subprocess
    import sys

    code = """
import resource, signal, sys, os
from pathlib import Path
from assay.core.errors import Unavailable
from assay.core.store import open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
root = Path(sys.argv[1])
store = open_store(root)
try:
    store.put_bytes(b"x" * (2 << 20))
except Unavailable as error:
    assert "could not be used" in str(error), error
else:
    raise SystemExit("it was acknowledged")
assert list(store.list()) == [] and os.listdir(root / "tmp") == []
store.put_bytes(b"x" * 1000)
"""
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "store"]).returncode == 0
