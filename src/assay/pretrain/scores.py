"""Finding score documents: whose conclusions a round goes on from, for validators, peers and auditors alike."""

from collections.abc import Mapping

from assay.core.errors import AssayError
from assay.pretrain.chain.protocol import Chain, Mark, Role, Sheet
from assay.pretrain.exchange import Stores
from assay.pretrain.gauntlet.document import MAX_DOCUMENT, ScoreDocument, parse


def documents(chain: Chain, stores: Stores, round_: int) -> dict[int, ScoreDocument]:
    """The score documents of a round that can be had and read, by the validator's uid."""
    found = {}
    for uid, sheet in sorted(chain.sheets(round_).items()):
        document = fetch(chain, stores, sheet)
        if document is not None and (document.round, document.validator) == (round_, uid):
            found[uid] = document
    return found


def fetch(chain: Chain, stores: Stores, sheet: Sheet) -> ScoreDocument | None:
    """The document that a sheet names. None if no store has it, or if it is none."""
    endpoints = [member.endpoint for member in chain.members(Role.VALIDATOR)]
    endpoints.sort(key=lambda endpoint: endpoint != _endpoint(chain, sheet.validator))
    try:
        return parse(stores.fetch(sheet.document, endpoints, _largest(chain)))
    except AssayError:
        return None


def last_document(chain: Chain, stores: Stores, round_: int, *, mine: int | None = None) -> ScoreDocument | None:
    """The document from which `round_` goes on: of the last round before it that counted.

    A validator goes on from its own, if its marks were those that counted; everyone else, and a validator that joined
    or was away, from the first whose marks were. None if no round counted yet.
    """
    for then in range(round_ - 1, -1, -1):
        outcome = chain.outcome(then)
        if outcome.void:
            continue
        agreeing = [uid for uid, sheet in sorted(chain.sheets(then).items()) if same_marks(sheet.marks, outcome.marks)]
        agreeing.sort(key=lambda uid: uid != mine)
        found = documents(chain, stores, then)
        for uid in [*agreeing, *sorted(found)]:
            if uid in found:
                return found[uid]
    return None


def same_marks(one: Mapping[int, Mark], other: Mapping[int, Mark]) -> bool:
    """Whether two sheets say the same; a peer that is not named has a mark of nothing."""
    return all(one.get(uid, Mark(0)) == other.get(uid, Mark(0)) for uid in one.keys() | other.keys())


def _largest(chain: Chain) -> int:
    """Bytes that a document of this run may have: a stranger's must not cost more to read than ours does."""
    return min(MAX_DOCUMENT, (4 << 20) + len(chain.members(Role.PEER)) * (256 << 10))


def _endpoint(chain: Chain, uid: int) -> str | None:
    return next((member.endpoint for member in chain.members(Role.VALIDATOR) if member.uid == uid), None)
