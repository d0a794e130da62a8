"""One item of a benchmark: what the model is asked, what a right answer looks like, and what its scorer needs.

Every benchmark's records become this one form before they enter the store, so that evaluation, audit and the worker's
data know a single kind of item.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.errors import BadInput


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Item(BaseModel):
    """One question. Items of one `group` are not independent: intervals resample by group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    group: str
    messages: tuple[Message, ...] = Field(description="the prompt, before the chat template")
    question: str = Field(description="the text that is the item's own, for the search for test items in training data")
    target: str = Field(description="one right answer as the model should write it; empty where a judge decides")
    check: dict[str, Any] = Field(default_factory=dict, description="what the scorer needs; its form is the scorer's")

    def answer(self) -> str:
        return self.target


def to_jsonl(items: Iterable[Item]) -> bytes:
    return "".join(json.dumps(item.model_dump(mode="json"), ensure_ascii=False) + "\n" for item in items).encode()


def from_jsonl(data: bytes) -> list[Item]:
    """Items from the store's JSON lines, parsed strictly."""
    try:
        return [Item.model_validate_json(line) for line in data.split(b"\n") if line]
    except ValidationError as error:
        raise BadInput(f"These are not benchmark items: {str(error).splitlines()[0]}.") from None
