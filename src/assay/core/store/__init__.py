"""Files and folders kept by the SHA-256 of their content, in a folder, in a bucket or in memory."""

from assay.core.store.opening import open_store
from assay.core.store.shelf import NotInStore
from assay.core.store.store import GRACE_SECONDS, Store, StoredTree
from assay.core.store.tree import MAX_MANIFEST, Entry, Tree, TreeLimits
from assay.core.store.untrusted import Omitted
from assay.core.store.upkeep import Freed, Missing, Report

__all__ = [
    "GRACE_SECONDS",
    "MAX_MANIFEST",
    "Entry",
    "Freed",
    "Missing",
    "NotInStore",
    "Omitted",
    "Report",
    "Store",
    "StoredTree",
    "Tree",
    "TreeLimits",
    "open_store",
]
