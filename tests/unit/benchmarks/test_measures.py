"""The measures, on values that are known."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks.measures import auroc, crossed, over_draws, recall_at, resampled


def test_auroc_is_scikit_learns_ties_included():
    rng = np.random.default_rng(0)
    score, positive = rng.integers(5, size=200) / 5, rng.random(200) < 0.4
    assert auroc(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_recall_is_counted_above_what_five_percent_of_the_others_exceed():
    score = np.concatenate([np.arange(100.0), [10.0, 94.0, 97.0, 99.5]])
    positive = np.arange(104) >= 100
    assert recall_at(score, positive) == 0.5


def test_interval_of_one_draw_is_the_t_interval_over_texts():
    values = np.random.default_rng(0).normal(0.3, 1, size=(1, 50))
    found = crossed(values)
    low, high = stats.t.interval(0.95, 49, values.mean(), stats.sem(values[0]))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_interval_is_a_point_where_nothing_varies():
    found = crossed(np.full((5, 30), 0.25))
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_interval_counts_few_draws_as_few():
    rng = np.random.default_rng(0)
    by_draw = rng.normal(0, 1, size=(4, 1))
    values = by_draw + rng.normal(0, 0.01, size=(4, 2000))
    found = crossed(values)
    # All the spread is between draws: as wide as a t interval of four numbers.
    low, high = stats.t.interval(0.95, 3, by_draw.mean(), stats.sem(by_draw[:, 0]))
    assert found.high - found.low == pytest.approx(high - low, rel=0.02)


def test_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(300):
        values = (
            rng.normal(0, 0.2, (5, 1)) + rng.normal(0, 0.5, (1, 80)) + rng.normal(0, 1, (5, 80))
        )
        found = crossed(values)
        inside += found.low <= 0 <= found.high
    assert 0.9 <= inside / 300 <= 1


def test_resampling_is_repeatable_and_covers_the_mean():
    values = np.random.default_rng(1).normal(1, 1, size=(3, 100))

    def mean(draw: int, rows: np.ndarray) -> float:
        return float(values[draw, rows].mean())

    once = resampled(mean, 3, np.zeros(100, np.intp))
    assert once == resampled(mean, 3, np.zeros(100, np.intp))
    assert once.low < once.mean < once.high


def test_an_interval_over_draws_is_the_t_interval_and_one_draw_has_no_bounds():
    values = [0.1, 0.3, 0.2]
    low, high = stats.t.interval(0.95, 2, 0.2, stats.sem(values))
    found = over_draws(values)
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, low, high))
    assert over_draws([0.1]).json() == {"mean": 0.1, "low": None, "high": None}
