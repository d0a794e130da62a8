"""Folders where people keep models and data sets of their own: what `--data` names, or `$ASSAY_DATA`.

Arenas look there before they fetch anything.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from assay.core.errors import BadInput

VARIABLE = "ASSAY_DATA"  # folders, separated by colons


def data_folders() -> list[Path]:
    return [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]


def use_folders(folders: Sequence[Path]) -> None:
    """Look below `folders` first, in this process and those that it starts. `BadInput` if one is not a folder."""
    for folder in folders:
        if not folder.is_dir():
            raise BadInput(f"{folder} is not a folder: --data names a folder with models or data sets.")
    if folders:
        os.environ[VARIABLE] = os.pathsep.join(str(folder.absolute()) for folder in (*folders, *data_folders()))
