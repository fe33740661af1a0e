"""When a judge is asked, and what its answer is worth."""

import numpy as np
import pytest

from benchmarks.asking import Budget, Judgement

LABELS = 8


def texts(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A calibrated pupil's probabilities of texts, and their labels."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(LABELS, 0.3), size=number)
    return p, np.asarray([rng.choice(LABELS, p=row) for row in p])


def estimated(reliable: float) -> float:
    """The reliability found of a judge whose errors fall anywhere."""
    p, gold = texts(800)
    rng = np.random.default_rng(1)
    other = (gold + rng.integers(1, LABELS, size=800)) % LABELS
    said = np.where(rng.random(800) < reliable, gold, other)
    judgement = Judgement.of(np.eye(LABELS, dtype=np.float32))
    for row, answer in zip(p, said, strict=True):
        judgement.hear(row, int(answer))
    judgement.settle(30)
    return judgement.reliable


def test_reliability_is_found_from_agreement_alone() -> None:
    assert estimated(0.9) == pytest.approx(0.9, abs=0.1)
    # A judge that is often wrong is rather held to be worse than it is.
    assert estimated(0.5) < 0.6


def test_a_judge_worse_than_the_pupil_is_worth_nothing_where_the_pupil_is_sure() -> None:
    judgement = Judgement.of(np.eye(LABELS, dtype=np.float32))
    sure = np.full((1, LABELS), 0.03 / 7)
    sure[0, 0] = 0.97
    even = np.full((1, LABELS), 1 / LABELS)
    assert judgement.worth(sure)[0] == pytest.approx(0, abs=1e-9)
    assert judgement.worth(even)[0] > 0.5
    assert judgement.weighed(sure[0], 3).argmax() == 0
    assert judgement.weighed(even[0], 3).argmax() == 3


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_budget_is_met_from_the_past_alone(share: float) -> None:
    scores = np.random.default_rng(0).random(1000)
    budget = Budget(share)
    asked = np.asarray([budget.ask(score) for score in scores])
    assert asked.mean() == pytest.approx(share, abs=0.02)
    assert scores[asked].mean() > scores[~asked].mean() + 0.3
    again = Budget(share)
    assert [again.ask(score) for score in scores[:500]] == asked[:500].tolist()


def test_what_is_worth_nothing_is_never_asked() -> None:
    budget = Budget(0.5)
    assert not any(budget.ask(0.0) for _ in range(200))
