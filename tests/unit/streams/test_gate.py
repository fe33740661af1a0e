"""The gate: worse on texts it never learnt, beyond chance, is refused; nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from models.classifier import Classifier
from streams.gate import LEVEL, NEWEST, Apart, compare
from tests.unit.streams import tiny


def apart(times: int = 4) -> list[Apart]:
    """Every example several times, with its own label: the fitted model gets them right."""
    return [
        Apart(tiny.vector(words).array(), label)
        for _ in range(times)
        for label, texts in tiny.EXAMPLES.items()
        for words in texts
    ]


def poisoned() -> Classifier:
    """Taught that what is about printers is about travel."""
    return tiny.classifier().learn(
        [
            replace(tiny.example(words, "travel"), id=f"{words} {n}", arrival=n)
            for n in range(6)
            for words in tiny.EXAMPLES["printer"]
        ]
    )


def test_a_version_that_loses_texts_beyond_chance_is_worse() -> None:
    found = compare(poisoned(), tiny.classifier(), apart())
    assert found.texts == 96
    assert found.lost > 10
    assert found.won == 0
    assert found.p < LEVEL
    assert found.worse


def test_few_losses_may_be_chance() -> None:
    found = compare(poisoned(), tiny.classifier(), apart(times=1)[6:12][:3])
    assert 0 < found.lost <= 3
    assert not found.worse


def test_a_better_version_is_let_through() -> None:
    found = compare(tiny.classifier(), poisoned(), apart())
    assert (found.lost, found.won > 10, found.worse) == (0, True, False)


def test_the_same_model_is_not_even_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "predict", None)
    assert not compare(tiny.classifier(), tiny.classifier(), apart()).worse


def test_texts_of_a_label_that_one_does_not_have_are_left_out() -> None:
    fewer = tiny.classifier().retire_label("travel")
    found = compare(fewer, tiny.classifier(), apart())
    assert (found.texts, found.worse) == (72, False)


def test_only_the_newest_texts_count() -> None:
    old = [Apart(np.zeros(64, np.float32), "no such label")] * 5
    assert compare(poisoned(), tiny.classifier(), apart() + old).texts == 96
    assert compare(poisoned(), tiny.classifier(), apart(1) + old * NEWEST).texts == 0
