"""Accuracy, ranking, and intervals over draws and texts at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

RESAMPLES = 300


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies with 95% confidence."""

    mean: float
    low: float
    high: float

    def json(self) -> dict[str, float | None]:
        """As a record keeps it; a bound that nothing is known of is None."""
        return {
            key: round(value, 6) if math.isfinite(value) else None
            for key, value in asdict(self).items()
        }


def auroc(score: NDArray[np.floating], positive: Bools) -> float:
    """Share of (positive, negative) pairs in which the positive scores higher; ties count half."""
    ones = int(positive.sum())
    others = len(positive) - ones
    if not ones or not others:
        return float("nan")
    rank = stats.rankdata(score)
    return float((rank[positive].sum() - ones * (ones + 1) / 2) / (ones * others))


def recall_at(score: NDArray[np.floating], positive: Bools, false_alarms: float = 0.05) -> float:
    """Share of positives above the score that `false_alarms` of the negatives exceed."""
    threshold = np.quantile(score[~positive], 1 - false_alarms)
    return float((score[positive] > threshold).mean())


def crossed(values: F64) -> Interval:
    """95% interval of the mean of (draws, texts), both of them samples.

    Draws and texts are crossed: every text is seen in every draw. With A the variance of the mean
    that the draws' means show, B the one that the texts' means show and E what is in both, the
    variance is A + B - E; t with Satterthwaite's degrees of freedom, so five draws count as five.
    """
    draws, texts = values.shape
    mean = float(values.mean())
    if texts < 2:
        return Interval(mean, float("-inf"), float("inf"))
    by_draw, by_text = values.mean(axis=1), values.mean(axis=0)
    b = float(by_text.var(ddof=1)) / texts
    if draws == 1:
        variance, freedom = b, float(texts - 1)
    else:
        a = float(by_draw.var(ddof=1)) / draws
        rest = values - by_draw[:, None] - by_text[None, :] + mean
        e = float(np.square(rest).sum()) / ((draws - 1) * (texts - 1)) / (draws * texts)
        variance = max(a + b - e, a, b)
        shares = a**2 / (draws - 1) + b**2 / (texts - 1)
        freedom = variance**2 / shares if shares > 0 else float(texts - 1)
    half = float(stats.t.ppf(0.975, freedom)) * variance**0.5
    return Interval(mean, mean - half, mean + half)


def over_draws(values: Sequence[float]) -> Interval:
    """95% t interval of a mean over draws, where the texts differ from draw to draw."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, float("-inf"), float("inf"))
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1)) / len(values) ** 0.5
    return Interval(mean, mean - half, mean + half)


def resampled(
    statistic: Callable[[int, NDArray[np.intp]], float],
    draws: int,
    strata: NDArray[np.intp],
    seed: int = 0,
) -> Interval:
    """95% interval of a statistic of texts, mean over draws: both are resampled.

    `statistic(draw, rows)` is asked with rows of the texts; `strata` (texts,) are resampled each by
    itself. With one draw only texts are.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    everything = np.arange(len(strata))
    mean = float(np.mean([statistic(draw, everything) for draw in range(draws)]))
    found = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rng.choice(group, size=len(group)) for group in groups])
        picked = [int(d) for d in rng.integers(draws, size=draws)]
        known = {d: statistic(d, rows) for d in set(picked)}
        found.append(float(np.mean([known[d] for d in picked])))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return Interval(mean, float(low), float(high))
