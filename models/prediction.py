"""What the classifier says of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    `further` are the likeliest labels beyond the contenders, at most 20, best first: for a judge
    that refuses those.
    """

    contenders: tuple[Contender, ...]
    rest: float
    unknown: float
    further: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The likeliest label."""
        return self.contenders[0].label

    @property
    def confidence(self) -> float:
        """How likely it is, 0 to 1, calibrated on held-out examples."""
        return self.contenders[0].probability


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a prediction was made from, as it was then: enough to refit the weights by, later.

    `labels` are the k contenders, in the order of `features` (k, 6), which are as in
    `models.confidence.FEATURES`; `outside` is the log probability of all other labels by the heads;
    `advised`: whether the arbiter was asked, without which rw is 0.
    """

    labels: tuple[str, ...]
    features: NDArray[np.float32]
    outside: float
    advised: bool


def predictions_of(
    labels: Sequence[str],
    contenders: NDArray[np.intp],
    probability: NDArray[np.float64],
    unknown: NDArray[np.float32],
    further: NDArray[np.intp],
) -> list[Prediction]:
    """Of n texts: label numbers (n, k), probabilities (n, k + 1) with rest last, unknown (n,), and
    the numbers (n, m) of further labels."""
    order = np.argsort(-probability[:, :-1], axis=1, kind="stable")
    chance = np.take_along_axis(probability, order, axis=1).tolist()
    number = np.take_along_axis(contenders, order, axis=1).tolist()
    rest, strange = probability[:, -1].tolist(), unknown.tolist()
    beyond = further.tolist()
    return [
        Prediction(
            tuple(Contender(labels[i], p) for i, p in zip(number[row], chance[row], strict=True)),
            rest[row],
            strange[row],
            tuple(labels[i] for i in beyond[row]),
        )
        for row in range(len(number))
    ]


def scored_of(
    labels: Sequence[str],
    contenders: NDArray[np.intp],
    features: NDArray[np.float32],
    outside: NDArray[np.float32],
    advised: NDArray[np.bool_],
) -> list[Scored]:
    """Of n texts: label numbers (n, k), features (n, k, 6), outside (n,), advised (n,)."""
    return [
        Scored(tuple(labels[i] for i in number), own, beyond, asked)
        for number, own, beyond, asked in zip(
            contenders.tolist(), features, outside.tolist(), advised.tolist(), strict=True
        )
    ]
