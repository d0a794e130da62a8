"""How much of edited test items the overlap detector finds, how often it errs, and how fast it is beside a peer.

    python benchmarks/contamination.py [DATA]        # DATA has gsm8k/ and humaneval/, default ../shared/data

Prints recall per edit on GSM8K and HumanEval, false alarms on the GSM8K train items, and documents per second of
processor time. The peer is overlapy (n-grams of 8 to 13 words and Aho-Corasick, after GPT-3), installed into a virtual
environment of its own for the run; both read the same documents on one core, turn by turn.
"""

import gzip
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from assay.posttrain.overlap import Record, Reference, ReferenceItem, scan_paths  # noqa: E402
from tests.posttrain.overlap.edits import CODE_EDITS, QUESTION_EDITS  # noqa: E402
from tests.posttrain.overlap.second_edits import SECOND_CODE_EDITS, SECOND_EDITS  # noqa: E402

ROUNDS = 5
COPIES = 4  # of the train documents, so that a round takes long enough to be timed
PEER = """
import json, re, sys, time
from overlapy import OverlapyNgramMatcher, OverlapyTestSet
words = lambda text: re.findall(r"\\w+", text.lower())
test = [words(json.loads(line)["question"]) for line in open(sys.argv[1])]
matcher = OverlapyNgramMatcher(set(map(tuple, OverlapyTestSet("gsm8k", examples=test).ngrams())))
for path in sys.stdin:
    begun = time.process_time()
    count = flagged = 0
    for line in open(path.strip()):
        record = json.loads(line)
        count += 1
        flagged += bool(matcher([words(record["question"] + " " + record["answer"])]))
    print(count, flagged, time.process_time() - begun, flush=True)
"""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a rate, in per cent."""
    z = statistics.NormalDist().inv_cdf(0.975)
    centre = (hits + z * z / 2) / (n + z * z)
    half = z * math.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z)
    return 100 * (centre - half), 100 * (centre + half)


def rate(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{100 * hits / n:6.2f} %  {hits:5}/{n:<5} [{low:.2f}, {high:.2f}]"


def read(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.decode().split("\n") if line]


def flagged(documents: Sequence[str], reference: Reference, folder: Path) -> list[set[str]]:
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    found: list[set[str]] = [set() for _ in documents]
    for result in scan_paths([path], reference):
        if isinstance(result, Record):
            found[result.row - 1] |= {result.item, *result.others}
    return found


def recall_table(
    title: str, ids: Sequence[str], edits: dict[str, Callable[[int], str]], reference: Reference, folder: Path
) -> None:
    print(f"\n{title:32} recall")
    for name, edit in edits.items():
        found = flagged([edit(number) for number in range(len(ids))], reference, folder)
        print(f"{name:32} {rate(sum(i in names for i, names in zip(ids, found, strict=True)), len(ids))}")


def train_false_alarms(train: Path, reference: Reference) -> None:
    count = sum(1 for _ in train.open())
    records = [result for result in scan_paths([train], reference) if isinstance(result, Record)]
    print(f"\nGSM8K train items flagged        {rate(len(records), count)}")
    for record in records:
        print(f"  line {record.row:5}  test item {record.item:>5}  score {record.score:.2f}")


def measured(train: Path, reference: Reference) -> tuple[int, float]:
    begun = time.process_time()
    scan = scan_paths([train], reference)
    for _ in scan:
        pass
    return scan.documents, time.process_time() - begun


def start_peer(folder: Path, test: Path) -> "subprocess.Popen[str]":
    venv.create(folder / "peer", with_pip=True)
    python = folder / "peer" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "overlapy==0.0.1"], check=True)
    return subprocess.Popen([python, "-c", PEER, str(test)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def peer_rounds(peer: "subprocess.Popen[str]", path: Path) -> Iterator[tuple[int, int, float]]:
    assert peer.stdin is not None and peer.stdout is not None
    while True:
        print(path, file=peer.stdin, flush=True)
        count, hits, seconds = peer.stdout.readline().split()
        yield int(count), int(hits), float(seconds)


def speed(train: Path, test: Path, reference: Reference, folder: Path) -> None:
    corpus = folder / "corpus.jsonl"
    corpus.write_bytes(train.read_bytes() * COPIES)
    ours, theirs, alarms = [], [], 0
    with start_peer(folder, test) as peer:
        rounds = peer_rounds(peer, train)
        for _ in range(ROUNDS):
            count, seconds = measured(corpus, reference)
            ours.append(count / seconds)
            count, alarms, seconds = next(rounds)
            theirs.append(count / seconds)
        peer.terminate()
    print("\ndocuments per second of one core (JSON Lines, reading included; median, lowest, highest of 5 rounds)")
    for name, values in (("assay", ours), ("overlapy 0.0.1", theirs)):
        print(f"{name:16} {statistics.median(values):9,.0f} {min(values):9,.0f} {max(values):9,.0f}")
    print(f"ratio            {statistics.median(a / b for a, b in zip(ours, theirs, strict=True)):9.2f}")
    print(f"overlapy flags {alarms} of the train items")


def memory(train: Path, reference: Reference, folder: Path) -> None:
    corpus = folder / "large.jsonl"
    measured(train, reference)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with corpus.open("wb") as file:
        for _ in range(40):
            file.write(train.read_bytes())
    measured(corpus, reference)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\npeak memory {before >> 10} MiB after {train.stat().st_size >> 20} MiB of text, "
          f"{after >> 10} MiB after {corpus.stat().st_size >> 20} MiB")  # fmt: skip


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data"
    test, train = data / "gsm8k" / "test.jsonl", data / "gsm8k" / "train.jsonl"
    questions, tasks = read(test), read(data / "humaneval" / "HumanEval.jsonl.gz")
    begun = time.process_time()
    gsm8k = Reference.build(ReferenceItem(str(n), r["question"], r["answer"]) for n, r in enumerate(questions))
    print(f"index of {len(questions)} GSM8K items: {time.process_time() - begun:.1f} s")
    humaneval = Reference.build(ReferenceItem(r["task_id"], r["prompt"], r["canonical_solution"]) for r in tasks)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        memory(train, gsm8k, folder)
        speed(train, test, gsm8k, folder)
        train_false_alarms(train, gsm8k)
        for title, edits in (("GSM8K, first edits", QUESTION_EDITS), ("GSM8K, second edits", SECOND_EDITS)):
            changes = {
                name: lambda n, edit=edit: edit(questions[n]["question"], questions[n]["answer"], random.Random(n))
                for name, (edit, _) in edits.items()
            }
            recall_table(title, [str(n) for n in range(len(questions))], changes, gsm8k, folder)
        for title, code_edits in (
            ("HumanEval, first edits", CODE_EDITS),
            ("HumanEval, second edits", SECOND_CODE_EDITS),
        ):
            changes = {
                name: lambda n, edit=edit: edit(tasks[n], random.Random(n)) for name, (edit, _) in code_edits.items()
            }
            recall_table(title, [r["task_id"] for r in tasks], changes, humaneval, folder)


if __name__ == "__main__":
    main()
