"""The Merkle tree against RFC 9162: its examples, known roots, its recursive definition, and another implementation."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle import verify_consistency as their_consistency
from pymerkle import verify_inclusion as their_inclusion

from assay.core.ledger import merkle
from assay.core.ledger.merkle import Frontier, Node, leaf_hash, node_hash

# The leaves and roots with which Certificate Transparency logs (RFC 6962) are commonly tested.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """A tree in memory, with the nodes as the ledger stores them."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.frontier = Frontier()
        self.nodes: dict[Node, bytes] = {}
        self.roots = [self.frontier.root()]
        for number, data in enumerate(leaves):
            for level, digest in enumerate(self.frontier.append(leaf_hash(data))):
                self.nodes[Node(level, number >> level)] = digest
            self.roots.append(self.frontier.root())

    def lookup(self, nodes: list[Node]) -> dict[Node, bytes]:
        return {node: self.nodes[node] for node in nodes}


def recursive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(recursive_root(leaves[:split]), recursive_root(leaves[split:]))


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def test_known_roots() -> None:
    assert [root.hex() for root in Tree(LEAVES).roots] == ROOTS


def test_the_examples_of_rfc_9162_section_2_1_5() -> None:
    d = [leaf_hash(data) for data in numbered(7)]
    a, b, c, e, f, j = d[0], d[1], d[2], d[4], d[5], d[6]
    g, h, i = node_hash(a, b), node_hash(c, d[3]), node_hash(e, f)
    k, length_seven = node_hash(g, h), Tree(numbered(7))
    right = node_hash(i, j)
    assert length_seven.roots[7] == node_hash(k, right)
    paths = {0: [b, h, right], 3: [c, g, right], 4: [f, j, k], 6: [i, k]}
    for index, path in paths.items():
        assert merkle.prove_inclusion(index, 7, length_seven.lookup) == path
    proofs = {3: [c, d[3], g, right], 4: [right], 6: [i, j, k]}
    for size, proof in proofs.items():
        assert merkle.prove_consistency(size, 7, length_seven.lookup) == proof


@settings(deadline=None)
@given(st.lists(st.binary(max_size=3), max_size=70))
def test_roots_follow_the_recursive_definition(leaves: list[bytes]) -> None:
    tree = Tree(leaves)
    assert tree.roots == [recursive_root(leaves[:size]) for size in range(len(leaves) + 1)]


def test_every_inclusion_proof_of_small_trees_holds_and_holds_for_nothing_else() -> None:
    tree = Tree(numbered(34))
    for size in range(1, 35):
        for index in range(size):
            path, leaf = merkle.prove_inclusion(index, size, tree.lookup), leaf_hash(str(index).encode())
            assert merkle.verify_inclusion(leaf, index, size, path, tree.roots[size])
            assert not merkle.verify_inclusion(leaf_hash(b"other"), index, size, path, tree.roots[size])
            assert not merkle.verify_inclusion(leaf, index, size, path, tree.roots[size - 1])
            assert not merkle.verify_inclusion(leaf, index, size, [*path, leaf], tree.roots[size])
            assert not path or not merkle.verify_inclusion(leaf, index, size, path[:-1], tree.roots[size])
            for wrong in {index ^ 1, index + 1} & set(range(size)):
                assert not merkle.verify_inclusion(leaf, wrong, size, path, tree.roots[size])


def test_every_consistency_proof_of_small_trees_holds_and_holds_for_nothing_else() -> None:
    tree, other = Tree(numbered(34)), Tree([*numbered(33)[::-1], b"x"])
    for second in range(35):
        for first in range(second + 1):
            proof = merkle.prove_consistency(first, second, tree.lookup)
            old, new = tree.roots[first], tree.roots[second]
            assert merkle.verify_consistency(first, second, old, new, proof)
            assert not merkle.verify_consistency(first, second, old, new, [*proof, new])
            if first:
                assert not merkle.verify_consistency(first, second, other.roots[first], new, proof)
                assert not merkle.verify_consistency(first, second, old, other.roots[second], proof)
            if proof:
                assert not merkle.verify_consistency(first, second, old, new, proof[:-1])
                assert not merkle.verify_consistency(first, second, old, new, [b"\0" * 32, *proof[1:]])


@pytest.mark.parametrize("first", [0, 5])
def test_a_consistency_proof_needs_sizes_in_order(first: int) -> None:
    assert not merkle.verify_consistency(first + 1, first, b"", b"", [])
    with pytest.raises(ValueError, match="not the beginning"):
        merkle.prove_consistency(first + 1, first, Tree([]).lookup)


def test_oversized_and_odd_paths_are_refused() -> None:
    tree = Tree(numbered(2))
    leaf, root = leaf_hash(b"0"), tree.roots[2]
    assert merkle.verify_inclusion(leaf, 0, 2, [leaf_hash(b"1")], root)
    assert not merkle.verify_inclusion(leaf, 0, 2, [leaf_hash(b"1")[:31]], root)
    assert not merkle.verify_inclusion(leaf, 0, 1 << 62, [root] * 129, root)


@settings(deadline=None)
@given(st.integers(1, 70), st.data())
def test_another_implementation_agrees(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    ours, theirs = Tree(leaves), InmemoryTree()
    theirs.append_entries(leaves)
    assert theirs.get_root() == ours.roots[size]
    index = data.draw(st.integers(0, size - 1))
    proof = theirs.prove_inclusion(index + 1)
    their_inclusion(leaf_hash(leaves[index]), ours.roots[size], proof)
    assert proof.path[1:] == merkle.prove_inclusion(index, size, ours.lookup)
    first = data.draw(st.integers(1, size))
    their_consistency(theirs.get_root(first), ours.roots[size], theirs.prove_consistency(first))
    assert theirs.get_root(first) == ours.roots[first]
