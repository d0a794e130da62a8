"""`open`, `GzipFile`, `compress` and `decompress` of the standard module `gzip`, around the verified decoder.

It is the standard module's own code, loaded once more with `assay.prove.zlib` where it says `zlib`.
"""

import gzip as standard
import importlib.util
from types import ModuleType

import assay.prove.zlib


def _loaded_once_more() -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{__name__}.standard", standard.__file__)
    assert spec is not None and spec.loader is not None  # noqa: S101 - a module of the standard library
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(zlib=assay.prove.zlib, BadGzipFile=standard.BadGzipFile)
    return module


_module = _loaded_once_more()
open = _module.open
GzipFile = _module.GzipFile
compress = _module.compress
decompress = _module.decompress
BadGzipFile = standard.BadGzipFile

__all__ = ["BadGzipFile", "GzipFile", "compress", "decompress", "open"]
