"""What can be done on a chain, as documents: one frozen model per act, parsed strictly.

The embedded chain signs their canonical JSON; the contract has one function for each. What is allowed when is in
`rules.py`. Hashes, keys and salts are 64 hex digits here, marks the words of `encoding.pack_marks`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.core.digest import Digest
from assay.pretrain.chain.protocol import MAX_ENDPOINT, MAX_PEERS, Role

Number = Annotated[int, Field(ge=0, lt=2**63)]
Word = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Amount = Annotated[int, Field(ge=0, lt=2**256)]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Register(_Act):
    """Join, with a bond."""

    act: Literal["register"] = "register"
    role: Role
    endpoint: Annotated[str, Field(max_length=MAX_ENDPOINT)]
    bond: Amount


class Leave(_Act):
    """Take no part from the next round on."""

    act: Literal["leave"] = "leave"
    uid: Number


class Withdraw(_Act):
    """Hand a member that left its bond back."""

    act: Literal["withdraw"] = "withdraw"
    uid: Number


class Commit(_Act):
    """Promise a contribution."""

    act: Literal["commit"] = "commit"
    uid: Number
    round: Number
    object: Digest
    size: Amount
    key_hash: Word


class Reveal(_Act):
    """Open the promise."""

    act: Literal["reveal"] = "reveal"
    uid: Number
    round: Number
    key: Word


class CommitScores(_Act):
    """Promise a score sheet."""

    act: Literal["commit_scores"] = "commit_scores"
    uid: Number
    round: Number
    sheet_hash: Word


class PublishScores(_Act):
    """Publish the promised sheet."""

    act: Literal["publish_scores"] = "publish_scores"
    uid: Number
    round: Number
    document: Digest
    marks: Annotated[tuple[Amount, ...], Field(max_length=MAX_PEERS)]
    salt: Word


class Attest(_Act):
    """Say what the parameters are at the start of a round."""

    act: Literal["attest"] = "attest"
    uid: Number
    round: Number
    parameters: Digest


Act = Register | Leave | Withdraw | Commit | Reveal | CommitScores | PublishScores | Attest
AnyAct = Annotated[Act, Field(discriminator="act")]
