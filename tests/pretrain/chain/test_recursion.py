"""A package that web3 brings raises the recursion limit for the whole process; ours must not be left at that."""

import subprocess
import sys


def test_opening_a_chain_leaves_parsers_safe_from_depth() -> None:
    program = (
        "import json, sys; from assay.pretrain.chain.evm import Node; Node('http://127.0.0.1:1');"
        "import eth_account, web3.exceptions\n"
        "try: json.loads('[' * 100_000)\n"
        "except RecursionError: print('raised')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout.strip()) == (0, "raised"), ended.stderr[-500:]
