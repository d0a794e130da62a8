"""A member in a process of its own: `python -m tests.pretrain.chain.member CHAIN WHERE KEY ACT...`, killed by tests.

CHAIN is `ledger` (WHERE: file or URL) or `evm` (WHERE: node and address, KEY a file). Acts: `attest UID FIRST LAST
ACKS` attests round after round, going on after its last line in ACKS; `commit UID ROUND` and `reveal UID ROUND`.
`MOMENT` in the environment is the time by the embedded chain's manual clock; `LINGER` keeps the process alive after.
"""

import os
import sys
import time
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.core.keys import Signer
from assay.pretrain.chain import Chain
from assay.pretrain.chain.clocks import ManualClock
from assay.pretrain.chain.evm import EvmChain
from assay.pretrain.chain.ledger_chain import LedgerChain
from tests.pretrain.chain.world import digest, word


def opened(kind: str, where: str, key: str) -> Chain:
    if kind == "evm":
        node, address = where.split()
        return EvmChain.connect(node, address, key=Path(key), deadline=60)
    signer = Signer.from_private(Ed25519PrivateKey.from_private_bytes(word(int(key) + 1)))
    return LedgerChain.open(where, key=signer, clock=ManualClock(int(os.environ["MOMENT"])))


def attest(chain: Chain, uid: int, first: int, last: int, acks: Path) -> None:
    done = len(acks.read_text().split()) if acks.exists() else 0
    with acks.open("a") as file:
        for round_ in range(first + done, last):
            chain.attest(uid, round_, digest(round_ + 1))
            file.write(f"{round_}\n")
            file.flush()


def main(kind: str, where: str, key: str, act: str, *given: str) -> None:
    chain = opened(kind, where, key)
    if act == "attest":
        attest(chain, int(given[0]), int(given[1]), int(given[2]), Path(given[3]))
    else:
        uid, round_ = int(given[0]), int(given[1])
        secret = word(1_000 * (round_ + 1) + uid + 1)
        chain.commit(uid, round_, digest(uid + 1), 10, sha256(secret).digest())
        if act == "reveal":
            chain.reveal(uid, round_, secret)
    print("done", flush=True)
    time.sleep(float(os.environ.get("LINGER", "0")))


if __name__ == "__main__":
    main(*sys.argv[1:])
