"""The ledger: what was decided, append-only, signed, and checkable by anyone.

Every entry is an in-toto Statement v1 in a DSSE envelope, signed with Ed25519; a Merkle tree (RFC 9162) over the
entries and signed tree heads make any later change visible. The format is in `docs/formats/ledger.md`.
"""

from assay.core.ledger.audit import Problem, Report
from assay.core.ledger.bundle import check_consistency_document, check_entry_document
from assay.core.ledger.importing import import_ledger
from assay.core.ledger.ledger import ConsistencyProof, InclusionProof, Ledger, open_ledger, verify_ledger
from assay.core.ledger.merkle import verify_consistency, verify_inclusion
from assay.core.ledger.rows import Entry
from assay.core.ledger.statement import VERDICT_PREDICATE, Statement, Subject, TreeHead, read_head

__all__ = [
    "VERDICT_PREDICATE",
    "ConsistencyProof",
    "Entry",
    "InclusionProof",
    "Ledger",
    "Problem",
    "Report",
    "Statement",
    "Subject",
    "TreeHead",
    "check_consistency_document",
    "check_entry_document",
    "import_ledger",
    "open_ledger",
    "read_head",
    "verify_consistency",
    "verify_inclusion",
    "verify_ledger",
]
