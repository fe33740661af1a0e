"""Whether the judge disagrees more often than it did: found soon, with few false alarms.

How often is not known, neither before a change nor after it. If the rate before were known (p) and
after it (q), the optimal statistic would grow by the factor q/p or (1 - q)/(1 - p) with every text,
from every moment at which the change may have come: Shiryaev and Roberts, R = (1 + R) factor. Here
R is kept for a grid of rates before and a few rises, and averaged over the rises and over what is
known of the rate before (its posterior, if nothing had changed). Under a steady rate the average of
R grows by one a text, so there are at least `ALARM` texts between two false alarms in the mean
(Pollak, "Optimal detection of a change in distribution", 1985). It costs the same for every text,
however long the stream.

A classifier that learns gets better: a fall of the rate is looked for in the same way, and moves
the reference in silence. So does a rise that the classifier announced itself, by falling
confidence: the threshold has moved, or the texts are harder, but what it says still holds.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Evidence = dict[str, "float | list[str]"]

ALARM = 40_000
"""Texts between two false alarms, at least, in the mean."""

BETTER = 2_000
"""The same for falls; a false one only shortens the reference."""

LEAST_RISE = 0.02
"""A smaller rise, beyond the one that the confidences announce, is none to report."""

FIRST = 50
"""No answer before this many texts."""

SETTLED = 200
"""Texts after which a rise that was announced is the new reference."""

WINDOW = 2_000
"""Texts that are kept to say since when, and under which labels."""

NAMED, SHOWN = 10, 5
"""The most labels, and the most texts, that are named."""

LOWEST, HIGHEST, STEPS = 0.002, 0.7, 40
RISES = (0.05, 0.1, 0.2)
FALLS = (0.5, 0.2)
"""Rates after a change: the one before it plus a rise, or times a fall."""


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


_P = 1 / (1 + np.exp(-np.linspace(_logit(LOWEST), _logit(HIGHEST), STEPS)))
_Q = np.hstack([np.minimum(_P[:, None] + RISES, 0.985), _P[:, None] * FALLS])
_FACTORS = np.stack([(1 - _Q) / (1 - _P[:, None]), _Q / _P[:, None]])
_LOGS = np.stack([np.log1p(-_P), np.log(_P)])
_FULL = 1e15
"""Beyond this nothing is added: it stays a finite number."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A text the judge was asked about: the label proposed, and the one it gave, if it did.

    `expected` is the disagreement the classifier expected: 1 - confidence. `at`: when.
    """

    id: str
    label: str
    said: str | None
    expected: float
    at: float

    @property
    def disagreed(self) -> bool:
        """The judge did not give the label that was proposed."""
        return self.said != self.label


@dataclass(frozen=True)
class Change:
    """What was noticed. `since` is the time of the first text after it, as far as can be told.

    `labels`: those that moved most, first; `ids`: texts that show it; `statistic` passed `bound`.
    """

    labels: tuple[str, ...]
    ids: tuple[str, ...]
    since: float
    statistic: float
    bound: float
    evidence: Evidence = field(default_factory=dict)


class Disagreement:
    """One series of judged texts, all of them drawn in the same way: audits, or doubtful texts."""

    def __init__(self) -> None:
        self._restart(())

    def _restart(self, known: Sequence[Judged]) -> None:
        """Begin anew, with what is known of the rate as it is now."""
        self._ratios: F64 = np.zeros(_Q.shape)
        self._likelihood: F64 = np.zeros(STEPS)
        self._count = 0
        self._earlier = [0, 0, 0.0]  # texts that left the window, disagreements, expected
        self._window: deque[Judged] = deque()
        for judged in known:
            self._take(judged)

    def _take(self, judged: Judged) -> None:
        one = int(judged.disagreed)
        self._ratios = np.minimum((1 + self._ratios) * _FACTORS[one], _FULL)
        self._likelihood = self._likelihood + _LOGS[one]
        self._count += 1
        self._window.append(judged)
        if len(self._window) > WINDOW:
            left = self._window.popleft()
            self._earlier[0] += 1
            self._earlier[1] += left.disagreed
            self._earlier[2] += left.expected

    def observe(self, judged: Judged) -> Change | None:
        """Take in one judged text, each once; tell whether a change shows by now."""
        self._take(judged)
        if self._count < FIRST:
            return None
        rise, fall = self.statistics()
        if rise >= math.log(ALARM):
            return self._risen(rise)
        if fall >= math.log(BETTER):
            self._restart(list(self._window)[self._split(rise=False) :])
        return None

    def statistics(self) -> tuple[float, float]:
        """Logarithms of what speaks for a rise and for a fall of the rate."""
        weight = np.exp(self._likelihood - self._likelihood.max())
        mean = weight @ self._ratios / weight.sum()
        up = len(RISES)
        return math.log(mean[:up].mean()), math.log(mean[up:].mean())

    def _split(self, *, rise: bool) -> int:
        """Where in the window the rate changed, most likely: the place of the first text after."""
        ones = np.asarray([judged.disagreed for judged in self._window], np.float64)
        after = np.cumsum(ones[::-1])[::-1]
        n_after = np.arange(len(ones), 0, -1, dtype=np.float64)
        before = self._earlier[1] + ones.sum() - after
        n_before = self._earlier[0] + len(ones) - n_after
        gain = _log_likelihood(after, n_after) + _log_likelihood(before, n_before)
        higher = after * n_before > before * n_after
        gain[(higher != rise) | (n_before == 0)] = -np.inf
        return int(gain.argmax())

    def _risen(self, statistic: float) -> Change | None:
        place = self._split(rise=True)
        before, since = list(self._window)[:place], list(self._window)[place:]
        n, wrong, expected = self._earlier
        n_before = n + len(before)
        rates = (
            (wrong + sum(judged.disagreed for judged in before)) / max(n_before, 1),
            sum(judged.disagreed for judged in since) / len(since),
        )
        announced = (
            (expected + sum(judged.expected for judged in before)) / max(n_before, 1),
            sum(judged.expected for judged in since) / len(since),
        )
        if rates[1] - rates[0] - max(0.0, announced[1] - announced[0]) < LEAST_RISE:
            if len(since) >= SETTLED:
                self._restart(since)
            return None
        self._restart(since)
        labels = _moved(before, since, rates[0])
        shown = [j for j in reversed(since) if j.disagreed and (j.label in labels or not labels)]
        pairs = Counter((j.label, j.said or "none of them") for j in since if j.disagreed)
        return Change(
            labels=tuple(labels),
            ids=tuple(judged.id for judged in shown[:SHOWN]),
            since=since[0].at,
            statistic=statistic,
            bound=math.log(ALARM),
            evidence={
                "rate_before": rates[0],
                "rate_since": rates[1],
                "texts_before": n_before,
                "texts_since": len(since),
                "expected_before": announced[0],
                "expected_since": announced[1],
                "pairs": [f"{a} → {b}: {n}" for (a, b), n in pairs.most_common(NAMED)],
            },
        )


def _log_likelihood(ones: F64, n: F64) -> F64:
    """Of the most likely rate, (k,); 0 for no texts."""
    rate = ones / np.maximum(n, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        yes = np.where(ones > 0, ones * np.log(rate), 0.0)
        no = np.where(ones < n, (n - ones) * np.log1p(-rate), 0.0)
    return np.asarray(yes + no)


def _moved(before: Sequence[Judged], since: Sequence[Judged], rate: float) -> list[str]:
    """Labels with more disagreements than they had, those with most in excess first.

    One disagreement is no sign, unless no label has more.
    """
    n_before, n_since = (Counter(j.label for j in part) for part in (before, since))
    wrong_before, wrong = (
        Counter(j.label for j in part if j.disagreed) for part in (before, since)
    )
    # Two texts at the common rate: a label that was hardly seen is taken to be as the others.
    excess = {
        label: n - n_since[label] * (wrong_before[label] + 2 * rate) / (n_before[label] + 2)
        for label, n in wrong.items()
    }
    clear = [label for label, n in wrong.items() if n > 1 and excess[label] > 0]
    found = clear or [label for label in wrong if excess[label] > 0]
    return sorted(found, key=lambda label: (-excess[label], label))[:NAMED]
