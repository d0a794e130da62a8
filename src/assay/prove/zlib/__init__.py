"""The interface of the standard module `zlib` around a verified decoder and verified checksums.

    from assay.prove import zlib
    zlib.decompress(zlib.compress(b"data"))

What is proved is the compiled program of the components `zlib`, `crc32` and `adler32`; this Python around it is tested.
Functions, constants, errors and their messages are the standard module's. `crc32_combine` is added.
"""

from zlib import (
    DEF_BUF_SIZE,
    DEF_MEM_LEVEL,
    DEFLATED,
    MAX_WBITS,
    Z_BEST_COMPRESSION,
    Z_BEST_SPEED,
    Z_BLOCK,
    Z_DEFAULT_COMPRESSION,
    Z_DEFAULT_STRATEGY,
    Z_FILTERED,
    Z_FINISH,
    Z_FIXED,
    Z_FULL_FLUSH,
    Z_HUFFMAN_ONLY,
    Z_NO_COMPRESSION,
    Z_NO_FLUSH,
    Z_PARTIAL_FLUSH,
    Z_RLE,
    Z_SYNC_FLUSH,
    Z_TREES,
    ZLIB_RUNTIME_VERSION,
    ZLIB_VERSION,
)

from assay.prove.zlib.compressing import RoundTripFailed, compress, compressobj
from assay.prove.zlib.decompressing import Decompressor, decompress, decompressobj, error
from assay.prove.zlib.program import adler32, crc32, crc32_combine

_ZlibDecompressor = Decompressor  # the standard module has it from Python 3.12 on
__version__ = "1.0"  # of the standard module's interface

__all__ = [
    "DEFLATED",
    "DEF_BUF_SIZE",
    "DEF_MEM_LEVEL",
    "MAX_WBITS",
    "ZLIB_RUNTIME_VERSION",
    "ZLIB_VERSION",
    "Z_BEST_COMPRESSION",
    "Z_BEST_SPEED",
    "Z_BLOCK",
    "Z_DEFAULT_COMPRESSION",
    "Z_DEFAULT_STRATEGY",
    "Z_FILTERED",
    "Z_FINISH",
    "Z_FIXED",
    "Z_FULL_FLUSH",
    "Z_HUFFMAN_ONLY",
    "Z_NO_COMPRESSION",
    "Z_NO_FLUSH",
    "Z_PARTIAL_FLUSH",
    "Z_RLE",
    "Z_SYNC_FLUSH",
    "Z_TREES",
    "RoundTripFailed",
    "adler32",
    "compress",
    "compressobj",
    "crc32",
    "crc32_combine",
    "decompress",
    "decompressobj",
    "error",
]
