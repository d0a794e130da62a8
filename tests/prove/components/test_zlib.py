"""`assay.prove.zlib` beside the standard module: the same data, errors and bytes left over; bad streams are caught."""

import gzip as standard_gzip
import importlib.util
import io
import random
import shutil
import subprocess
import sys
import threading
import zlib
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROOFS = Path(__file__).parents[3] / "proofs"
HERE = PROOFS / "zlib" / "tests" / "python"
STREAMS = 1500
TEXT = b"".join(b"%d bottles of beer on the wall, " % n for n in range(3000))
FORMS = (-15, 15, 31)
NOT_WHOLE = "Error -5 while decompressing data: incomplete or truncated stream"


@pytest.fixture(scope="module")
def ours() -> ModuleType:
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    from assay.prove import zlib as module

    return module


@pytest.fixture(scope="module")
def fuzz(ours: ModuleType) -> ModuleType:
    sys.path.insert(0, str(HERE))
    try:
        spec = importlib.util.spec_from_file_location("zlib_fuzz", HERE / "fuzz.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(HERE))


def packed(data: bytes, wbits: int = 15, **words: Any) -> bytes:
    encoder = zlib.compressobj(wbits=wbits, **words)
    return encoder.compress(data) + encoder.flush()


def outcome(function: Any, *arguments: Any) -> Any:
    """What a call gives: its result, or the kind and words of its error."""
    try:
        return function(*arguments)
    except (ValueError, TypeError, OverflowError, BufferError, zlib.error) as error:
        words = "" if isinstance(error, TypeError | BufferError) else str(error)  # Python's own words differ
        return type(error), words


def test_streams_and_broken_ones_have_the_same_outcome_as_with_zlib(fuzz: ModuleType) -> None:
    rng = random.Random(7)
    material, kinds = fuzz.Material(rng), set()
    for _ in range(STREAMS):
        one = fuzz.case(rng, material, {})
        theirs, mine = fuzz.at_once(zlib, one), fuzz.at_once(fuzz.ours, one)
        if theirs != mine and fuzz.explained(one, theirs, mine):
            continue
        assert mine == theirs, one
        assert one.zdict is not None or fuzz.whole(fuzz.ours, one) == fuzz.whole(zlib, one), one
        in_pieces = fuzz.pieces(fuzz.ours, one, rng)
        assert in_pieces == theirs or "data" not in (theirs[0], in_pieces[0]), one
        kinds.add(theirs[0])
    assert len(kinds) > 12  # many ways to be wrong were there


def test_cpythons_own_tests_pass_with_it_in_place_of_zlib(ours: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "cpython.py")]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # These ask for what a machine may not have: 4 GB, a path in ASCII for temporary files, a debugging build.
    assert ran.stdout.count("skipped: ") <= 3


@pytest.mark.parametrize("wbits", [*range(-17, 50), 1000, -1000])
def test_every_wbits_means_what_it_means_to_zlib(wbits: int, ours: ModuleType) -> None:
    def as_object(module: Any, data: bytes) -> Any:
        decoder = module.decompressobj(wbits)
        return decoder.decompress(data), decoder.eof

    for form in (-15, -9, 9, 10, 15, 25, 31):
        data = packed(TEXT[:300], form)
        for changed in (data, b"\x88" + data[1:], b"\x79" + data[1:], data[:2] + b"\x07" + data[3:]):
            assert outcome(ours.decompress, changed, wbits) == outcome(zlib.decompress, changed, wbits)
            assert outcome(as_object, ours, changed) == outcome(as_object, zlib, changed)


def test_wrong_arguments_have_the_errors_of_zlib(ours: ModuleType) -> None:
    data = packed(b"data")
    for arguments in (
        *((value,) for value in ("text", None, 5, memoryview(data)[::2], b"", data[:-1], data + b"x")),
        *((data, 15, value) for value in (-1, 0, 1 << 70, 1.5, "1")),
        *((data, value) for value in (1 << 40, 15.0, None)),
    ):
        assert outcome(ours.decompress, *arguments) == outcome(zlib.decompress, *arguments), arguments
    for module in (ours, zlib):
        decoder = module.decompressobj()
        for length in (-1, 1 << 70, 1.5):
            assert outcome(decoder.decompress, data, length)[0] in (ValueError, OverflowError, TypeError)
        assert outcome(decoder.flush, 0) == (ValueError, "length must be greater than zero")
        assert outcome(decoder.decompress, data) == b"data"  # nothing of this disturbed it
        decoder.flush()
        assert outcome(decoder.copy) == (ValueError, "Inconsistent stream state")
        assert "inconsistent stream state" in outcome(decoder.decompress, data)[1]
    for zdict in (5, "text", None):
        assert outcome(ours.decompressobj, 15, zdict) == outcome(zlib.decompressobj, 15, zdict)


def test_a_preset_dictionary_is_used_asked_for_and_checked(ours: ModuleType) -> None:
    for form in (15, -15):
        data = packed(TEXT[:500], form, zdict=TEXT)
        assert ours.decompressobj(form, zdict=bytearray(TEXT)).decompress(data) == TEXT[:500]
    data = packed(TEXT[:500], zdict=TEXT)
    for words in ({}, {"zdict": b"another"}):
        theirs, mine = zlib.decompressobj(**words), ours.decompressobj(**words)
        for _ in range(2):
            assert outcome(mine.decompress, data) == outcome(theirs.decompress, data)
            assert outcome(mine.decompress, data)[0] is zlib.error
        assert outcome(mine.flush) == outcome(theirs.flush)
    byte_by_byte = ours.decompressobj(zdict=TEXT)
    assert b"".join(byte_by_byte.decompress(data[i : i + 1]) for i in range(len(data))) == TEXT[:500]
    assert byte_by_byte.eof


@pytest.mark.parametrize("wbits", FORMS)
def test_no_call_gives_more_than_its_limit_and_no_byte_is_lost(wbits: int, ours: ModuleType) -> None:
    data = packed(TEXT + bytes(200_000) + TEXT, wbits) + b"and more"
    for limit in (1000, 32_768, 70_000):
        decoder, out, rest = ours.decompressobj(wbits), [], data
        while not decoder.eof:
            out.append(decoder.decompress(rest, limit))
            assert len(out[-1]) == limit or decoder.eof
            rest = decoder.unconsumed_tail
        assert b"".join(out) == TEXT + bytes(200_000) + TEXT
        assert decoder.unused_data == b"and more"
    exactly = ours.decompressobj(wbits)
    assert exactly.decompress(packed(b"12345", wbits), 5) == b"12345"
    assert exactly.eof  # the end was seen though there was no room left


def test_a_bomb_stays_within_its_limit(ours: ModuleType) -> None:
    bomb = packed(bytes(20_000_000))
    decoder = ours.decompressobj()
    assert decoder.decompress(bomb, 10) == bytes(10)
    assert len(decoder.unconsumed_tail) > len(bomb) - 100
    assert ours.decompress(bomb) == bytes(20_000_000)


def test_a_header_may_come_byte_by_byte_and_be_long(ours: ModuleType) -> None:
    name = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x03\x00abc" + b"n" * 5000 + b"\0" + b"c" * 5000 + b"\0"
    header = name + (zlib.crc32(name) & 0xFFFF).to_bytes(2, "little")
    stream = header + packed(TEXT, 31)[10:]
    for data in (stream, header[:-1] + b"x" + stream[len(header) :], b"\x1f\x8b\x08\x20" + stream[4:]):
        decoder = ours.decompressobj(31)
        mine = outcome(lambda d=decoder, s=data: b"".join(d.decompress(s[i : i + 1]) for i in range(len(s))))
        assert (
            mine == outcome(zlib.decompressobj(31).decompress, data) == outcome(ours.decompressobj(31).decompress, data)
        )


def test_a_stream_that_was_found_invalid_stays_so(ours: ModuleType) -> None:
    decoder = ours.decompressobj()
    for data in (b"\x78\x9c\xff\xff", packed(b"data")):
        assert outcome(decoder.decompress, data) == (
            zlib.error,
            "Error -3 while decompressing data: invalid block type",
        )
    assert not decoder.eof
    assert decoder.flush() == b""


def test_a_copy_goes_its_own_way(ours: ModuleType) -> None:
    data = packed(TEXT)
    half = len(data) // 2
    first = ours.decompressobj()
    begun = first.decompress(data[:half])
    second = first.copy()
    ahead = second.decompress(data[half : half + 99])
    assert begun + first.decompress(data[half:]) == TEXT
    assert begun + ahead + second.decompress(data[half + 99 :]) == TEXT
    encoder = ours.compressobj()
    begun = encoder.compress(TEXT)
    other = encoder.copy()
    assert zlib.decompress(begun + other.compress(b"other") + other.flush()) == TEXT + b"other"
    assert zlib.decompress(begun + encoder.flush()) == TEXT


def test_threads_share_a_decoder_and_have_their_own(ours: ModuleType) -> None:
    inputs = [TEXT * n for n in (1, 2, 5, 9)] * 3
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ours.decompress, map(zlib.compress, inputs))) == inputs
        assert list(pool.map(lambda d: zlib.decompress(ours.compress(d, 1)), inputs)) == inputs
        streams = [(ours.decompressobj(), packed(data)) for data in inputs]
        assert list(pool.map(lambda s: s[0].decompress(s[1]), streams)) == inputs
    shared, out = ours.decompressobj(), []
    data = packed(bytes(1_000_000), level=0)
    pieces = iter(data[i : i + 500] for i in range(0, len(data), 500))
    lock = threading.Lock()

    def go_on(_: int) -> None:
        while not shared.eof:
            with lock:  # the order of the input; the calls themselves need none
                out.append(shared.decompress(next(pieces, b"")))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(go_on, range(3)))
    assert b"".join(out) == bytes(1_000_000)


def test_what_is_compressed_is_what_zlib_makes(ours: ModuleType) -> None:
    for level in range(-1, 10):
        for wbits in (15, 31, 8, -12):
            for data in (TEXT, bytearray(b"short"), array("H", range(2000)), b""):
                assert ours.compress(data, level, wbits) == zlib.compress(data, level, wbits)
    for wbits in (-15, -9, 8, 9, 15, 25, 31):
        for words in ({}, {"zdict": TEXT[:999]} if wbits < 16 else {"memLevel": 1}, {"strategy": zlib.Z_FIXED}):
            made, expected = [], []
            for module, parts in ((ours, made), (zlib, expected)):
                encoder = module.compressobj(6, zlib.DEFLATED, wbits, **words)
                for piece in (TEXT, bytearray(b"changes later"), b"", memoryview(TEXT)[500:]):
                    parts.append(encoder.compress(piece))
                    if isinstance(piece, bytearray):
                        piece[:] = bytes(len(piece))
                    for mode in (
                        zlib.Z_NO_FLUSH,
                        zlib.Z_BLOCK,
                        zlib.Z_PARTIAL_FLUSH,
                        zlib.Z_SYNC_FLUSH,
                        zlib.Z_FULL_FLUSH,
                    ):
                        parts.append(encoder.flush(mode))
                parts.append(encoder.flush())
            assert made == expected, (wbits, words)
    for arguments in ((b"a", 10), (b"a", 1, 99), ("text",), (b"a", 1.5)):
        assert outcome(ours.compress, *arguments) == outcome(zlib.compress, *arguments)
    for arguments in ((10,), (1, 8, 99), (1, 8, 15, 9, 9), (1, 8, -8), (1, 8, 24)):
        assert outcome(ours.compressobj, *arguments) == outcome(zlib.compressobj, *arguments)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (packed(b"other", 15), "does not decode to its data"),
        (packed(b"dat", 15), "left out the end"),
        (packed(b"data and more", 15), "more than its data"),
        (packed(b"data", 15)[:-1], "did not end"),
        (packed(b"data", 15) + b"x", "more than a stream"),
        (packed(b"data", 15)[:-1] + b"x", "incorrect data check"),
        (packed(b"data", 31), "incorrect header check"),
        (packed(b"data", 15, zdict=b"data"), "is invalid"),
    ],
)
def test_a_stream_that_does_not_decode_to_its_data_is_caught(made: bytes, words: str, ours: ModuleType) -> None:
    from assay.prove.zlib.compressing import Guard

    guard = Guard.of(15)
    guard.gave(b"data")
    with pytest.raises(ours.RoundTripFailed, match=words):
        guard.made(made, zlib.Z_FINISH)
    with pytest.raises(ours.RoundTripFailed, match="failed before"):
        guard.made(packed(b"data"), zlib.Z_FINISH)


@pytest.mark.parametrize("size", [100, 100_000])
def test_compress_returns_nothing_that_was_not_seen_to_decode(
    size: int, ours: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.prove.zlib import compressing

    data = TEXT[:size]
    for lie in (zlib.compress(data[:-1] + b"?"), zlib.compress(data[:-1]), zlib.compress(data)[:-1], data):
        monkeypatch.setattr(compressing.zlib, "compress", lambda *_, stream=lie: stream)
        with pytest.raises(ours.RoundTripFailed):
            ours.compress(data)


def test_a_flush_that_holds_data_back_is_caught(ours: ModuleType) -> None:
    from assay.prove.zlib.compressing import Guard

    guard, encoder = Guard.of(15), zlib.compressobj()
    guard.gave(b"data")
    guard.made(encoder.compress(b"data"))
    with pytest.raises(ours.RoundTripFailed, match="left out the end"):
        guard.made(b"", zlib.Z_SYNC_FLUSH)


def test_checksums_are_those_of_zlib(ours: ModuleType) -> None:
    rng = random.Random(3)
    for data in (b"", b"a", bytearray(TEXT), memoryview(TEXT)[1:], rng.randbytes(7000)):
        assert ours.adler32(data) == zlib.adler32(data)
        assert ours.crc32(data) == zlib.crc32(data)
        for value in (0, 1, -1, 0xFFFFFFFF, 0xFFF5FFF5, (1 << 70) + 5, rng.randrange(1 << 32)):
            assert ours.adler32(data, value) == zlib.adler32(data, value)
            assert ours.crc32(data, value) == zlib.crc32(data, value)
    first, second = rng.randbytes(100), rng.randbytes(3000)
    assert ours.crc32_combine(ours.crc32(first), ours.crc32(second), 3000) == zlib.crc32(first + second)
    for name in ("adler32", "crc32"):
        for arguments in ((), ("text",), (b"", 1.5)):
            assert outcome(getattr(ours, name), *arguments)[0] is TypeError


def test_gzip_files_of_several_members_are_read_and_written(ours: ModuleType, tmp_path: Path) -> None:
    from assay.prove.zlib import gzip

    path = tmp_path / "file.gz"
    path.write_bytes(standard_gzip.compress(TEXT) + standard_gzip.compress(b"second") + bytes(10))
    with gzip.open(path) as file:
        assert file.read() == TEXT + b"second"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("ü" * 1000)
    assert standard_gzip.decompress(path.read_bytes()).decode() == "ü" * 1000
    assert gzip.decompress(gzip.compress(TEXT)) == TEXT
    damaged = standard_gzip.compress(TEXT)[:-5] + b"\0\0\0\0\0"
    with pytest.raises(standard_gzip.BadGzipFile, match="CRC check failed"):
        gzip.decompress(damaged)
    with pytest.raises(EOFError):
        gzip.GzipFile(fileobj=io.BytesIO(damaged[:-9])).read()
    assert gzip.GzipFile is not standard_gzip.GzipFile
    assert sys.modules["gzip"].zlib is zlib  # the standard module is left as it was


def test_the_decompressor_of_newer_pythons_keeps_what_it_has_not_decoded(ours: ModuleType) -> None:
    data = packed(TEXT + bytes(100_000))
    decoder, out, at = ours._ZlibDecompressor(), [], 0
    while not decoder.eof:
        piece = data[at : at + 100] if decoder.needs_input else b""
        at += len(piece)
        out.append(decoder.decompress(piece, 777))
        assert len(out[-1]) <= 777
        assert piece or out[-1]  # without further input it had more to give
    assert b"".join(out) == TEXT + bytes(100_000)
    with pytest.raises(EOFError, match="End of stream"):
        decoder.decompress(b"")
    other = ours._ZlibDecompressor(wbits=31)
    assert other.decompress(b"", 0) == b""
    assert other.needs_input
    assert other.decompress(data=packed(b"data", 31) + b"x") == b"data"
    assert (other.unused_data, other.needs_input) == (b"x", False)


def test_every_name_of_the_standard_module_is_there(ours: ModuleType) -> None:
    names = {name for name in dir(zlib) if not name.startswith("_")}
    assert names <= set(ours.__all__)
    assert all(getattr(ours, name) == getattr(zlib, name) for name in names if name[0].isupper())
    assert ours.error is zlib.error


def test_streams_that_begin_with_any_bits_of_fixed_codes_decode_as_in_pieces(ours: ModuleType) -> None:
    """Whole ones begin with tables that were copied, those in pieces with tables that were made."""
    rng, ends = random.Random(3), set()

    def in_pieces(stream: bytes) -> tuple[bytes, bool]:
        decoder = ours.decompressobj()
        made = decoder.decompress(stream[:2]) + decoder.decompress(stream[2:])
        return made, decoder.eof

    for first in (byte for byte in range(256) if byte & 6 == 2):
        for size in (0, 1, 9, 40):
            stream = b"\x78\x9c" + bytes([first]) + rng.randbytes(size)
            whole, pieces = outcome(ours.decompress, stream), outcome(in_pieces, stream)
            if isinstance(pieces[0], bytes):
                assert not pieces[1] and whole == (zlib.error, NOT_WHOLE), stream
            else:
                assert whole == pieces, stream
            ends.add(pieces[1])
        one = packed(bytes([(first & 0xF8) | 1]) * 3, strategy=zlib.Z_FIXED)
        assert ours.decompress(one) == zlib.decompress(one)
    assert len(ends) > 3  # not whole, and invalid for several reasons


def farthest(copies: int) -> tuple[bytes, bytes]:
    """A raw stream of 32,768 stored bytes and copies of 258 bytes from 32,768 bytes back, and what it stands for."""
    held = random.Random(5).randbytes(1 << 15)
    code, distance = "11000101", "11101" + "1" * 13
    bits = "1" + "10" + (code + distance) * copies + "0000000"
    block = int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")
    stored = b"\x00\x00\x80\xff\x7f" + held
    return stored + block, (held * (258 * copies // len(held) + 2))[: len(held) + 258 * copies]


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 4096, 16384, 16385, 1 << 20])
def test_what_distances_reach_is_kept_when_a_window_is_moved(ours: ModuleType, size: int) -> None:
    stream, data = farthest(3000 if size > 1 else 400)
    assert zlib.decompress(stream, -15) == data
    assert ours.decompress(stream, -15) == data
    for limit in (0, 1 << 12, 40001):
        decoder, made = ours.decompressobj(-15), bytearray()
        for start in range(0, len(stream), size):
            made += decoder.decompress(stream[start : start + size], limit)
            while decoder.unconsumed_tail:
                made += decoder.decompress(decoder.unconsumed_tail, limit)
        assert made + decoder.flush() == data and decoder.eof


def test_outputs_longer_and_shorter_than_their_beginning_suggests(ours: ModuleType) -> None:
    noise = random.Random(6).randbytes(300_000)
    for data in (noise, noise + bytes(3_000_000), bytes(100_000) + noise, bytes(3_000_000), TEXT * 30, noise[:65537]):
        for wbits in FORMS:
            stream = packed(data, wbits)
            assert ours.decompress(stream, wbits) == data
            assert ours.decompress(bytearray(stream + b"more"), wbits, bufsize=1) == data


def test_whole_streams_that_are_wrong_late_are_refused_alike(ours: ModuleType) -> None:
    for data in (b"short", TEXT, random.Random(8).randbytes(70_000)):
        stream = packed(data)
        for broken in (
            stream[:-1],
            stream[:-4],
            stream[:-5],
            stream[:-1] + b"?",
            b"\x78\xbb" + stream[2:],
            b"\x78",
            b"",
        ):
            assert outcome(ours.decompress, broken) == outcome(zlib.decompress, broken)


def test_a_limit_is_forgotten_once_all_has_come(ours: ModuleType) -> None:
    decoder = ours._ZlibDecompressor()
    stream = packed(bytes(1000))
    assert decoder.decompress(stream[:-5], 10) == bytes(10) and not decoder.needs_input
    assert decoder.decompress(b"") == bytes(990) and decoder.needs_input
    assert decoder.decompress(stream[-5:]) == b"" and decoder.eof
