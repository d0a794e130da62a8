"""Run inside the sandbox: load a built library as a user would, and call every entry point once with a small input.

usage: python -m assay.prove.inside LIBRARY ENTRIES_JSON
"""

import json
import sys
from pathlib import Path

from assay.prove.calling import bind
from assay.prove.component import EntryPoint


def main(library: str, entries: str) -> None:
    found = bind(Path(library), [EntryPoint.model_validate(e) for e in json.loads(Path(entries).read_text())])
    for entry, function in found:
        arguments = [b"" if p.kind == "buffer" else p.default or 0 for p in entry.arguments]
        try:
            function(*arguments)
        except ValueError:
            continue  # the empty input may be invalid: it was called


if __name__ == "__main__":
    main(*sys.argv[1:3])
