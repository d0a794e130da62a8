"""A real EVM node for tests: anvil from npm, on a free port, its clock moved by hand or running."""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

VERSION = "1.7.1"
CACHE = Path(os.environ.get("ASSAY_TEST_AGENTS") or Path.home() / ".cache" / "assay-tests") / "anvil"
# The mnemonic that every development node is started with: its accounts have coins on no real chain.
MNEMONIC = "test test test test test test test test test test test junk"


def installed_anvil() -> Path:
    """The program, installed once from npm; skips the test where that cannot be done."""
    found = _program()
    if found:
        return found
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on this machine")
    folder = CACHE / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"@foundry-rs/anvil@{VERSION}"]
    with (CACHE / "lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = _program()
    if done.returncode != 0 or found is None:
        pytest.skip(f"anvil cannot be installed from npm: {done.stderr.strip().splitlines()[-1:]}")
    return found


def _program() -> Path | None:
    """The binary itself: the wrapper beside it would outlive whoever started it."""
    return next(iter(sorted((CACHE / VERSION / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))), None)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def account_key(number: int) -> str:
    """The private key of one of the node's rich accounts."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    return "0x" + bytes(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}").key).hex()


class Anvil:
    """One node. `state`: a file that survives it."""

    def __init__(
        self, program: Path, folder: Path, *, state: Path | None = None, options: tuple[str, ...] = ()
    ) -> None:
        self.program, self.folder, self.state, self.options = program, folder, state, options
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        kept = ["--state", str(self.state)] if self.state else []
        command = [str(self.program), "--port", str(self.port), "--accounts", "24", *kept, *self.options]
        # The kernel counts the thread that started it as the parent.
        tied = _die_with_parent if threading.current_thread() is threading.main_thread() else None
        with (self.folder / "anvil.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=tied
            )
        end = time.monotonic() + 60
        while True:
            try:
                self.ask("eth_blockNumber")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self.folder / "anvil.log").read_text()[-2000:]) from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT lets it write its state."""
        if self.process is not None:
            os.killpg(self.process.pid, how)
            self.process.wait(60)
            self.process = None

    def ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert "error" not in found, found
        return found["result"]

    def now(self) -> int:
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def advance_to(self, moment: int) -> None:
        if moment > self.now():
            self.ask("evm_setNextBlockTimestamp", moment)
            self.ask("evm_mine")
