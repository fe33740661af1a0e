"""When a judge is asked, within a budget."""

import numpy as np
import pytest

from benchmarks.asking import Budget


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
