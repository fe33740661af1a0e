"""Whether the judge disagrees more often than it did: found soon, with few false alarms.

How often is not known, neither before a change nor after it. If the rate before were known (p) and
after it (q), the optimal statistic would grow by the factor q/p or (1 - q)/(1 - p) with every text,
from every moment at which the change may have come: Shiryaev and Roberts, R = (1 + R) factor
(Pollak, "Optimal detection of a change in distribution", 1985). Here p is the share of all texts so
far, and R the mean over a few rises. With p known, R would be n after n texts without a change, in
the mean, and pass `ALARM` after so many texts at the earliest; with the share in its place that is
no theorem, and docs/adr/0011 has what was measured. It costs the same for every text, however long
the stream.

A classifier that learns gets better: a fall of the rate is looked for in the same way, and moves
the reference in silence. So does a rise that the classifier announced itself, by falling
confidence: the threshold has moved, or the texts are harder, but what it says still holds.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Evidence = dict[str, "float | list[str]"]

ALARM = 40_000
"""The bound that the statistic has to pass: about the texts to a false alarm, in the mean."""

BETTER = 40_000
"""The same for falls. They are not reported, but a reference that is short gives false alarms."""

LEAST_RISE, ANNOUNCED = 0.02, 2.0
"""A smaller rise is none to report; one that the confidences announced has to be this many times
as large, and `LEAST_RISE` more."""

FIRST = 100
"""The fewest texts of a reference: before them there is no answer."""

SETTLED = 200
"""Texts after which a rise that was announced is the new reference."""

WINDOW = 2_000
"""Texts that are kept to say since when, and under which labels."""

NAMED, SHOWN = 10, 5
"""The most labels, and the most texts, that are named."""

LOWEST, HIGHEST, CERTAIN = 0.003, 0.95, 0.985
"""The rate before is taken to lie between the first two, the one after it below the third."""

RISES = (0.05, 0.1, 0.2)
FALLS = (0.5, 0.2)
"""Rates after a change: the one before it plus a rise, or times a fall."""


_NONE, _FULL = 1e-15, 1e15
"""Below and beyond, what is small or great enough: its logarithm stays a finite number."""


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
        self._ratios = [0.0] * (len(RISES) + len(FALLS))
        self._count = self._wrong = 0
        self._earlier = [0, 0, 0.0]  # texts that left the window, disagreements, expected
        self._window: deque[Judged] = deque()
        for judged in known:
            self._take(judged)

    def _take(self, judged: Judged) -> None:
        if self._count >= FIRST:
            share = (self._wrong + 0.5) / (self._count + 1)
            before = min(max(share, LOWEST), HIGHEST)
            after = [min(before + rise, CERTAIN) for rise in RISES]
            after += [before * fall for fall in FALLS]
            factors = (
                [rate / before for rate in after]
                if judged.disagreed
                else [(1 - rate) / (1 - before) for rate in after]
            )
            pairs = zip(self._ratios, factors, strict=True)
            self._ratios = [min((1 + ratio) * factor, _FULL) for ratio, factor in pairs]
        self._count += 1
        self._wrong += judged.disagreed
        self._window.append(judged)
        if len(self._window) > WINDOW:
            left = self._window.popleft()
            self._earlier[0] += 1
            self._earlier[1] += left.disagreed
            self._earlier[2] += left.expected

    def observe(self, judged: Judged) -> Change | None:
        """Take in one judged text, each once; tell whether a change shows by now."""
        self._take(judged)
        rise, fall = self.statistics()
        if rise >= math.log(ALARM):
            return self._risen(rise)
        if fall >= math.log(BETTER):
            since = list(self._window)[self._split(rise=False) :]
            if len(since) >= FIRST:
                self._restart(since)
        return None

    def forget(self, gone: Container[str]) -> bool:
        """Name no text of these ids any more; tell whether any was here. What was counted stays."""
        found = [judged.id in gone for judged in self._window]
        self._window = deque(
            replace(judged, id="") if is_gone else judged
            for judged, is_gone in zip(self._window, found, strict=True)
        )
        return any(found)

    def to_json(self) -> dict[str, Any]:
        """Return all that it knows, exactly."""
        return {
            "ratios": self._ratios,
            "counts": [self._count, self._wrong],
            "earlier": self._earlier,
            "window": [[j.id, j.label, j.said, j.expected, j.at] for j in self._window],
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Disagreement:
        """Go on from there. Raises `KeyError`, `TypeError` or `ValueError`: it is no such state."""
        made = cls()
        made._ratios = [float(ratio) for ratio in state["ratios"]]
        made._count, made._wrong = state["counts"]
        made._earlier = list(state["earlier"])
        made._window.extend(Judged(*row) for row in state["window"])
        return made

    def statistics(self) -> tuple[float, float]:
        """Logarithms of what speaks for a rise and for a fall of the rate."""
        up = len(RISES)
        rise, fall = sum(self._ratios[:up]) / up, sum(self._ratios[up:]) / len(FALLS)
        return math.log(max(rise, _NONE)), math.log(max(fall, _NONE))

    def _split(self, *, rise: bool) -> int:
        """Where in the window the rate changed, most likely: the place of the first text after."""
        ones = np.asarray([judged.disagreed for judged in self._window], np.float64)
        after = np.cumsum(ones[::-1])[::-1]
        n_after = np.arange(len(ones), 0, -1, dtype=np.float64)
        before = self._earlier[1] + ones.sum() - after
        n_before = self._earlier[0] + len(ones) - n_after
        gain = _log_likelihood(after, n_after) + _log_likelihood(before, n_before)
        higher = after * n_before > before * n_after
        gain[higher != rise] = -np.inf
        return int(gain.argmax())

    def _risen(self, statistic: float) -> Change | None:
        place = self._split(rise=True)
        if not self._earlier[0] + place:
            return None  # nothing to compare with
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
        least = LEAST_RISE + ANNOUNCED * max(0.0, announced[1] - announced[0])
        if n_before < FIRST or rates[1] - rates[0] < least:
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
