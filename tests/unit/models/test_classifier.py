"""What a classifier does with odd sets of labels, and with what happens to it in a stream."""

from __future__ import annotations

import numpy as np
import pytest

from models.classifier import Classifier, Example, LabelInfo, Options
from models.errors import BadExamples, DamagedPart, EncoderMismatch, Permanent, UnknownLabel
from models.exemplars import ACTIVE, RESERVE
from tests.unit.models.make import PLAIN, centres, examples, fitted, infos, name, queries, texts


def share_right(classifier: Classifier, labels: int = 6) -> float:
    found = classifier.predict(queries(labels))
    right = [p.label == name(i // 4) for i, p in enumerate(found)]
    return sum(right) / len(right)


def test_labels_that_lie_apart_are_told_apart() -> None:
    classifier = fitted(labels=12, each=6)
    assert share_right(classifier, 12) > 0.95
    assert classifier.labels == tuple(name(i) for i in range(12))


def test_probabilities_of_contenders_and_rest_sum_to_one() -> None:
    for prediction in fitted(labels=12).predict(queries(12)):
        assert len(prediction.contenders) == 6
        total = sum(c.probability for c in prediction.contenders) + prediction.rest
        assert total == pytest.approx(1)
        assert prediction.confidence == max(c.probability for c in prediction.contenders)


@pytest.mark.parametrize(("labels", "further"), [(5, 0), (8, 2), (40, 20)])
def test_beyond_the_contenders_the_likeliest_labels_are_ranked(labels: int, further: int) -> None:
    classifier = fitted(labels=labels)
    found = classifier.predict(queries(labels))
    for prediction in found:
        named = [c.label for c in prediction.contenders]
        assert len(prediction.further) == len(set(prediction.further)) == further
        assert not set(prediction.further) & set(named)
    alone = [classifier.predict(row[None])[0].further for row in queries(labels)]
    assert alone == [prediction.further for prediction in found]


def test_further_labels_are_those_near_the_text_and_the_frequent_ones() -> None:
    classifier = fitted(labels=40)
    (text,) = texts(0, 1, seed=5, labels=40)
    even = classifier.predict(text[None], dict.fromkeys(classifier.labels, 10.0))[0]
    near = {label: float(centres(40)[i] @ text) for i, label in enumerate(classifier.labels)}
    left = set(classifier.labels) - {c.label for c in even.contenders} - set(even.further)
    assert np.mean([near[label] for label in even.further]) > max(near[label] for label in left)
    last = even.further[-1]
    often = classifier.predict(text[None], {last: 1_000.0})[0]
    named = [c.label for c in often.contenders] + list(often.further)
    assert named.index(last) < len(named) - 10


def test_counts_of_recent_outputs_favour_frequent_labels() -> None:
    classifier = fitted()
    between = (texts(0, 1)[0] + texts(1, 1)[0])[None, :]
    between /= np.linalg.norm(between)
    often_0 = classifier.predict(between, {name(0): 900, name(1): 1})[0]
    often_1 = classifier.predict(between, {name(0): 1, name(1): 900})[0]
    by_label = [{c.label: c.probability for c in p.contenders} for p in (often_0, often_1)]
    assert by_label[0][name(0)] > by_label[1][name(0)]
    assert by_label[1][name(1)] > by_label[0][name(1)]


def test_a_text_unlike_all_others_is_stranger() -> None:
    classifier = fitted(labels=8, each=20)
    known = [p.unknown for p in classifier.predict(queries(8))]
    noise = np.random.default_rng(3).normal(size=(30, 16)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    strange = [p.unknown for p in classifier.predict(noise)]
    assert np.median(strange) > np.quantile(known, 0.95)
    assert np.isfinite(classifier.unknown_threshold)


def test_names_alone_are_enough_to_begin_with() -> None:
    classifier = Classifier.fit([], infos(named=True), encoder="test", options=PLAIN)
    assert share_right(classifier) > 0.9
    assert classifier.threshold == 1.01


def test_one_example_for_each_label_is_enough_to_begin_with() -> None:
    assert share_right(fitted(each=1)) > 0.8


def test_one_label_in_all_is_always_the_answer() -> None:
    classifier = fitted(labels=1)
    assert {p.label for p in classifier.predict(queries(1))} == {name(0)}


def test_two_labels_are_told_apart() -> None:
    assert share_right(fitted(labels=2), 2) == 1


def test_labels_of_very_different_sizes_are_told_apart() -> None:
    many = examples(each=40)
    few = [e for e in many if e.label != name(0) or e.id == "t0-0"]
    classifier = Classifier.fit(few, infos(), encoder="test", options=PLAIN)
    assert share_right(classifier) > 0.9


def test_two_labels_with_the_same_texts_share_the_probability() -> None:
    same = [Example(f"same{i}", name(6), e.embedding, True) for i, e in enumerate(examples(1))]
    classifier = Classifier.fit(examples() + same, infos(7), encoder="test", options=PLAIN)
    best = classifier.predict(texts(0, 3, seed=99))[0].contenders[:2]
    assert {c.label for c in best} == {name(0), name(6)}
    assert best[0].probability < 0.9


def test_an_embedding_of_zeros_gets_an_answer() -> None:
    (prediction,) = fitted().predict(np.zeros((1, 16), np.float32))
    assert 0 <= prediction.confidence <= 1


def test_no_texts_give_no_predictions() -> None:
    assert fitted().predict(np.zeros((0, 16), np.float32)) == []


@pytest.mark.parametrize(
    ("given_examples", "given_labels", "why"),
    [
        ([], [], "no label"),
        ([], infos(2), "no examples"),
        (examples(3), infos(2), "not in the set"),
        (examples(2), [*infos(2), infos(2)[0]], "given twice"),
        ([*examples(2), Example("t0-0", name(1), texts(1, 1)[0], True)], infos(2), "two labels"),
        ([*examples(2), Example("x", name(1), np.ones(3, np.float32), True)], infos(2), "length"),
        (
            [Example("x", name(0), np.full(16, np.nan, np.float32), True)],
            infos(1),
            "not finite",
        ),
    ],
)
def test_examples_that_cannot_be_fitted_are_refused_with_the_reason(
    given_examples: list[Example], given_labels: list[LabelInfo], why: str
) -> None:
    with pytest.raises(BadExamples, match=why):
        Classifier.fit(given_examples, given_labels, encoder="test", options=PLAIN)


def test_vectors_of_another_encoder_are_refused() -> None:
    with pytest.raises(EncoderMismatch):
        fitted().predict(np.zeros((2, 3), np.float32))
    with pytest.raises(EncoderMismatch):
        fitted().learn([Example("x", name(0), np.zeros(3, np.float32), False)])


def test_an_example_for_a_label_not_in_the_set_is_a_permanent_error() -> None:
    with pytest.raises(UnknownLabel) as raised:
        fitted().learn([Example("x", "nowhere", texts(0, 1)[0], False)])
    assert isinstance(raised.value, Permanent)


def test_an_accepted_text_touches_its_own_subset_only() -> None:
    classifier = fitted(labels=12)
    learnt = classifier.learn([Example("x", name(3), texts(3, 1, seed=5, labels=12)[0], False)])
    touched = learnt.touched_since(classifier)
    assert name(3) in touched
    assert len(touched) <= 4
    unchanged = [i for i, h in enumerate(learnt.live.heads) if h is classifier.live.heads[i]]
    assert len(unchanged) == len(classifier.live.heads) - 1
    assert learnt.touched_since(learnt) == ()


def test_learning_an_id_again_changes_nothing_and_another_label_moves_it() -> None:
    classifier = fitted()
    known = examples()[0]
    assert classifier.learn([known]).hash() == classifier.hash()
    moved = classifier.learn([Example(known.id, name(4), known.embedding, True)])
    assert known.id not in moved.live.shelves[name(0)].members
    assert known.id in moved.live.shelves[name(4)].members


def test_texts_learnt_move_the_prediction() -> None:
    classifier = fitted()
    odd = texts(0, 8, seed=3)
    taught = classifier.learn(
        [Example(f"x{i}", name(1), row, False) for i, row in enumerate(odd[:7])]
    )
    before, after = classifier.predict(odd[7:])[0], taught.predict(odd[7:])[0]
    assert before.label == name(0)
    chance = {c.label: c.probability for c in after.contenders}[name(1)]
    assert chance > {c.label: c.probability for c in before.contenders}[name(1)]


def test_learning_past_the_bound_and_revoking_it_ends_at_the_same_hash() -> None:
    full = fitted(labels=2, each=ACTIVE + RESERVE)
    new = [Example(f"x{i}", name(0), row, False) for i, row in enumerate(texts(0, 8, seed=4))]
    learnt = full.learn(new)
    assert len(learnt.live.shelves[name(0)]) == ACTIVE + RESERVE
    assert learnt.unlearn([e.id for e in new]).hash() == full.hash()


def test_more_texts_than_a_shelf_holds_still_count_at_the_fit() -> None:
    each = ACTIVE + RESERVE + 20
    many = fitted(labels=3, each=each)
    assert {count for count, _ in many.reference.beyond.values()} == {20}
    shelved = [len(many.shelves[name(i)]) for i in range(3)]
    assert shelved == [ACTIVE + RESERVE] * 3
    assert share_right(many, 3) == 1
    own = np.concatenate([texts(0, each, labels=3)[i : i + 1] for i in range(each)])
    mean = many.reference.metric.whiten(own).mean(axis=0)
    assert np.allclose(many.live.evidence[name(0)].mean, mean, atol=0.15)
    back = Classifier.from_parts(many.to_parts())
    assert back.hash() == many.hash()
    new = [Example("x", name(0), texts(0, 1, seed=8)[0], False)]
    assert back.learn(new).to_parts() == many.learn(new).to_parts()
    assert many.learn(new).unlearn(["x"]).hash() == many.hash()
    parts = {key: part for key, part in many.to_parts().items() if key != "beyond"}
    with pytest.raises(DamagedPart):
        Classifier.from_parts(parts)


def test_a_revoked_text_no_longer_serves_as_noise() -> None:
    classifier = fitted(labels=12)
    revoked = classifier.unlearn(["t0-0"])
    changed = [i for i, h in enumerate(revoked.live.heads) if h is not classifier.live.heads[i]]
    assert len(changed) > 1  # its own subset, and those that had it as noise
    first = examples(12)[0]
    again = Example(first.id, first.label, first.embedding, first.gold, arrival=0)
    assert revoked.learn([again]).hash() == classifier.hash()


def test_unlearning_everything_leaves_a_classifier_that_answers() -> None:
    empty = fitted().unlearn([e.id for e in examples()])
    assert len(empty.predict(queries())) == 24
    assert Classifier.from_parts(empty.to_parts()).hash() == empty.hash()


def test_many_labels_get_twelve_contenders() -> None:
    options = Options(grouping="random", sweeps=1, held_out=40)
    classifier = fitted(labels=520, each=1, options=options)
    assert len(classifier.predict(queries(2))[0].contenders) == 12


def test_the_arbiter_is_asked_only_where_the_quick_answer_is_unsure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classifier = fitted(labels=12, each=8)
    asked: list[int] = []

    def counted(white: np.ndarray, contenders: np.ndarray, evidence: object) -> np.ndarray:
        asked.append(len(white))
        return np.zeros(contenders.shape, np.float32)

    monkeypatch.setattr("models.arbiter.ridge", counted)
    clear = np.repeat(texts(0, 1, labels=12), 5, axis=0)
    between = texts(0, 1, labels=12) + texts(1, 1, labels=12)
    between /= np.linalg.norm(between)
    classifier.predict(np.concatenate([clear, between]))
    assert asked == [1]


def test_progress_is_told() -> None:
    heard: list[tuple[str, float]] = []
    Classifier.fit(
        examples(),
        infos(),
        encoder="t",
        options=PLAIN,
        progress=lambda stage, share: heard.append((stage, share)),
    )
    assert {stage for stage, _ in heard} >= {"heads", "held-out scores"}
    assert all(0 <= share <= 1 for _, share in heard)
