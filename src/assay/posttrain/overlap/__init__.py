"""Do these files contain these hidden test items, edited or encoded? A detector that needs no model and no network.

`Reference.build(items)` prepares the items, `scan_paths(paths, reference)` looks through files, `Reference.scan_text`
through one text; `read_items(path)` reads a benchmark's items. What is caught, what is missed and how often it errs:
docs/posttrain/overlap.md.
"""

from assay.posttrain.overlap.items import read_items
from assay.posttrain.overlap.readers import Limits
from assay.posttrain.overlap.reference import Match, Reference, ReferenceItem
from assay.posttrain.overlap.scan import Record, Scan, Unread, scan_paths

__all__ = ["Limits", "Match", "Record", "Reference", "ReferenceItem", "Scan", "Unread", "read_items", "scan_paths"]
