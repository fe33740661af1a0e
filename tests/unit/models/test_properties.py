"""What must hold to the bit, whatever the examples, their order and their batches."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.classifier import Classifier, Example, LabelInfo
from tests.unit.models.make import PLAIN, examples, fitted, infos, name, queries, texts

quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@lru_cache(maxsize=1)
def base() -> Classifier:
    return fitted()


def fresh(picks: list[int]) -> list[Example]:
    """New texts of the labels picked; the third goes to the wrong label, as a judge's would."""
    return [
        Example(f"new{i}", name((pick + (i == 2)) % 6), texts(pick, 1, seed=50 + i)[0], False)
        for i, pick in enumerate(picks)
    ]


labels = st.lists(st.integers(0, 5), min_size=1, max_size=9)


@quick
@given(st.permutations(range(30)), st.permutations(range(6)))
def test_the_order_of_examples_and_labels_changes_nothing(
    order: list[int], label_order: list[int]
) -> None:
    given_examples, given_labels = examples(), infos()
    shuffled = Classifier.fit(
        [given_examples[i] for i in order],
        [given_labels[i] for i in label_order],
        encoder="test",
        options=PLAIN,
    )
    assert shuffled.hash() == base().hash()


@quick
@given(labels)
def test_learning_and_unlearning_changes_nothing(picks: list[int]) -> None:
    new = fresh(picks)
    learnt = base().learn(new)
    assert learnt.hash() != base().hash()
    assert learnt.unlearn([example.id for example in new]).hash() == base().hash()


@quick
@given(labels, st.data())
def test_any_batching_gives_the_same_bits(picks: list[int], data: st.DataObject) -> None:
    new = fresh(picks)
    cut = data.draw(st.integers(0, len(new)))
    assert base().learn(new[:cut]).learn(new[cut:]).to_parts() == base().learn(new).to_parts()


@quick
@given(labels, st.data())
def test_texts_with_arrival_numbers_may_be_learnt_in_any_order(
    picks: list[int], data: st.DataObject
) -> None:
    new = [
        Example(e.id, e.label, e.embedding, e.gold, arrival=100 + i)
        for i, e in enumerate(fresh(picks))
    ]
    order = data.draw(st.permutations(new))
    assert base().learn(order).to_parts() == base().learn(new).to_parts()


@quick
@given(labels)
def test_what_is_read_back_is_the_same_to_the_bit(picks: list[int]) -> None:
    learnt = base().learn(fresh(picks))
    back = Classifier.from_parts(learnt.to_parts())
    shared = Classifier.from_parts(learnt.to_parts(), previous=base())
    assert back.hash() == shared.hash() == learnt.hash()
    assert back.predict(queries()) == shared.predict(queries()) == learnt.predict(queries())


@quick
@given(labels, labels)
def test_a_restart_in_the_middle_changes_nothing(before: list[int], after: list[int]) -> None:
    first = fresh(before)
    second = [Example(f"later {e.id}", e.label, e.embedding, e.gold) for e in fresh(after)]
    restarted = Classifier.from_parts(base().learn(first).to_parts())
    assert restarted.learn(second).to_parts() == base().learn(first + second).to_parts()


@quick
@given(st.lists(st.integers(0, 23), min_size=1, max_size=24))
def test_a_batch_gives_what_single_texts_give(rows: list[int]) -> None:
    x = queries()[rows]
    together = base().predict(x)
    alone = [base().predict(x[i : i + 1])[0] for i in range(len(x))]
    for one, other in zip(together, alone, strict=True):
        assert one.label == other.label
        left = {c.label: c.probability for c in one.contenders}
        right = {c.label: c.probability for c in other.contenders}
        assert left.keys() == right.keys()
        assert np.allclose([left[k] for k in left], [right[k] for k in left], atol=1e-4)
        assert abs(one.unknown - other.unknown) < 1e-3


def added(count: int) -> tuple[list[LabelInfo], list[Example]]:
    """Labels 6 and on, with three examples each."""
    named = [LabelInfo(name(i), name(i)) for i in range(6, 6 + count)]
    rows = [(i, j, row) for i in range(6, 6 + count) for j, row in enumerate(texts(i, 3))]
    return named, [Example(f"a{i}-{j}", name(i), row, True) for i, j, row in rows]


@quick
@given(st.integers(1, 6), st.data())
def test_labels_added_together_give_the_bits_of_one_by_one_in_sorted_order(
    count: int, data: st.DataObject
) -> None:
    named, given_examples = added(count)
    together = base().add_labels(data.draw(st.permutations(named)), given_examples)
    single = base()
    for info in named:
        single = single.add_label(info, [e for e in given_examples if e.label == info.label])
    assert together.to_parts() == single.to_parts()
    assert together.live.heads[: len(base().live.heads)] == base().live.heads
    assert Classifier.from_parts(together.to_parts()).predict(queries()) == together.predict(
        queries()
    )
