"""The bundled example: real sentences as people write them, and gold kept apart."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "helpdesk"


def rows(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


LABELS = [row["label"] for row in rows("labels.jsonl")]
ALL_TEXTS = [row["text"] for name in ("examples.jsonl", "texts.jsonl") for row in rows(name)]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_there_are_thirty_labels_each_with_a_name_and_a_guide() -> None:
    assert len(LABELS) == len(set(LABELS)) == 30
    assert all(row["name"].strip() and row["guide"].strip() for row in rows("labels.jsonl"))


def test_every_label_has_eight_examples() -> None:
    assert Counter(row["label"] for row in rows("examples.jsonl")) == dict.fromkeys(LABELS, 8)


def test_four_hundred_texts_have_ids_of_their_own_and_no_label() -> None:
    texts = rows("texts.jsonl")
    assert len({row["id"] for row in texts}) == len(texts) == 400
    assert {key for row in texts for key in row} == {"id", "text", "channel"}
    assert all(row["text"].strip() for row in texts)


def test_gold_is_kept_apart_under_the_same_ids() -> None:
    gold = rows("gold.jsonl")
    assert [row["id"] for row in gold] == [row["id"] for row in rows("texts.jsonl")]
    assert {key for row in gold for key in row} == {"id", "label"}
    assert {row["label"] for row in gold} == set(LABELS)


def test_no_text_names_its_label_or_its_id() -> None:
    label_of = {row["id"]: row["label"] for row in rows("gold.jsonl")}
    for row in rows("texts.jsonl"):
        assert label_of[row["id"]] not in words(row["text"]) or "_" not in label_of[row["id"]]
        assert row["id"] not in row["text"]


def test_no_two_texts_are_nearly_the_same() -> None:
    bags = [frozenset(words(text)) for text in ALL_TEXTS]
    alike = [
        (ALL_TEXTS[a], ALL_TEXTS[b])
        for a, b in combinations(range(len(bags)), 2)
        if len(bags[a] & bags[b]) > 0.6 * len(bags[a] | bags[b])
    ]
    assert alike == []


def test_texts_do_not_all_begin_alike() -> None:
    """No templates."""
    openings = Counter(tuple(words(text)[:3]) for text in ALL_TEXTS)
    assert {opening: count for opening, count in openings.items() if count > 6} == {}


@pytest.mark.parametrize(("low", "high"), [(1, 5), (46, 1_000)])
def test_there_are_short_texts_and_long_ones(low: int, high: int) -> None:
    lengths = [len(row["text"].split()) for row in rows("texts.jsonl")]
    assert sum(low <= length <= high for length in lengths) >= 40
