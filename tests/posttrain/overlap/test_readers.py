"""Every kind of file is read and the record is named; what cannot be read is said, never passed over."""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import os
import py_compile
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from assay.core.errors import BadInput, LimitExceeded
from assay.posttrain.overlap import Limits, Reference
from tests.posttrain.overlap.conftest import scan

PLAIN = "The mayor opened the new library on Tuesday, and the band played until the rain came down on the square. "


def rows(items: dict[str, str]) -> list[dict[str, str]]:
    """Three records; the second holds an item."""
    return [{"id": "1", "text": PLAIN}, {"id": "2", "text": PLAIN + items["bees"]}, {"id": "3", "text": PLAIN}]


def json_lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def json_list(rows: list[dict[str, str]]) -> bytes:
    return json.dumps(rows, indent=2).encode()


def json_columns(rows: list[dict[str, str]]) -> bytes:
    return json.dumps({"text": [row["text"] for row in rows]}).encode()


def comma_separated(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows(row.values() for row in rows)
    return file.getvalue().encode()


def parquet(rows: list[dict[str, str]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file.getvalue()


def arrow_file(rows: list[dict[str, str]]) -> bytes:
    import pyarrow

    file = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows)
    with pyarrow.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def arrow_stream(rows: list[dict[str, str]]) -> bytes:
    import pyarrow

    file = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows)
    with pyarrow.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def notebook(rows: list[dict[str, str]]) -> bytes:
    cells = [{"cell_type": "code", "source": row["text"].split(" "), "outputs": []} for row in rows]
    return json.dumps(
        {"cells": [{**c, "source": [f"{w} " for w in c["source"]]} for c in cells], "nbformat": 4}
    ).encode()


FORMATS: dict[str, tuple[str, Callable[[list[dict[str, str]]], bytes]]] = {
    "JSON Lines": ("d.jsonl", json_lines),
    "JSON Lines named json": ("d.json", json_lines),
    "JSON list": ("d.json", json_list),
    "JSON columns": ("d.json", json_columns),
    "CSV": ("d.csv", comma_separated),
    "Parquet": ("d.parquet", parquet),
    "Parquet by another name": ("d.dat", parquet),
    "Arrow file": ("d.arrow", arrow_file),
    "Arrow stream": ("d.arrow", arrow_stream),
    "notebook": ("d.ipynb", notebook),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_record_that_holds_an_item_is_named(
    kind: str, items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    name, write = FORMATS[kind]
    if "Arrow" in kind or "Parquet" in kind:
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(write(rows(items)))
    (record,), unread = scan([tmp_path], reference)
    assert (record.file, record.row, record.item) == (str(tmp_path / name), 2, "bees")
    assert unread == []


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstandard.ZstdCompressor().compress)],
)
@pytest.mark.parametrize("kind", ["JSON Lines", "CSV", "Parquet", "notebook"])
def test_compressed_files_are_read(
    kind: str, suffix: str, pack: Callable[[bytes], bytes], items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    name, write = FORMATS[kind]
    (tmp_path / f"{name}.{suffix}").write_bytes(pack(write(rows(items))))
    (record,), unread = scan([tmp_path], reference)
    assert (record.row, record.item, unread) == (2, "bees", [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_any_unicode_encoding_is_read(
    encoding: str, items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_bytes((PLAIN + items["tram"]).encode(encoding))
    (record,), unread = scan([tmp_path], reference)
    assert (record.item, record.row, unread) == ("tram", 0, [])


@pytest.mark.parametrize("name", ["train.py", "notes.md", "data.txt", "Makefile", "x.unknown"])
def test_code_and_text_are_read_as_one_document(
    name: str, items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    content = PLAIN * 30 + items["mural"] + PLAIN * 30
    (tmp_path / name).write_text(content)
    (record,), unread = scan([tmp_path], reference)
    start, end = record.span
    assert content[start:end].startswith("Painting one square")
    assert content[start:end].endswith("ordered")
    assert (record.row, unread) == (0, [])


def test_an_item_anywhere_in_a_huge_text_is_found(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    """Wherever the windows of a long text are cut, an item is whole in one of them."""
    for place in (0, (1 << 20) - 60, 2 * (1 << 20) - (1 << 15) - 100, 2_200_000):
        text = (PLAIN * 25_000)[:place] + " " + items["ferry"] + " " + (PLAIN * 25_000)[place:]
        (tmp_path / "big.txt").write_text(text)
        (record,), _ = scan([tmp_path], reference)
        assert text[record.span[0] :].startswith("A ferry with"), place


def test_archives_are_read_member_by_member(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner/d.jsonl", json_lines(rows(items)))
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "a.zip", "nested.zip")
    records, unread = scan([tmp_path], reference)
    assert [(Path(r.file).name, r.row) for r in records] == [
        ("d.jsonl", 2),
        ("d.jsonl", 2),
    ]
    assert {r.file.removeprefix(str(tmp_path)) for r in records} == {
        "/a.zip!inner/d.jsonl",
        "/b.tar.gz!nested.zip!inner/d.jsonl",
    }
    assert unread == []


def test_compiled_python_is_read(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    source = tmp_path / "data.py"
    source.write_text(f"ROWS = [{items['chess']!r}]\n")
    py_compile.compile(str(source), cfile=str(tmp_path / "data.pyc"))
    source.unlink()
    (record,), unread = scan([tmp_path], reference)
    assert (record.item, unread) == ("chess", [])


def test_malformed_json_is_read_as_text(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "fine"}\n{"text": "' + items["bees"] + "\n")
    (tmp_path / "d.json").write_text('[{"text": "' + items["kites"] + '"')
    records, unread = scan([tmp_path], reference)
    assert [(r.row, r.item) for r in records] == [(0, "kites"), (2, "bees")]
    assert unread == []


def test_token_ids_are_read_with_a_tokenizer(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    words = sorted({word for text in items.values() for word in text.split()})
    ids = [words.index(word) + 1000 for word in items["violin"].split()]
    (tmp_path / "d.jsonl").write_text(json.dumps({"input_ids": ids}) + "\n")

    def decode(numbers: list[int]) -> str:
        return " ".join(words[number - 1000] for number in numbers)

    assert scan([tmp_path], reference)[0] == []
    (record,), _ = scan([tmp_path], reference, decode_tokens=decode)
    assert (record.item, record.decoding) == ("violin", "tokens")


def test_a_byte_array_is_read(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(json.dumps({"bytes": list(items["kites"].encode())}) + "\n")
    (record,), _ = scan([tmp_path], reference)
    assert (record.item, record.decoding) == ("kites", "code points")


def test_layers_of_encoding_are_undone(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    inner = json.dumps({"q": items["tram"]}).encode()
    blob = base64.b64encode(gzip.compress(base64.b64encode(inner).hex().encode())).decode()
    (tmp_path / "d.py").write_text(f'DATA = decode("{blob}")\n')
    (record,), _ = scan([tmp_path], reference)
    assert (record.item, record.decoding) == ("tram", "base64+gzip+hex+base64")


UNREADABLE: dict[str, tuple[str, bytes, str]] = {
    "a truncated gzip file": ("d.jsonl.gz", gzip.compress(os.urandom(4000))[:2000], "error"),
    "a damaged zip file": ("d.zip", b"PK\x03\x04" + bytes(200), "error"),
    "a damaged Parquet file": ("d.parquet", b"PAR1" + bytes(200) + b"PAR1", "error"),
    "a pickle": ("d.pkl", b"\x80\x04\x95" + bytes(range(256)) * 20, "binary"),
    "an array": ("d.npy", b"\x93NUMPY\x01\x00" + bytes(4000), "binary"),
    "random bytes": ("d.txt", bytes(range(256)) * 40, "binary"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_said(case: str, reference: Reference, tmp_path: Path) -> None:
    name, content, kind = UNREADABLE[case]
    (tmp_path / name).write_bytes(content)
    records, unread = scan([tmp_path], reference)
    assert records == []
    assert [(Path(u.file).name, u.kind) for u in unread] == [(name, kind)]
    assert unread[0].reason


def test_what_comes_before_the_damage_is_still_searched(
    items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    data = gzip.compress(json_lines(rows(items) + [{"text": os.urandom(3000).hex()}] * 2000))
    (tmp_path / "d.jsonl.gz").write_bytes(data[: len(data) // 2])
    records, unread = scan([tmp_path], reference)
    assert [record.item for record in records] == ["bees"]
    assert [u.kind for u in unread] == ["error"]


def test_text_in_an_unknown_binary_is_found_and_the_file_stays_unread(
    items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    (tmp_path / "d.pkl").write_bytes(b"\x80\x04\x95\x00\x00" + items["bees"].encode() + b"\x94." + bytes(100))
    records, unread = scan([tmp_path], reference)
    assert [record.item for record in records] == ["bees"]
    assert len(unread) == 1


def test_a_link_is_not_followed_and_said(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(items["bees"])
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "link.txt").symlink_to(outside)
    (folder / "folder").symlink_to(tmp_path)
    records, unread = scan([folder], reference)
    assert records == []
    assert sorted((Path(u.file).name, u.kind) for u in unread) == [("folder", "link"), ("link.txt", "link")]


def test_a_pipe_does_not_block_the_scan(reference: Reference, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [u.reason for u in scan([tmp_path], reference)[1]] == ["not a regular file"]


def test_a_decompression_bomb_ends_at_the_limit(reference: Reference, tmp_path: Path) -> None:
    (tmp_path / "bomb.txt.gz").write_bytes(gzip.compress(b"a " * 10_000_000))
    _, unread = scan([tmp_path], reference, limits=Limits(file_bytes=1 << 20))
    assert "larger than 1048576 bytes" in unread[0].reason


def test_an_encoded_bomb_is_said(reference: Reference, tmp_path: Path) -> None:
    blob = base64.b64encode(gzip.compress(b"all work and no play " * 2_000_000)).decode()
    (tmp_path / "d.jsonl").write_text(json.dumps({"blob": blob}) + "\n")
    _, unread = scan([tmp_path], reference)
    assert len(unread) == 1
    assert "row 1" in unread[0].reason


def test_too_many_files_stop_the_scan(reference: Reference, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(PLAIN)
    with pytest.raises(LimitExceeded, match="More than 3 files"):
        scan([tmp_path], reference, limits=Limits(files=3))


def test_a_missing_path_is_bad_input(reference: Reference, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        scan([tmp_path / "nothing"], reference)


def test_deeply_nested_json_does_not_end_the_scan(items: dict[str, str], reference: Reference, tmp_path: Path) -> None:
    deep = "[" * 200_000 + '"' + items["bees"] + '"' + "]" * 200_000
    (tmp_path / "a.jsonl").write_text(deep + "\n")
    (tmp_path / "b.json").write_text(deep)
    records, _ = scan([tmp_path], reference)
    assert [record.item for record in records] == ["bees", "bees"]


def test_every_match_of_a_document_is_in_its_record(
    items: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    (tmp_path / "all.md").write_text("\n\n".join([PLAIN, *items.values()]))
    (record,), _ = scan([tmp_path], reference)
    assert {record.item, *record.others} == set(items)


_MEASURE = """
import resource, sys
from pathlib import Path
from assay.posttrain.overlap import Reference, ReferenceItem, scan_paths
reference = Reference.build([ReferenceItem("a", "Marlene sews 14 kites before the harbour festival.")])
list(scan_paths([Path(sys.argv[1])], reference))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.txt", "corpus.csv"])
def test_memory_does_not_grow_with_the_corpus(name: str, tmp_path: Path) -> None:
    peaks = []
    for times in (2_000, 40_000):  # 2 MB and 42 MB
        line = json.dumps({"text": PLAIN * 10}) if name.endswith("jsonl") else PLAIN * 10
        (tmp_path / name).write_text((line + "\n") * times)
        output = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(tmp_path / name)], capture_output=True, text=True, check=True
        )
        peaks.append(int(output.stdout))
    assert peaks[1] - peaks[0] < 24  # MiB: batches may be fuller, but the corpus is 40 MiB larger
