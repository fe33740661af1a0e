"""What a judge's answer is worth, and what is left of it beside the classifier."""

import numpy as np
import pytest

from models.trust import STEPS, WHOLE, Alike, Fits, Heard, Trust, estimated, fits, spread

LABELS = 8
ALIKE = Alike(np.eye(LABELS, dtype=np.float32))


def texts(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A calibrated classifier's probabilities of texts, and their labels."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(LABELS, 0.3), size=number)
    return p, np.asarray([rng.choice(LABELS, p=row) for row in p])


def answers(p: np.ndarray, gold: np.ndarray, reliable: float) -> np.ndarray:
    """What a judge says whose errors fall where the classifier's fall as well, or anywhere."""
    rng = np.random.default_rng(1)
    other = (gold + rng.integers(1, LABELS, size=len(gold))) % LABELS
    for place, row in enumerate(p):
        if rng.random() < 0.7:
            likely = np.where(np.arange(LABELS) == gold[place], 0, row)
            other[place] = rng.choice(LABELS, p=likely / likely.sum())
    return np.where(rng.random(len(gold)) < reliable, gold, other)


def learnt(p: np.ndarray, said: np.ndarray) -> Trust:
    rows = zip(p, said, strict=True)
    return estimated([Heard(row.max(), fits(row, np.asarray([one]), ALIKE)) for row, one in rows])


def test_reliability_is_found_from_agreement_alone() -> None:
    p, gold = texts(800)
    assert learnt(p, answers(p, gold, 0.9)).reliable == pytest.approx(0.9, abs=0.08)
    assert learnt(p, answers(p, gold, 0.5)).reliable == pytest.approx(0.5, abs=0.1)


def test_of_an_unknown_judge_the_usual_is_assumed() -> None:
    assert estimated([]) == Trust()


@pytest.mark.parametrize(("reliable", "gain"), [(0.5, 0.05), (0.7, 0.02), (0.95, -0.003)])
def test_weighed_answers_are_right_more_often_than_classifier_or_judge(
    reliable: float, gain: float
) -> None:
    p, gold = texts(3_000)
    said = answers(p, gold, reliable)
    trust = learnt(p[:1_000], said[:1_000])
    p, gold, said = p[1_000:], gold[1_000:], said[1_000:]
    rows = zip(p, said, strict=True)
    final = [trust.weighed(row, np.asarray([one]), ALIKE).argmax() for row, one in rows]
    either = max((p.argmax(axis=1) == gold).mean(), (said == gold).mean())
    assert (np.asarray(final) == gold).mean() > either + gain


def test_an_answer_never_speaks_against_itself_however_bad_the_judge() -> None:
    p = np.asarray([0.4, 0.35, 0.15, 0.02, 0.02, 0.02, 0.02, 0.02])
    never = Trust(0.01, (0.01,) * 6)
    for answer in range(LABELS):
        after = never.weighed(p, np.asarray([answer]), ALIKE)
        assert after[answer] >= 0.98 * p[answer] + 0.02 / LABELS - 1e-12
    assert never.worth(p[None], ALIKE)[0] == 0


def test_a_judge_worse_than_the_classifier_is_worth_nothing_where_that_is_sure() -> None:
    sure = np.full((1, LABELS), 0.03 / 7)
    sure[0, 0] = 0.97
    even = np.full((1, LABELS), 1 / LABELS)
    trust = Trust()
    assert trust.worth(sure, ALIKE)[0] == pytest.approx(0, abs=1e-9)
    assert trust.worth(even, ALIKE)[0] > 0.5
    assert trust.weighed(sure[0], np.asarray([3]), ALIKE).argmax() == 0
    assert trust.weighed(even[0], np.asarray([3]), ALIKE).argmax() == 3


def test_worth_is_what_an_answer_raises_the_final_label_by_in_the_mean() -> None:
    p, trust = texts(50)[0], Trust(0.7, (0.6, 0.65, 0.7, 0.7, 0.75, 0.9))
    for row, worth in zip(p, trust.worth(p, ALIKE), strict=True):
        expected = 0.0
        right = trust.steps[np.searchsorted(STEPS, row.max())]
        for answer in range(LABELS):
            fit = fits(row, np.asarray([answer]), ALIKE)
            after = trust.weighed(row, np.asarray([answer]), ALIKE)
            chance = right * fit.rightly + (1 - right) * fit.wrongly
            expected += chance * (after.max() - after[row.argmax()])
        assert expected == pytest.approx(worth, abs=1e-9)


def test_none_of_the_offered_speaks_for_the_others_as_far_as_the_judge_is_right() -> None:
    p = np.asarray([0.5, 0.2, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    others = np.arange(2, LABELS)
    good, poor = (Trust(r, (r,) * 6).weighed(p, others, ALIKE) for r in (0.95, 0.3))
    assert good[others].sum() > 0.8
    assert poor.argmax() == 0
    assert good.sum() == pytest.approx(1)


def test_nothing_said_changes_nothing() -> None:
    p = np.asarray([0.5, 0.2, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    after = Trust().weighed(p, np.arange(LABELS), ALIKE)
    assert after == pytest.approx(0.98 * p + 0.02 / LABELS)


def test_a_wrong_answer_falls_on_a_label_alike() -> None:
    middle = np.asarray([[1, 0], [0.99, 0.141], [0, 1]], np.float32)
    alike = Alike(middle)
    assert alike.rows(np.asarray([0]))[0].tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    p = np.asarray([0.6, 0.2, 0.2])
    near, far = (fits(p, np.asarray([one]), alike).wrongly for one in (1, 2))
    assert near > far


def test_a_known_answer_is_known_whatever_else_is_held() -> None:
    right = [Heard(0.4, Fits(1.0, 0.0))] * 200
    wrong = [Heard(0.4, Fits(0.0, 1.0))] * 200
    assert estimated(right).reliable > 0.95
    assert estimated(wrong).reliable < 0.1


def test_contenders_and_what_they_leave_make_probabilities() -> None:
    p = spread(np.asarray([[2, 0]]), np.asarray([[0.6, 0.28]]), ALIKE)
    assert p[0, [2, 0]].tolist() == pytest.approx([0.6, 0.28])
    assert p.sum() == pytest.approx(1)
    assert (p[0, [1, 3, 4, 5, 6, 7]] > 0).all()
    everything = spread(np.asarray([[0, 1]]), np.asarray([[0.7, 0.3]]), Alike(np.eye(2)))
    assert everything.tolist() == [[0.7, 0.3]]


def test_one_label_is_worth_no_question() -> None:
    alone = Alike(np.ones((1, 1), np.float32))
    assert Trust().worth(np.ones((1, 1)), alone)[0] == pytest.approx(0)
    assert Trust().weighed(np.ones(1), np.asarray([0]), alone).tolist() == [1]


def test_with_many_labels_the_likely_ones_are_looked_at() -> None:
    labels = WHOLE + 100
    rng = np.random.default_rng(0)
    middle = rng.normal(size=(labels, 16)).astype(np.float32)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    p = rng.dirichlet(np.full(labels, 0.02), size=5)
    many, trust = Alike(middle), Trust()
    worth = trust.worth(p, many)
    assert (worth > -1e-9).all()
    whole = Alike(middle)
    whole._all = whole._of(np.arange(labels))
    for row in p:
        answer = np.argsort(-row)[1:2]
        assert (
            trust.weighed(row, answer, many).argmax() == trust.weighed(row, answer, whole).argmax()
        )
