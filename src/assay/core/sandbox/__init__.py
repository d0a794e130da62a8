"""Where untrusted work happens: a command, what it may see, what it may spend, and what it did spend.

    finished = open_sandbox().run(["python", "train.py"], Spec(workspace, budget, python_mounts()), transcript=path)

What is guaranteed, and what is not, is in docs/sandbox.md.
"""

from assay.core.errors import BadInput
from assay.core.sandbox.disk import remove_tree
from assay.core.sandbox.layout import python_mounts
from assay.core.sandbox.spec import WORKSPACE, Finished, Mount, NetworkRequest, Sample, Sandbox, Spec

__all__ = [
    "WORKSPACE",
    "Finished",
    "Mount",
    "NetworkRequest",
    "Sample",
    "Sandbox",
    "Spec",
    "open_sandbox",
    "python_mounts",
    "remove_tree",
]


def open_sandbox(name: str = "bubblewrap") -> Sandbox:
    """The sandbox called `name`: "bubblewrap", or "none" for work that is trusted.

    `Unavailable` if bubblewrap is not installed. Whether this machine lets it work shows when something is run.
    """
    if name == "bubblewrap":
        from assay.core.sandbox.bubblewrap import Bubblewrap
        from assay.core.sandbox.confine import bubblewrap_path

        bubblewrap_path()
        return Bubblewrap()
    if name == "none":
        from assay.core.sandbox.unconfined import Unconfined

        return Unconfined()
    raise BadInput(f"There is no sandbox called {name!r}: choose bubblewrap or none.")
