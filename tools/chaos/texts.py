"""Texts of the help desk example, as often as needed, under ids of their own."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.stage import Outgoing
from streams.topology import TEXTS

HELPDESK = Path(__file__).resolve().parents[2] / "examples" / "helpdesk"
FAMILIAR = 0.8
EXAMPLES, LABELS = HELPDESK / "examples.jsonl", HELPDESK / "labels.jsonl"


@dataclass(frozen=True)
class Row:
    """A text, and the label that is right."""

    id: str
    text: str
    label: str


def rows(count: int, seed: int = 0) -> list[Row]:
    """Draw so many; no two are alike."""
    drawn = random.Random(seed).choices(_read(HELPDESK / "texts.jsonl"), k=count)
    gold = {row["id"]: row["label"] for row in _read(HELPDESK / "gold.jsonl")}
    return [
        Row(f"C{number:06d}", f"{row['text']} ({number})", gold[row["id"]])
        for number, row in enumerate(drawn)
    ]


def familiar(count: int, seed: int = 0) -> list[Row]:
    """Draw so many, of which most are like an example: the classifier is sure of those."""
    dice = random.Random(seed)
    examples = _read(EXAMPLES)
    made = []
    for row in rows(count, seed):
        one = dice.choice(examples)
        like = Row(row.id, f"{one['text']} {row.id}", one["label"])
        made.append(like if dice.random() < FAMILIAR else row)
    return made


def names() -> dict[str, str]:
    """Return what the labels are called, as a judge is shown them."""
    return {row["label"]: row["name"] for row in _read(LABELS)}


def published(row: Row) -> Outgoing:
    """Return a text as it is published."""
    value = json.dumps({"id": row.id, "text": row.text}).encode()
    return Outgoing(TEXTS.name, row.id.encode(), value)


def write_gold(path: Path, given: Sequence[Row]) -> None:
    """Write what the simulated judge goes by."""
    lines = (json.dumps({"id": one.id, "label": one.label}) + "\n" for one in given)
    path.write_text("".join(lines), encoding="utf-8")


def _read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
