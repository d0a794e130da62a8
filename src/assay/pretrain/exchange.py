"""Handing in and collecting contributions: sealed objects in the members' own stores, promises on the chain.

A contribution counts if its digest was committed before the deadline, its key revealed after it, and the object is to
be had. Whatever a store serves is looked at only as far as its announced size, which is checked before a byte is read.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from assay.core.digest import Digest
from assay.core.errors import AssayError, BadInput, LimitExceeded, Unavailable
from assay.core.store import NotInStore, Store, open_store
from assay.pretrain import wire
from assay.pretrain.chain.protocol import Chain, Commitment, Member, Role
from assay.pretrain.contribution import MAX_HEADER, SEAL_BYTES, Contribution, Sealed, open_sealed
from assay.pretrain.gauntlet.evidence import Fault
from assay.pretrain.recipe import Recipe
from assay.pretrain.wire import SparseTensor

REQUEST_SECONDS = 60  # that one request to a stranger's bucket may take
AT_ONCE = 8  # stores that are read at the same time


@dataclass(frozen=True)
class Received:
    """A contribution that opened and parsed."""

    commitment: Commitment
    contribution: Contribution = field(repr=False)
    gradient: dict[str, SparseTensor] = field(repr=False)


@dataclass(frozen=True)
class Lost:
    """What there is instead of a contribution, and why it does not count."""

    fault: Fault
    why: str


def open_endpoint(url: str, folders: Path) -> Store:
    """The store that a stranger named. `BadInput` for a folder that is not below `folders`: it might be any of ours.

    A bucket is reached with this machine's own settings and given up soon: who answers slowly has handed in nothing.
    """
    if "://" in url and not url.startswith("file://"):
        limits: dict[str, Any] = {
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "connect_timeout": timedelta(seconds=5),
        }
        if os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true":
            limits["allow_http"] = True
        retry = {"max_retries": 2, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)}
        return open_store(url, client_options=limits, retry_config=retry)
    place = Path(url.removeprefix("file://")).resolve()
    if not place.is_relative_to(folders.resolve()):
        raise BadInput(f"{place} is no place for a member's store: it must be below {folders}.")
    return open_store(place)


class Stores:
    """The stores of a run's members, opened by endpoint. A store that cannot be opened or read is like an empty one."""

    def __init__(self, open_: Callable[[str], Store]) -> None:
        self._open = open_
        self._known: dict[str, Store] = {}

    def at(self, endpoint: str) -> Store:
        if endpoint not in self._known:
            self._known[endpoint] = self._open(endpoint)
        return self._known[endpoint]

    def fetch(self, digest: Digest, endpoints: Iterable[str], max_bytes: int) -> bytes:
        """The object from the first store that has it. `NotInStore` if none has; `LimitExceeded` if it is too large."""
        too_large: LimitExceeded | None = None
        for endpoint in endpoints:
            try:
                return self.at(endpoint).get_bytes(digest, max_bytes)
            except LimitExceeded as error:
                too_large = error
            except AssayError:  # not there, damaged, not to be reached: the next one may have it
                continue
        if too_large is not None:
            raise too_large
        raise NotInStore(f"{digest} is in none of the stores of this run's members.")


def hand_in(chain: Chain, uid: int, round_: int, sealed: Sealed, store: Store) -> Commitment:
    """Upload a sealed contribution, and then promise it on the chain. Repeating it does no harm."""
    digest = store.put_bytes(sealed.data)
    chain.commit(uid, round_, digest, len(sealed.data), sealed.key_hash)
    return Commitment(uid, digest, len(sealed.data), sealed.key_hash)


def limits_of(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]]) -> wire.Limits:
    """What a legal pseudo-gradient of this run is, for `wire.decode`."""
    outer = recipe.outer
    return wire.Limits.of(shapes, k=outer.keep, bits=outer.bits)


def collect(
    chain: Chain,
    round_: int,
    recipe: Recipe,
    limits: wire.Limits,
    stores: Stores,
    peers: Iterable[Member],
    *,
    patience: float | None = None,
) -> dict[int, Received | Lost]:
    """What each of `peers` handed in for this round, from the chain and the stores alone. By uid, ascending.

    `patience`: seconds after which an object that is still on its way is given up, so that nobody's slow store keeps
    others from being scored in time. None: as long as it takes.
    """
    commitments, keys = chain.commitments(round_), chain.reveals(round_)
    mirrors = [member.endpoint for member in chain.members(Role.VALIDATOR)]

    def one(peer: Member) -> Received | Lost:
        promise, key = commitments.get(peer.uid), keys.get(peer.uid)
        if promise is None:
            return Lost(Fault.ABSENT, "Nothing was committed before the deadline.")
        if key is None:
            return Lost(Fault.UNREVEALED, "The key was not revealed.")
        return _fetch(promise, key, round_, recipe, limits, stores, [peer.endpoint, *mirrors])

    ordered = sorted(peers, key=lambda member: member.uid)
    # One slow store must not keep us from all others, nor may as many as there are threads.
    pool = ThreadPoolExecutor(AT_ONCE if patience is None else max(1, len(ordered)))
    try:
        begun = {peer.uid: pool.submit(one, peer) for peer in ordered}
        done, _ = wait(begun.values(), timeout=patience)
        late = Lost(Fault.UNAVAILABLE, "The object did not arrive in time.")
        return {uid: future.result() if future in done else late for uid, future in begun.items()}
    finally:
        pool.shutdown(wait=patience is None, cancel_futures=True)


def _fetch(
    promise: Commitment,
    key: bytes,
    round_: int,
    recipe: Recipe,
    limits: wire.Limits,
    stores: Stores,
    endpoints: list[str],
) -> Received | Lost:
    largest = 8 + MAX_HEADER + limits.max_bytes + SEAL_BYTES
    if promise.size > largest:
        return Lost(
            Fault.OVERSIZED, f"{promise.size} bytes were announced; a legal contribution has at most {largest}."
        )
    try:
        sealed = stores.fetch(promise.object, endpoints, promise.size)
    except LimitExceeded:
        return Lost(Fault.OVERSIZED, f"The object is larger than the {promise.size} bytes that were announced.")
    except (NotInStore, Unavailable):
        return Lost(Fault.UNAVAILABLE, "The object is in none of the stores.")
    if len(sealed) != promise.size:
        return Lost(Fault.REPLACED, f"The object has {len(sealed)} bytes, {promise.size} were announced.")
    try:
        contribution = open_sealed(sealed, key, run=recipe.digest, round_=round_, uid=promise.uid)
        gradient = wire.decode(contribution.gradient, limits)
    except BadInput as error:
        return Lost(Fault.MALFORMED, str(error))
    return Received(promise, contribution, gradient)
