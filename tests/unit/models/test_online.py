"""Weights and label shares refitted from what was judged lately."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classifier import Classifier
from models.confidence import Combination
from models.errors import DamagedPart
from models.online import GROWTH, JUDGED, OUTPUTS, Judged, Recent, fit_due
from tests.unit.models.make import examples, fitted, name, queries
from tests.unit.models.test_properties import quick


@lru_cache(maxsize=1)
def base() -> Classifier:
    return fitted(labels=8)


@lru_cache(maxsize=1)
def judged() -> tuple[Judged, ...]:
    """Every query with its label, save that the judge calls each text of label 0 one of label 1."""
    _, scored = base().scored(queries(labels=8))
    said = [name(max(1, i // 4)) for i in range(len(scored))]
    return tuple(Judged(one, label) for one, label in zip(scored, said, strict=True))


def same(one: Combination, other: Combination) -> bool:
    pairs = [(one.quick, other.quick), (one.full, other.full)]
    return all(
        np.array_equal(a.contender, b.contender) and np.array_equal(a.rest, b.rest)
        for a, b in pairs
    )


picks = st.lists(st.integers(0, 31), max_size=40)


@quick
@given(picks, st.data())
def test_any_batching_in_one_order_gives_the_same_weights(
    rows: list[int], data: st.DataObject
) -> None:
    given_texts = [judged()[i] for i in rows]
    cut = data.draw(st.integers(0, len(rows)))
    once = Recent().with_judged(given_texts)
    twice = Recent().with_judged(given_texts[:cut]).with_judged(given_texts[cut:])
    assert same(once.refit(base().weights), twice.refit(base().weights))


@quick
@given(st.lists(st.sampled_from([name(i) for i in range(8)]), max_size=30))
def test_counts_are_of_the_last_outputs_and_fill_up_with_the_fits(labels: list[str]) -> None:
    counts = Recent().with_outputs(labels).counts(base().reference.counts)
    assert sum(counts.values()) == pytest.approx(OUTPUTS)
    share = (OUTPUTS - len(labels)) / 8
    assert counts[name(3)] == pytest.approx(labels.count(name(3)) + share)


def test_with_nothing_judged_the_weights_are_the_fits_own() -> None:
    assert same(Recent().refit(base().weights), base().reference.combination)


def test_only_the_most_recent_count() -> None:
    many = [judged()[i % 32] for i in range(JUDGED + 7)]
    recent = Recent().with_judged(many)
    assert recent.judged == tuple(many[7:])
    outputs = Recent().with_outputs([name(0)] * 5 + [name(1)] * OUTPUTS)
    assert outputs.counts(base().reference.counts) == {name(1): OUTPUTS}


def test_the_judges_labels_move_the_weights_and_a_strong_pull_holds_them() -> None:
    recent = Recent().with_judged(judged())
    free, held = (recent.refit(base().weights, pull) for pull in (0.1, 1e9))
    own = base().weights.quick.contender
    assert np.abs(free.quick.contender - own).max() > 0.01
    assert np.allclose(held.quick.contender, own, atol=1e-4)


def test_a_text_that_stands_for_many_weighs_as_many() -> None:
    first, *rest = judged()
    rare = Recent((*rest, Judged(first.scored, first.label, inclusion=0.05)))
    often = Recent((*rest, *[first] * 20))
    plain = Recent(judged())
    own = base().weights
    gap = [
        np.abs(one.refit(own, 0.1).quick.contender - often.refit(own, 0.1).quick.contender).sum()
        for one in (rare, plain)
    ]
    assert gap[0] < gap[1]


def test_a_label_that_is_no_contender_and_none_at_all_are_both_rest() -> None:
    scored = judged()[4].scored
    outside = next(label for label in base().labels if label not in scored.labels)
    refits = [Recent((Judged(scored, k),)).refit(base().weights) for k in (outside, None)]
    assert same(*refits)
    assert refits[0].quick.rest[1] > base().weights.quick.rest[1]


@pytest.mark.parametrize("inclusion", [0.0, -0.1, 1.5])
def test_an_inclusion_that_is_no_probability_is_refused(inclusion: float) -> None:
    with pytest.raises(ValueError, match="inclusion"):
        Judged(judged()[0].scored, None, inclusion)


def test_what_is_scored_gives_the_prediction_again() -> None:
    said, scored = base().scored(queries(labels=8))
    assert said == base().predict(queries(labels=8))
    for one, own in zip(said, scored, strict=True):
        weights = base().weights.full if own.advised else base().weights.quick
        p = weights.probabilities(own.features[None], np.asarray([own.outside], np.float32))[0]
        assert dict(zip(own.labels, p, strict=False))[one.label] == one.confidence


def refitted() -> Classifier:
    return base().with_weights(Recent().with_judged(judged()).refit(base().weights, 0.1))


def test_other_weights_change_predictions_and_neither_heads_nor_exemplars() -> None:
    other = refitted()
    assert other.hash() != base().hash()
    assert other.live.heads is base().live.heads
    assert other.touched_since(base()) == ()
    assert other.predict(queries(labels=8)) != base().predict(queries(labels=8))
    assert other.with_weights(None).hash() == base().hash()


def test_weights_survive_learning_unlearning_and_storage() -> None:
    more = examples(labels=8, each=1, seed=5, prefix="new", gold=False)
    other = refitted()
    learnt = other.learn(more)
    assert same(learnt.weights, other.weights)
    assert learnt.unlearn([e.id for e in more]).hash() == other.hash()
    assert base().learn(more).with_weights(other.weights).to_parts() == learnt.to_parts()
    back = Classifier.from_parts(learnt.to_parts())
    shared = Classifier.from_parts(learnt.to_parts(), previous=base())
    assert shared.reference is base().reference
    assert back.hash() == shared.hash() == learnt.hash()
    assert back.predict(queries(labels=8)) == learnt.predict(queries(labels=8))


def test_weights_of_another_shape_are_a_damaged_part() -> None:
    parts = refitted().to_parts()
    with pytest.raises(DamagedPart, match="weights"):
        Classifier.from_parts({**parts, "weights": parts["state"]})


def test_a_full_fit_is_due_at_each_doubling_and_so_costs_as_much_as_the_last() -> None:
    fitted, fits = 100, []
    for held in range(100, 10_000):
        if fit_due(fitted, held):
            fitted = held
            fits.append(held)
    assert fits == [100 * GROWTH**n for n in range(1, 7)]
    assert sum(fits) < 2 * fits[-1]
