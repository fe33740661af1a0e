"""What the answer of a judge that errs is worth, and what is left of it beside the classifier.

How reliable the judge is is never told: it is estimated from the texts it answered, by how its
answers agree with what the classifier held likely (expectation-maximisation as in Dawid and Skene
1979, with the classifier's calibrated probabilities as the prior over a text's label). A question
is worth the probability by which it is expected to raise that of the final label; where that is
nothing, asking is waste, and where the judge is the worse of the two, harm.

The estimate is only as good as the probabilities: a classifier that is too sure of itself makes
the judge look worse than it is.

PLAUSIBLE was chosen among three values on training texts outside any stream, with another model's
recorded answers (BANKING77). Most of the other numbers are first guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

RELIABILITY = 0.8
"""Of a judge of whom nothing is known."""

KNOWN_AS = 20.0
"""How many answers that assumption counts as."""

STEPS = (0.35, 0.5, 0.65, 0.8, 0.92)
"""Where the classifier is unsure the judge errs more often: reliability by its confidence."""

STEP_HELD = 15.0
"""How many answers the reliability of all texts counts as, within one step of confidence."""

PLAUSIBLE = 0.7
"""Of wrong answers, those that fall where the classifier too holds a label likely; the others fall
on labels that are alike. Judge and classifier are misled by the same texts."""

NEAR = 20.0
"""Nats per unit of cosine by which a wrong answer is likelier for a label alike."""

LIKE_THEM = 0.5
"""Of what the contenders leave, the part that falls on labels alike to them. Spread evenly, every
single label has so little that right answers beyond the contenders look like mistakes: of a judge
that never errs .907 and .927 were said to be right (BANKING77, 3 per label), so .951 and .964."""

DOUBT = 0.02
"""Of the probabilities, what is spread over all labels: none is quite impossible."""

ACCEPT = 0.7
"""Probability, after the judge's answer, from which up a label is taught."""

NOTHING = 0.002
"""Questions worth less are not asked."""

WHOLE, LIKELY = 200, 12
"""Beyond so many labels only the LIKELY ones are looked at closely."""

KEPT = 2_000
"""The most recent answers, which the estimate is made from."""

ROUNDS = 30
"""Of expectation and maximisation."""


def doubted(p: F64) -> F64:
    """Probabilities (..., labels), none of them zero."""
    return np.asarray((1 - DOUBT) * p + DOUBT / p.shape[-1])


class Alike:
    """On which labels a wrong answer about each falls, if not on those held likely."""

    def __init__(self, centroids: F32) -> None:
        """From the labels' centroids (labels, d), normalised."""
        few = len(centroids) <= WHOLE
        # Where labels are many, half the width is twice the pace.
        self._wide: F32 | F64 = centroids.astype(np.float64) if few else centroids
        self._all = self._of(np.arange(len(centroids))) if few else None

    def __len__(self) -> int:
        """Return the number of labels."""
        return len(self._wide)

    def rows(self, labels: Ints) -> F64:
        """(..., labels): of each of `labels` (...), the shares of the others, summing to one."""
        if self._all is not None:
            return np.asarray(self._all[labels])
        found, where = np.unique(labels, return_inverse=True)
        return np.asarray(self._of(found)[where.reshape(labels.shape)])

    def _of(self, labels: Ints) -> F64:
        near = np.exp(NEAR * (self._wide[labels] @ self._wide.T - 1))
        near[np.arange(len(labels)), labels] = 0
        return np.asarray(near / np.maximum(near.sum(axis=1, keepdims=True), 1e-30))


def spread(contenders: Ints, probability: F64, alike: Alike) -> F64:
    """(n, labels): all labels' probabilities, from those of the contenders (n, k).

    What the contenders leave goes half to labels that are alike to them, half to all others.
    """
    total = probability.sum(axis=1, keepdims=True)
    share = probability / np.maximum(total, 1e-12)
    near = np.einsum("nk,nkl->nl", share, alike.rows(contenders))
    np.put_along_axis(near, contenders, 0, axis=1)
    p = near / np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    p = LIKE_THEM * p + (1 - LIKE_THEM) / max(1, len(alike) - contenders.shape[1])
    p *= np.maximum(0, 1 - total)
    np.put_along_axis(p, contenders, probability, axis=1)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Fits:
    """How an answer fits the classifier's probabilities: how likely it was to come rightly and,
    from a judge that is wrong, by mistake."""

    rightly: float
    wrongly: float


@dataclass(frozen=True)
class Trust:
    """What is known of the judge: `reliable` is P(right) of all asked, `steps` the same by the
    classifier's confidence, between the STEPS."""

    reliable: float = RELIABILITY
    steps: tuple[float, ...] = (RELIABILITY,) * (len(STEPS) + 1)

    def worth(self, p: F64, alike: Alike) -> F64:
        """(n,): by how much an answer is expected to raise the final label's probability, from the
        classifier's (n, labels)."""
        right, p = self._right(p.max(axis=1))[:, None], doubted(p)
        first, top = p.argmax(axis=1)[:, None], p.max(axis=1, keepdims=True)
        if_wrong = (1 - right) * _mistaken(p, alike) / _others(p)
        # An answer gains something where it makes another label the likeliest.
        gain = np.maximum(p * right - top * if_wrong, 0)
        np.put_along_axis(gain, first, 0, axis=1)
        return np.asarray(gain.sum(axis=1))

    def weighed(self, p: F64, answer: Ints, alike: Alike) -> F64:
        """(labels,): the probabilities of one text (labels,), after the judge's answer.

        `answer`: the label that it named; or, where it named none, all that it has not refused.
        That gets likelier and never less likely, however bad the judge; labels beside it, and
        within it, keep their proportions.
        """
        right, p, inside = float(self._right(p.max())), doubted(p), _inside(p, answer)
        wrong = (1 - right) * p * _falls(p, answer, alike)
        within = float(p @ inside)
        if_in = right + float(wrong @ inside) / max(within, 1e-12)
        if_out = float(wrong @ (1 - inside)) / max(1 - within, 1e-12)
        joint = p * np.where(inside > 0, max(if_in, if_out), if_out)
        return np.asarray(joint / joint.sum())

    def _right(self, confidence: F64 | float) -> F64:
        return np.asarray(np.asarray(self.steps)[np.searchsorted(STEPS, confidence)])


def fits(p: F64, answer: Ints, alike: Alike) -> Fits:
    """Of one text's probabilities (labels,), before the answer: see `Trust.weighed`."""
    p = doubted(p)
    falls = _falls(p, answer, alike)
    return Fits(float(p[answer].sum()), float(p @ falls))


def _inside(p: F64, answer: Ints) -> F64:
    inside = np.zeros(len(p))
    inside[answer] = 1
    return inside


def _falls(p: F64, answer: Ints, alike: Alike) -> F64:
    """(labels,): for each label, how likely a wrong answer about it would be this one."""
    inside = _inside(p, answer)
    plausible = (p @ inside - p * inside) / _others(p)
    if len(p) <= WHOLE:
        near = alike.rows(np.arange(len(p))) @ inside
    else:
        near = (inside.sum() - inside) / (len(p) - 1)
        likely = _likely(p[None])[0]
        near[likely] = alike.rows(likely) @ inside
    return np.asarray(PLAUSIBLE * plausible + (1 - PLAUSIBLE) * near)


def _mistaken(p: F64, alike: Alike) -> F64:
    """(n, labels): how likely each label is to be the answer of a judge that is wrong."""
    odds = p / _others(p)
    plausible = p * (odds.sum(axis=1, keepdims=True) - odds)
    if p.shape[1] <= WHOLE:
        near = p @ alike.rows(np.arange(p.shape[1]))
    else:
        likely = _likely(p)
        own = np.take_along_axis(p, likely, axis=1)
        near = np.einsum("nk,nkl->nl", own, alike.rows(likely))
        near += (1 - own.sum(axis=1, keepdims=True)) / p.shape[1]
    return np.asarray(PLAUSIBLE * plausible + (1 - PLAUSIBLE) * near)


def _others(p: F64) -> F64:
    """What is left for the other labels."""
    return np.maximum(1 - p, 1e-12)


def _likely(p: F64) -> Ints:
    return np.asarray(np.argpartition(-p, LIKELY - 1, axis=1)[:, :LIKELY], np.intp)


@dataclass(frozen=True)
class Heard:
    """An answer: how sure the classifier was of the text, and how the answer fits with that."""

    confidence: float
    fits: Fits


def estimated(heard: Sequence[Heard]) -> Trust:
    """What answers come to, in any order; the most recent ones, for a judge may change."""
    if not heard:
        return Trust()
    step = np.searchsorted(STEPS, [one.confidence for one in heard])
    rightly = np.asarray([one.fits.rightly for one in heard])
    wrongly = np.asarray([one.fits.wrongly for one in heard])
    number = np.arange(len(STEPS) + 1)
    # Steps beside each other inform each other.
    beside = np.exp(-np.abs(number[:, None] - number[None]))
    answers = beside @ np.bincount(step, minlength=len(number))
    steps = np.full(len(number), RELIABILITY)
    for _ in range(ROUNDS):
        right = steps[step]
        good = right * rightly / (right * rightly + (1 - right) * wrongly)
        reliable = (float(good.sum()) + KNOWN_AS * RELIABILITY) / (len(heard) + KNOWN_AS)
        found = beside @ np.bincount(step, good, len(number))
        steps = (found + STEP_HELD * reliable) / (answers + STEP_HELD)
    return Trust(reliable, tuple(steps.tolist()))
