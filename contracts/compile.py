"""Compile `Run.vy` and write what the package ships: `python contracts/compile.py`. Needs vyper (a dev dependency).

The result is the same on every machine; a test compiles again and compares.
"""

import hashlib
import json
from pathlib import Path

import vyper
from vyper.compiler import compile_code

SOURCE = Path(__file__).parent / "Run.vy"
TARGET = Path(__file__).parent.parent / "src" / "assay" / "pretrain" / "chain" / "Run.json"


def compiled() -> str:
    """The artefact's text: ABI, bytecode, and what they were made from and with."""
    source = SOURCE.read_text()
    found = compile_code(source, output_formats=["abi", "bytecode", "bytecode_runtime"])
    document = {
        "abi": found["abi"],
        "bytecode": found["bytecode"],
        "compiler": f"vyper {vyper.__version__}",
        "runtime_bytes": len(found["bytecode_runtime"]) // 2 - 1,
        "source_sha256": hashlib.sha256(source.encode()).hexdigest(),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(compiled())
