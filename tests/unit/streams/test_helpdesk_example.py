"""The bundled example: real sentences as people write them, gold kept apart, a story told."""

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


KNOWN = [row["label"] for row in rows("labels.jsonl")]
LATER = [row["label"] for row in rows("new/labels.jsonl")]
EXAMPLES = ["examples.jsonl", *(f"new/{label}.jsonl" for label in LATER)]
TEXTS = [row["text"] for row in rows("texts.jsonl")]
GOLD = [row["label"] for row in rows("gold.jsonl")]
ALL_TEXTS = [row["text"] for name in EXAMPLES for row in rows(name)] + TEXTS
MIDWAY = 750
THIRD = 500


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_there_are_forty_eight_labels_each_with_a_name_and_a_guide() -> None:
    described = rows("labels.jsonl") + rows("new/labels.jsonl")
    assert len(described) == len({row["label"] for row in described}) == 48
    assert all(row["name"].strip() and row["guide"].strip() for row in described)


def test_every_label_has_eight_to_twelve_examples() -> None:
    counts = Counter(row["label"] for name in EXAMPLES for row in rows(name))
    assert counts.keys() == {*KNOWN, *LATER}
    assert {label: count for label, count in counts.items() if not 8 <= count <= 12} == {}


def test_fifteen_hundred_texts_have_ids_of_their_own_and_no_label() -> None:
    texts = rows("texts.jsonl")
    assert [row["id"] for row in texts] == [f"T{number:04}" for number in range(1, 1501)]
    assert {key for row in texts for key in row} == {"id", "text", "channel"}
    assert all(row["text"].strip() for row in texts)


def test_gold_is_kept_apart_under_the_same_ids() -> None:
    gold = rows("gold.jsonl")
    assert [row["id"] for row in gold] == [row["id"] for row in rows("texts.jsonl")]
    assert {key for row in gold for key in row} == {"id", "label"}
    assert {row["label"] for row in gold} == {*KNOWN, *LATER}


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
    lengths = [len(text.split()) for text in TEXTS]
    assert sum(low <= length <= high for length in lengths) >= 120


def test_shares_are_uneven() -> None:
    counts = sorted(Counter(GOLD).values())
    assert counts[0] == 8
    assert counts[-5] >= 55  # below the four of the story


@pytest.mark.parametrize("label", LATER)
def test_two_labels_appear_midway_and_are_not_known_at_the_fit(label: str) -> None:
    assert label not in KNOWN
    assert label not in GOLD[:MIDWAY]
    assert GOLD[MIDWAY:].count(label) >= 60
    assert {row["label"] for row in rows(f"new/{label}.jsonl")} == {label}


def test_what_a_new_label_is_comes_in_the_form_that_adding_one_takes() -> None:
    guides = {row["label"]: row["guide"] for row in rows("new/labels.jsonl")}
    assert guides == {
        label: (FOLDER / "new" / f"{label}.txt").read_text(encoding="utf-8").strip()
        for label in LATER
    }


def test_one_label_fades() -> None:
    thirds = [GOLD[start : start + THIRD].count("desk_phone") for start in (0, 500, 1000)]
    assert thirds[0] >= 50
    assert thirds[0] > thirds[1] > thirds[2] > 0
    assert thirds[2] <= 3


def vocabulary(texts: list[str]) -> set[str]:
    """Return the words that mark these texts: in 4 of them, and 3 times as often as elsewhere."""
    everywhere = Counter(word for text in TEXTS for word in set(words(text)))
    here = Counter(word for text in texts for word in set(words(text)) if len(word) >= 4)
    return {
        word
        for word, count in here.items()
        if count >= 4 and count * len(TEXTS) > 3 * everywhere[word] * len(texts)
    }


def overlap(some: set[str], others: set[str]) -> float:
    return len(some & others) / len(some | others)


def test_one_label_changes_its_wording_midway() -> None:
    before = [TEXTS[i] for i in range(MIDWAY) if GOLD[i] == "vpn_connection"]
    after = [TEXTS[i] for i in range(MIDWAY, 1500) if GOLD[i] == "vpn_connection"]
    assert len(before) >= 60
    assert len(after) >= 60
    assert min(len(vocabulary(before)), len(vocabulary(after))) >= 10
    assert overlap(vocabulary(before), vocabulary(after)) < 0.1

    # Where nothing changed, two random halves have more of their words in common.
    both = [text for pair in zip(before, after, strict=True) for text in pair]
    mixed = vocabulary(both[::4] + both[1::4]), vocabulary(both[2::4] + both[3::4])
    assert overlap(*mixed) > 0.15


def test_the_old_product_goes_and_the_new_one_comes_midway() -> None:
    old, new = {"vpn", "tunnel"}, {"harbour", "harbor", "juno", "perch", "moored", "adrift"}
    assert [text for text in TEXTS[:MIDWAY] if new & set(words(text))] == []
    assert [text for text in TEXTS[MIDWAY:] if old & set(words(text))] == []


def test_all_others_go_on_as_before() -> None:
    story = {*LATER, "desk_phone", "vpn_connection"}
    for label, count in Counter(GOLD).items():
        if label not in story:
            assert 0.35 <= GOLD[:MIDWAY].count(label) / count <= 0.65, label
