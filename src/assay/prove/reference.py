"""A worker without a model: it writes out sources that are known to be right, so that the whole flow can be tried.

run("prove/rle", reference_worker("rle"), desk)
"""

from assay.core.workers import ScriptWorker
from assay.prove.component import SUBMITTED_FOLDERS
from assay.prove.loading import component_folder

# The known sources lie in the workspace under another name, as a worker's own notes would.
_SCRIPT = "for part in src c; do if [ -d known-$part ]; then cp -r known-$part/. component/$part/; fi; done"


def reference_worker(name: str) -> ScriptWorker:
    """The worker that hands in the sources of the component `name` as they are in the folder of components."""
    folder = component_folder(name)
    files = {f"known-{part}": folder / part for part in SUBMITTED_FOLDERS if (folder / part).is_dir()}
    return ScriptWorker(f"reference {name}", ("sh", "-c", _SCRIPT), files)
