"""Files of hidden items, in the shapes in which benchmarks are published."""

import gzip
import json
from pathlib import Path

import pytest

from assay.core.errors import BadInput
from assay.posttrain.overlap import ReferenceItem, read_items


@pytest.mark.parametrize(
    ("record", "item"),
    [
        ({"question": "How many?", "answer": "4"}, ReferenceItem("0", "How many?", "4")),
        (
            {"task_id": "T/1", "prompt": "def f():", "canonical_solution": "  pass", "test": "assert"},
            ReferenceItem("T/1", "def f():", "  pass"),
        ),
        (
            {
                "id": "exec_0",
                "question": [[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Go"}]],
            },
            ReferenceItem("exec_0", "Go"),
        ),
        ("just text", ReferenceItem("0", "just text")),
    ],
)
def test_the_usual_shapes_are_known(record: object, item: ReferenceItem, tmp_path: Path) -> None:
    lines, listed, packed = tmp_path / "a.jsonl", tmp_path / "a.json", tmp_path / "a.jsonl.gz"
    lines.write_text(json.dumps(record) + "\n\n")
    listed.write_text(json.dumps([record]))
    packed.write_bytes(gzip.compress(lines.read_bytes()))
    assert read_items(lines) == read_items(listed) == read_items(packed) == [item]


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1, {}]", "[[]]", "\x00"])
def test_other_files_are_refused_in_one_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"a\.json"):
        read_items(path)


def test_a_missing_or_cut_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_items(tmp_path / "none.jsonl")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b'{"text": "x"}\n' * 100)[:-20])
    with pytest.raises(BadInput, match="cannot be read"):
        read_items(cut)
