"""Shares with intervals, and how far a stated confidence can be trusted: counting, no more.

Intervals are Clopper and Pearson's: they hold at least 95% whatever the rate and the number.
Wilson's are shorter, but near 0 and 1, where most of our rates lie, and for the few texts of one
label or pair, they may hold less than they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

CONFIDENCE: Final = 0.95
BINS: Final = 15

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rate:
    """`part` of `whole`, and where the true rate lies with 95% confidence.

    Of nothing: no rate, and bounds 0 and 1.
    """

    part: int
    whole: int

    def __post_init__(self) -> None:
        if not 0 <= self.part <= self.whole:
            raise ValueError(f"{self.part} of {self.whole}")

    @classmethod
    def of(cls, hits: Iterable[bool]) -> Rate:
        """The share of outcomes that are true."""
        outcomes = list(hits)
        return cls(sum(outcomes), len(outcomes))

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def low(self) -> float:
        """Lower bound."""
        if self.part == 0:
            return 0.0
        return _quantile(self.part, self.whole - self.part + 1, (1 - CONFIDENCE) / 2)

    @property
    def high(self) -> float:
        """Upper bound."""
        if self.part == self.whole:
            return 1.0
        return _quantile(self.part + 1, self.whole - self.part, (1 + CONFIDENCE) / 2)

    def holds(self, rate: float) -> bool:
        """Whether a rate lies within the bounds."""
        return self.low <= rate <= self.high

    @property
    def plain(self) -> str:
        """The share and its counts, without bounds."""
        return "-" if self.value is None else f"{self.value:.3f} ({self.part} of {self.whole})"

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}; {self.part} of {self.whole})"


def _quantile(a: float, b: float, p: float) -> float:
    """Of the beta distribution."""
    from scipy.special import betaincinv  # here: it takes longer to load than all of this

    return float(betaincinv(a, b, p))


@dataclass(frozen=True, slots=True)
class Bin:
    """Texts whose stated confidence lies within bounds: the mean of it, and how many are right."""

    low: float
    high: float
    confidence: float
    right: Rate


def reliability(confidence: NDArray[np.floating], correct: Bools, bins: int = BINS) -> list[Bin]:
    """The bins of a reliability diagram, equal in width; those without a text are left out."""
    place = _places(confidence, bins)
    return [
        Bin(
            low=b / bins,
            high=(b + 1) / bins,
            confidence=float(confidence[place == b].mean()),
            right=Rate(int(correct[place == b].sum()), int((place == b).sum())),
        )
        for b in np.unique(place).tolist()
    ]


def ece(confidence: NDArray[np.floating], correct: Bools, bins: int = BINS) -> float:
    """Expected calibration error, equal-width bins: mean gap of confidence and accuracy."""
    if not len(confidence):
        return 0.0
    gap = np.bincount(
        _places(confidence, bins),
        weights=confidence - correct.astype(np.float64),
        minlength=bins,
    )
    return float(np.abs(gap).sum() / len(confidence))


def _places(confidence: NDArray[np.floating], bins: int) -> NDArray[np.intp]:
    return np.minimum((np.asarray(confidence, np.float64) * bins).astype(np.intp), bins - 1)
