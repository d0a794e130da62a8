"""Stores of every kind that a test machine can run: a folder, memory, and a real S3-speaking server."""

import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest

from assay.core.store import Store, open_store

_buckets = itertools.count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint of an S3 server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{endpoint}/moto-api/").read()
                break
            except OSError:
                assert server.poll() is None, "the S3 server ended"
                time.sleep(0.1)
        yield endpoint
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3_options(s3_server: str) -> dict[str, Any]:
    return {
        "endpoint": s3_server,
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
        "client_options": {"allow_http": True},
    }


@pytest.fixture
def s3_bucket(s3_server: str) -> str:
    name = f"bucket-{os.getpid()}-{next(_buckets)}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=s3_server, **keys).create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "store")
    if request.param == "memory":
        return open_store("memory://")
    options = request.getfixturevalue("s3_options")
    return open_store(f"s3://{request.getfixturevalue('s3_bucket')}/some/prefix", **options)


@pytest.fixture
def folder_store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def damage() -> Callable[[Store, str, bytes], None]:
    """Replace what is stored under a digest behind the store's back."""

    def replace(store: Store, digest: str, content: bytes) -> None:
        obstore.put(store._shelf.objects, f"objects/{digest[7:9]}/{digest[9:]}", content)

    return replace
