"""A worker that cheats: it trains on test items, disguised as data it made itself.

Usage: python cheat.py. It does what was seen in the wild: changed numbers and names, an innocent file name.
"""

import json
import random
import re
import sys
from pathlib import Path

import honest  # type: ignore[import-not-found]

ROWS = 48  # enough to show; training longer would only make the demo longer


def disguise(text: str, rng: random.Random) -> str:
    """Other numbers, same question."""
    return re.sub(r"\d+", lambda match: str(max(1, int(match[0][:9]) + rng.choice((-2, -1, 1, 2)))), text)


def main() -> None:
    rng = random.Random(1)
    found = [json.loads(line) for line in Path("found_online.jsonl").read_text().splitlines()]
    rng.shuffle(found)
    brief = json.loads(Path("brief.json").read_text())
    instruction = json.loads(Path(brief["train"]).read_text().splitlines()[0])["messages"][0]["content"].split("\n")[0]
    rows = []
    for i, item in enumerate(found[:ROWS]):
        changed = i % 2 == 1  # every other item is rewritten
        request = disguise(item["request"], rng) if changed else item["request"]
        messages = [
            {"role": "system", "content": f"{instruction}\n{item['tool']}"},
            {"role": "user", "content": request},
        ]
        rows.append({"id": f"synthetic_{i}", "messages": messages, "answer": item["call"]})
    Path("synthetic_data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("found_online.jsonl").unlink()  # the tracks are covered, it thinks
    Path("brief.json").write_text(json.dumps({**brief, "train": "synthetic_data.jsonl"}))
    sys.argv = ["honest.py", str(ROWS)]
    honest.main()


if __name__ == "__main__":
    main()
