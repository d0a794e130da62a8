"""Benchmarks: published files become items, answers become scores."""

from assay.posttrain.benchmarks.item import Item, Message, from_jsonl, to_jsonl
from assay.posttrain.benchmarks.judged import Judge
from assay.posttrain.benchmarks.readers import PROMPTS, READERS
from assay.posttrain.benchmarks.scoring import BY_TEXT, JUDGED, SCORERS, Bench, score

__all__ = [
    "BY_TEXT",
    "JUDGED",
    "PROMPTS",
    "READERS",
    "SCORERS",
    "Bench",
    "Item",
    "Judge",
    "Message",
    "from_jsonl",
    "score",
    "to_jsonl",
]
