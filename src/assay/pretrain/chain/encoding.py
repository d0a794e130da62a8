"""The bytes that both chains hash: score sheets and beacons, as 256-bit words.

A preimage is the ABI encoding of its fields, because the contract must make it cheaply; it is written here by hand, so
that nothing but hashlib is needed to check one. A mark is one word: uid, weight and two flags.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from assay.core.digest import Digest, parse_digest
from assay.pretrain.chain.protocol import SCALE, Mark

SALT_BYTES = 32
FLAG_BITS = 2
MARK_BITS = 32  # of a mark without its uid: the contract keeps eight of them in a word
_SELECTED, _EXPELLED = 1, 2
# Domains keep a hash made for one purpose from being used for another: text, padded with zeros to a word.
SHEET_DOMAIN = b"assay.sheet/1".ljust(32, b"\0")
BEACON_DOMAIN = b"assay.beacon/1".ljust(32, b"\0")


def pack_mark(mark: Mark) -> int:
    """The weight in bits 2 and up; below it expelled, selected."""
    flags = _SELECTED * mark.selected | _EXPELLED * mark.expelled
    return mark.weight << FLAG_BITS | flags


def unpack_mark(bits: int) -> Mark:
    return Mark(bits >> FLAG_BITS, bool(bits & _SELECTED), bool(bits & _EXPELLED))


def pack_marks(marks: Mapping[int, Mark]) -> tuple[int, ...]:
    """One word per marked peer, ascending: uid, then the mark. A peer with Mark(0) is not named."""
    words = ((uid, pack_mark(mark)) for uid, mark in sorted(marks.items()))
    return tuple(uid << MARK_BITS | bits for uid, bits in words if bits)


def unpack_marks(words: Iterable[int]) -> dict[int, Mark]:
    return {word >> MARK_BITS: unpack_mark(word & (1 << MARK_BITS) - 1) for word in words}


def seal_sheet(uid: int, round_: int, document: Digest, marks: Mapping[int, Mark], salt: bytes) -> bytes:
    """The hash by which a validator promises a sheet. It names the validator: a copied hash opens for nobody."""
    return seal_words(uid, round_, document, pack_marks(marks), salt)


def seal_words(uid: int, round_: int, document: Digest, words: Sequence[int], salt: bytes) -> bytes:
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    head = [SHEET_DOMAIN, _word(round_), _word(uid), digest_word(document), salt]
    return _hash(head, [_word(word) for word in words])


def hash_beacon(seed: int, round_: int, keys: Mapping[int, bytes]) -> bytes:
    """The beacon of a round from its revealed keys by uid."""
    head = [BEACON_DOMAIN, _word(seed), round_.to_bytes(32, "big", signed=True)]
    return _hash(head, [keys[uid] for uid in sorted(keys)])


def digest_word(digest: Digest) -> bytes:
    return bytes.fromhex(parse_digest(digest).removeprefix("sha256:"))


def word_digest(word: bytes) -> Digest:
    return "sha256:" + word.hex()


def _hash(head: list[bytes], tail: list[bytes]) -> bytes:
    """SHA-256 over the ABI encoding of fixed words followed by one array of words."""
    offset = 32 * (len(head) + 1)
    return hashlib.sha256(b"".join([*head, _word(offset), _word(len(tail)), *tail])).digest()


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


# A weight and its flags must fit the contract's field.
assert SCALE << FLAG_BITS < 1 << MARK_BITS  # noqa: S101
