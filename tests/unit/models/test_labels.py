"""Labels that are added and retired while a classifier is in service."""

from __future__ import annotations

import pytest

from models.classifier import Classifier, Example, LabelInfo
from models.errors import BadExamples, UnknownLabel
from tests.unit.models.make import PLAIN, examples, fitted, infos, name, queries, texts


def share_right(classifier: Classifier, labels: int = 6) -> float:
    found = classifier.predict(queries(labels))
    right = [p.label == name(i // 4) for i, p in enumerate(found)]
    return sum(right) / len(right)


def test_several_labels_added_at_once_are_refused_as_one_is() -> None:
    two = [LabelInfo(name(7), name(7)), LabelInfo(name(8), name(8))]
    young = [Example("y", name(7), texts(7, 1)[0], True)]
    with pytest.raises(BadExamples, match="neither"):
        fitted().add_labels(two, young)
    with pytest.raises(BadExamples, match="already"):
        fitted().add_labels([two[0], two[0]], young)
    with pytest.raises(BadExamples, match="no example of"):
        fitted().add_labels(two[:1], [*young, Example("z", name(0), texts(0, 1)[0], True)])
    assert fitted().add_labels([]).hash() == fitted().hash()


def test_a_label_added_is_found_and_the_others_stay() -> None:
    young = [Example(f"y{i}", name(8), row, True) for i, row in enumerate(texts(8, 5, labels=9))]
    before = Classifier.fit(
        [e for e in examples(9) if e.label != name(8)], infos(8), encoder="t", options=PLAIN
    )
    after = before.add_label(LabelInfo(name(8), name(8)), young)
    assert share_right(after, 9) > 0.95
    assert after.touched_since(before)[-1] == name(8)
    for number, names in enumerate(before.live.subsets):
        assert set(names) <= set(after.live.subsets[number])


def test_a_label_that_finds_no_room_opens_a_subset() -> None:
    full = fitted(labels=4)
    young = [Example(f"y{i}", name(5), row, True) for i, row in enumerate(texts(5, 5))]
    wider = full.add_label(LabelInfo(name(5), name(5)), young)
    assert [len(names) for names in wider.live.subsets] == [4, 1]
    assert {p.label for p in wider.predict(texts(5, 6, seed=9))} == {name(5)}
    assert Classifier.from_parts(wider.to_parts()).hash() == wider.hash()


def test_a_retired_label_is_never_an_answer_again() -> None:
    classifier = fitted()
    smaller = classifier.retire_label(name(2))
    assert name(2) not in smaller.labels
    assert all(c.label != name(2) for p in smaller.predict(queries()) for c in p.contenders)
    assert Classifier.from_parts(smaller.to_parts(), classifier).hash() == smaller.hash()
    with pytest.raises(UnknownLabel):
        smaller.retire_label(name(2))
    with pytest.raises(BadExamples, match="already"):
        classifier.add_label(infos()[0], [])
