"""What the classifier says of a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """A label that a text may have, and how likely it is."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The likeliest labels of a text, best first: at most 6, or 12 from 500 labels on.

    `rest` is the probability of none of them; with the contenders' it sums to one. `unknown` is
    the score of "none of all labels", in standard deviations of known texts: higher is stranger.
    """

    contenders: tuple[Contender, ...]
    rest: float
    unknown: float

    @property
    def label(self) -> str:
        """The likeliest label."""
        return self.contenders[0].label

    @property
    def confidence(self) -> float:
        """How likely it is, 0 to 1, calibrated on held-out examples."""
        return self.contenders[0].probability
