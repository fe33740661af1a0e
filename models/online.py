"""The layer that follows drift: weights and label shares refitted from what was judged lately.

Heads change only where a text was accepted; how their scores are put together (`Weights`) and how
often each label comes (prior) is measured anew on the stream itself. On a stream of software
weaknesses over ten years this layer made the difference, not the heads nor how often they are
refitted. Everything here is a pure function of what it is given, in the order given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.confidence import FEATURES, Combination, Weights, fit_weights
from models.prediction import Scored

JUDGED = 1500
"""The judged texts that the weights are refitted on: the most recent."""

OUTPUTS = 1000
"""The outputs that the label shares are counted over: the most recent."""

PULL = 100.0
"""How strongly weights are held at the fit's own, against a sum over judged texts.

More than at the fit: a judge errs where a gold label does not, and most often only doubtful
texts are judged. On training texts of BANKING77 with recorded answers, 20 was about a tie."""

GROWTH = 2.0
"""How many times as many examples as at the last full fit make the next one due.

Live heads are solved against the reference: what the other labels were at the last full fit. In a
stream that brings new labels and new ways of writing, that grows old: 1.3 points in seventeen years
of software weaknesses, 2.3 in the later half. At this rate the full fits of a whole stream cost
about twice the last of them; at 1.4, measured no better (`docs/adr/0015`)."""

RW = FEATURES.index("rw")


def fit_due(fitted: int, examples: int) -> bool:
    """Whether to fit in full: there were `fitted` examples at the last full fit."""
    return examples >= GROWTH * fitted


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A text as it was when predicted, and the label it was judged to have: None for none of them.

    Everything that was judged belongs here, with the label that then stood, in doubt or not: where
    only what was sure enough to be taught is heard, weights that are too sure look right.
    `inclusion` is the probability with which the text came to be judged at all: 1 for what is
    always asked, the audit rate for an audited one. Raises `ValueError` unless 0 < inclusion <= 1.
    """

    scored: Scored
    label: str | None
    inclusion: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.inclusion <= 1:
            raise ValueError(f"inclusion must be a probability above 0, got {self.inclusion}")


@dataclass(frozen=True, eq=False)
class Recent:
    """The last texts judged and the last labels given out, oldest first. Immutable."""

    judged: tuple[Judged, ...] = ()
    outputs: tuple[str, ...] = ()

    def with_judged(self, more: Sequence[Judged]) -> Recent:
        """With these too, newest last; those beyond JUDGED go."""
        return replace(self, judged=(*self.judged, *more)[-JUDGED:])

    def with_outputs(self, labels: Sequence[str]) -> Recent:
        """With these labels given out too, newest last; those beyond OUTPUTS go."""
        return replace(self, outputs=(*self.outputs, *labels)[-OUTPUTS:])

    def counts(self, fitted: Mapping[str, int]) -> dict[str, float]:
        """How often each label was given among the last OUTPUTS, for `Classifier.predict`.

        While there are fewer, the shares at the fit (`fitted`, counts) stand for those missing, so
        that a stream does not begin with all labels alike.
        """
        found: dict[str, float] = dict(Counter(self.outputs))
        total, missing = sum(fitted.values()), OUTPUTS - len(self.outputs)
        if total and missing:
            for label, count in fitted.items():
                found[label] = found.get(label, 0.0) + missing * count / total
        return found

    def refit(self, fitted: Combination, pull: float = PULL) -> Combination:
        """The weights refitted from what was judged, pulled towards those of the fit.

        With nothing judged they are the fit's own. The full weights learn only from texts that the
        arbiter was asked about: for the others it said nothing.
        """
        return Combination(
            _refit(self.judged, fitted.quick, pull, advice=False),
            _refit([j for j in self.judged if j.scored.advised], fitted.full, pull, advice=True),
        )


def _refit(judged: Sequence[Judged], fitted: Weights, pull: float, *, advice: bool) -> Weights:
    # Where labels were so few that their number changed that of contenders, the newest form holds.
    judged = [j for j in judged if len(j.scored.labels) == len(judged[-1].scored.labels)]
    if not judged:
        return fitted
    features = np.stack([j.scored.features for j in judged])
    if not advice:
        features[:, :, RW] = 0
    outside = np.asarray([j.scored.outside for j in judged], np.float32)
    truth = np.asarray([_option(j) for j in judged], np.intp)
    weight: NDArray[np.float64] = 1 / np.asarray([j.inclusion for j in judged])
    # Uneven weights say less than as many even ones (Kish 1965): they pull less against the fit's.
    effective = float(weight.sum() ** 2 / np.square(weight).sum())
    return fit_weights(features, outside, truth, weight, fitted, pull * len(judged) / effective)


def _option(judged: Judged) -> int:
    """Which contender the judge's label is; their number, for rest, where it is none of them."""
    labels = judged.scored.labels
    return labels.index(judged.label) if judged.label in labels else len(labels)
