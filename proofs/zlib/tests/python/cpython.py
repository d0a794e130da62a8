"""CPython's own test_zlib and test_gzip with `assay.prove.zlib` in place of `zlib`.

python cpython.py      (exit code 0: all pass that run; what is skipped is listed)
"""

import sys
import unittest

from assay.prove import zlib

sys.modules["zlib"] = zlib
sys.modules.pop("gzip", None)  # it has to find the module in its place


def main() -> int:
    from test import test_gzip, test_zlib

    if test_zlib.zlib is not zlib or test_gzip.gzip.zlib is not zlib:
        raise SystemExit("the tests have another zlib")
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in (test_zlib, test_gzip))
    found = unittest.TextTestRunner(verbosity=0, stream=sys.stdout).run(suite)
    for test, why in found.skipped:
        sys.stdout.write(f"skipped: {test}: {why}\n")
    return 0 if found.wasSuccessful() and found.testsRun > 100 else 1


if __name__ == "__main__":
    sys.exit(main())
