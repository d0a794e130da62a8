"""Where Assay keeps things on this machine: `$ASSAY_HOME`, or `~/.assay`.

store/       content-addressed files          ledger.db    signed decisions
runs/        unfinished and finished runs     keys/        this machine's signing key
scratch/     copies for one evaluation or audit, swept when nobody uses them
witness/     the latest ledger heads seen here, so that none can be rolled back unnoticed
"""

import os
from pathlib import Path


def home() -> Path:
    """The directory of this user's Assay, created if missing, readable by its owner only."""
    path = Path(os.environ.get("ASSAY_HOME") or Path.home() / ".assay").absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
