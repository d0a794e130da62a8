"""The wire format of a pseudo-gradient: top-k, one or two bits a value, coded indices, canonical bytes, strict parsing.

`encode(tensors)` gives the bytes, `decode(data, limits)` the sparse tensors, each with `.to_dense()`. The format is in
`docs/formats/pseudo-gradient.md`.
"""

from assay.pretrain.wire.errors import WireError
from assay.pretrain.wire.layout import BLOCK, CHUNK
from assay.pretrain.wire.payload import Limits, decode, encode, pack
from assay.pretrain.wire.sparse import SparseTensor, accumulate, compress, overlap, stack

__all__ = [
    "BLOCK",
    "CHUNK",
    "Limits",
    "SparseTensor",
    "WireError",
    "accumulate",
    "compress",
    "decode",
    "encode",
    "overlap",
    "pack",
    "stack",
]
