"""zlib's own C tests (example, infcover, minigzip) against the C face of the verified decoder, where they are at hand.

$ZLIB_SOURCES names a folder of zlib's sources. Debian's package zlib1g-dev brings these three tests among its examples.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ZLIB = Path(__file__).parents[3] / "proofs" / "zlib"
EXAMPLES = Path("/usr/share/doc/zlib1g-dev/examples")
# The standard module with the face loaded in front of the system's library.
PRELOADED = """
import gzip, sys, zlib
text = b"".join(b"%d bottles of beer on the wall, " % n for n in range(9000))
for wbits in (-15, 15, 31):
    encoder = zlib.compressobj(wbits=wbits)
    packed = encoder.compress(text) + encoder.flush()
    decoder, out, rest = zlib.decompressobj(wbits), [], packed + b"and more"
    while not decoder.eof:
        out.append(decoder.decompress(rest, 10_000))
        rest, decoder = decoder.unconsumed_tail, decoder.copy()
    assert b"".join(out) == text and decoder.unused_data == b"and more", wbits
    for broken in (packed[:-1], packed[:-3] + b"xyz" + packed[-1:], packed[:400] + b"xyz" + packed[403:]):
        try:
            assert wbits < 0 or zlib.decompress(broken, wbits) != text
        except zlib.error:
            continue
        assert wbits < 0
assert zlib.decompressobj(zdict=text).decompress(b"") == b""
encoder = zlib.compressobj(zdict=text)
packed = encoder.compress(text[:999]) + encoder.flush()
assert zlib.decompressobj(zdict=text).decompress(packed) == text[:999]
assert gzip.decompress(gzip.compress(text) * 2) == text * 2
assert zlib.crc32(b"123456789") == 0xCBF43926 and zlib.adler32(b"Wikipedia") == 0x11E60398
with open("/proc/self/maps") as maps:
    assert "face.so" in maps.read()
"""


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    for program in ("gcc", "objcopy"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not here")
    library = subprocess.run(["gcc", "-print-file-name=libz.a"], capture_output=True, text=True).stdout.strip()
    if not Path(library).is_absolute():
        pytest.skip("zlib's headers and libz.a are not here (Debian: zlib1g-dev)")


def test_zlibs_own_tests_pass_against_the_face() -> None:
    sources = Path(os.environ.get("ZLIB_SOURCES", EXAMPLES))
    if not any((sources / place / "infcover.c").is_file() for place in (".", "test")):
        pytest.skip(f"zlib's tests are not in {sources}: name their folder in $ZLIB_SOURCES")
    ran = subprocess.run(
        ["sh", str(ZLIB / "tests" / "c" / "run.sh"), str(sources)], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    names = ("example, build", "infcover, build", "minigzip, build", "example", "infcover", "minigzip")
    assert ran.stdout.splitlines() == [f"{name}: passed" for name in names]


def test_the_face_stands_in_for_the_systems_library(tmp_path: Path) -> None:
    subprocess.run(["sh", str(ZLIB / "face" / "build.sh"), str(tmp_path)], check=True, capture_output=True, timeout=300)
    if subprocess.run(["ldd", zlib_module()], capture_output=True, text=True).stdout.count("libz.so") == 0:
        pytest.skip("this Python's zlib is not the system's")
    environment = {**os.environ, "LD_PRELOAD": str(tmp_path / "face.so")}
    command = [sys.executable, "-I", "-c", PRELOADED]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr


def zlib_module() -> str:
    import zlib

    return getattr(zlib, "__file__", None) or sys.executable
