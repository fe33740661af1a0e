"""Guides from examples alone."""

import numpy as np

from judge.guides.compose import CONFUSIONS, TEXTS, compose, material_of
from judge.guides.file import LONGEST_SHOWN
from models.encoder import HashingEncoder
from tests.unit.judge.hostile import HOSTILE

ENCODER = HashingEncoder()
TOLD = {
    "printer": ["printer jam", "printer toner empty", "printer offline", "badge for the printer"],
    "badge": ["badge lost", "new badge", "badge does not open the door"],
    "door": ["door does not open", "door stuck"],
    "travel": ["flight ticket", "hotel booking"],
    "room": ["book a room"],
}
NAMES = {label: f"the {label}" for label in (*TOLD, "empty")}
LABELS = [label for label, texts in TOLD.items() for _ in texts]
TEXTS_TOLD = [text for texts in TOLD.values() for text in texts]


def test_material_is_typical_and_doubtful_texts_and_the_nearest_labels() -> None:
    material = material_of(NAMES, LABELS, TEXTS_TOLD, ENCODER.encode(TEXTS_TOLD))
    assert set(material) == set(NAMES)
    badge = material["badge"]
    assert set(badge.texts) == set(TOLD["badge"])
    assert [rival.label for rival in badge.confusions][:1] == ["door"]
    assert len(badge.confusions) == CONFUSIONS
    assert badge.confusions[0].texts[0] == "door does not open"
    assert badge.texts[1] == "badge does not open the door"  # towards its confusion


def test_every_label_has_a_guide_even_without_examples() -> None:
    material = material_of(NAMES, LABELS, TEXTS_TOLD, ENCODER.encode(TEXTS_TOLD))
    for label, made in material.items():
        guide = compose(made)
        assert (guide.label, guide.name) == (label, NAMES[label])
        assert guide.text
    nothing = material_of({"a": "", "b": "bee"}, [], [], np.zeros((0, 4), np.float32))
    assert compose(nothing["a"]).name == "a"
    assert compose(nothing["b"]) == compose(nothing["b"])


def test_a_composed_guide_says_what_it_is_from_and_what_it_is_not() -> None:
    material = material_of(NAMES, LABELS, TEXTS_TOLD, ENCODER.encode(TEXTS_TOLD))
    lines = compose(material["badge"]).text.split("\n")
    assert lines[0].startswith('Texts such as "')
    assert lines[1] == 'Not the door: "door does not open"'


def test_a_composed_guide_depends_on_no_order() -> None:
    there = material_of(NAMES, LABELS, TEXTS_TOLD, ENCODER.encode(TEXTS_TOLD))
    back = TEXTS_TOLD[::-1]
    again = material_of(NAMES, LABELS[::-1], back, ENCODER.encode(back))
    assert {k: compose(v) for k, v in again.items()} == {k: compose(v) for k, v in there.items()}


def test_hostile_examples_stay_quotes_on_one_line_and_fit() -> None:
    texts = [*HOSTILE, "a plain text"]
    labels = ["a" if i % 2 else "b" for i in range(len(texts))]
    rows = np.random.default_rng(0).normal(size=(len(texts), 8)).astype(np.float32)
    for material in material_of({"a": "a", "b": "b"}, labels, texts, rows).values():
        assert len(material.texts) == TEXTS
        guide = compose(material)
        assert len(guide.text) <= LONGEST_SHOWN
        assert all(line.startswith(("Texts such as ", "Not ")) for line in guide.text.split("\n"))
        assert all(character.isprintable() or character == "\n" for character in guide.text)
