"""Shares and their intervals, stated confidence and what is right, on values that are known."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from models.measures import Bin, Rate, ece, reliability

CONFIDENCE = np.asarray([0.95, 0.97, 0.35, 0.36])
CORRECT = np.asarray([True, False, False, False])


@pytest.mark.parametrize(("part", "whole"), [(0, 10), (10, 10), (3, 10), (199, 200), (1, 1)])
def test_the_interval_is_clopper_and_pearsons(part: int, whole: int) -> None:
    expected = binomtest(part, whole).proportion_ci(0.95, method="exact")
    rate = Rate(part, whole)
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("true", [0.5, 0.8, 0.93, 0.99])
def test_the_interval_holds_the_rate_at_least_as_often_as_it_says(true: float) -> None:
    counts = np.arange(61)
    inside = [Rate(int(count), 60).holds(true) for count in counts]
    assert float(binom.pmf(counts[inside], 60, true).sum()) >= 0.95


def test_of_nothing_there_is_no_rate_and_no_bound() -> None:
    assert (Rate(0, 0).value, Rate(0, 0).low, Rate(0, 0).high) == (None, 0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        Rate(3, 2)


def test_ece_is_the_gap_of_confidence_and_accuracy() -> None:
    confidence = np.asarray([0.95, 0.95, 0.35, 0.35])
    correct = np.asarray([True, False, False, False])
    # Two bins of two: |.95 - .5| and |.35 - 0|, half of the texts each.
    assert ece(confidence, correct) == pytest.approx((0.45 + 0.35) / 2)


def test_ece_of_a_perfect_score_is_zero_and_a_confidence_of_one_has_a_bin() -> None:
    assert ece(np.ones(5), np.ones(5, bool)) == 0


def test_bins_say_what_was_stated_and_what_was_right_and_ece_is_their_mean_gap() -> None:
    found = reliability(CONFIDENCE, CORRECT)
    assert [bin_.right for bin_ in found] == [Rate(0, 2), Rate(1, 2)]
    assert [bin_.confidence for bin_ in found] == pytest.approx([0.355, 0.96])
    assert all(bin_.low <= bin_.confidence < bin_.high for bin_ in found)
    assert _gap(found) == pytest.approx(ece(CONFIDENCE, CORRECT))
    assert reliability(np.zeros(0), np.zeros(0, bool)) == []


def _gap(found: list[Bin]) -> float:
    gaps = [abs(b.confidence - (b.right.value or 0)) * b.right.whole for b in found]
    return sum(gaps) / sum(b.right.whole for b in found)
