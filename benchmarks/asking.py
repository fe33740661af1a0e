"""When a judge that errs is asked, and what its answer is worth: the same rule for every pupil.

How reliable the judge is is never told: it is estimated from the texts it was asked about, by how
its answers agree with what the pupil held likely (expectation-maximisation as in Dawid and Skene
1979, with the pupil's probabilities as the prior over a text's label). A question is worth the
probability by which it is expected to raise that of the final label; where that is nothing, the
judge is not asked, whatever the budget.

The estimate is only as good as the pupil's probabilities: a pupil that is too sure of itself, as
nearest neighbours are, makes the judge look worse than it is.

PLAUSIBLE was chosen among three values on texts that are in no test: training texts outside the
stream, with another model's recorded answers. Most of the other numbers are first guesses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

RELIABILITY = 0.8
"""Of a judge of whom nothing is known."""

KNOWN_AS = 20.0
"""How many answers that assumption counts as."""

STEPS = np.asarray([0.35, 0.5, 0.65, 0.8, 0.92])
"""Where the pupil is unsure the judge errs more often: reliability by the pupil's confidence."""

STEP_HELD = 15.0
"""How many answers the reliability of all texts counts as, within one step of confidence."""

PLAUSIBLE = 0.7
"""Of wrong answers, those that fall where the pupil too holds a label likely; the others fall on
labels that are alike. Judge and pupil are misled by the same texts."""

NEAR = 20.0
"""Nats per unit of cosine by which a wrong answer is likelier for a label alike."""

DOUBT = 0.02
"""Of a pupil's probabilities, what is spread over all labels: none is quite impossible."""

ACCEPT = 0.7
"""Probability, after the judge's answer, from which up a label is taught."""

NOTHING = 0.002
"""Questions worth less are not asked."""

WHOLE, LIKELY = 200, 12
"""Beyond so many labels the worth of a question looks at the LIKELY labels alone."""


def doubted(p: F64) -> F64:
    """Probabilities (..., labels), none of them zero."""
    return np.asarray((1 - DOUBT) * p + DOUBT / p.shape[-1])


@dataclass
class Judgement:
    """What is known of the judge.

    `alike` (labels, labels): on which labels a wrong answer about each falls, if not on those that
    the pupil holds likely. `reliable` is P(right) of all asked, `steps` the same by STEPS.
    """

    alike: F64
    reliable: float = RELIABILITY
    steps: F64 = field(default_factory=lambda: np.full(len(STEPS) + 1, RELIABILITY))
    _heard: list[tuple[int, float, float]] = field(default_factory=list)
    """Of every answer: the step, what the pupil gave the label said, and how likely it would be
    said by mistake, as it was then."""

    @classmethod
    def of(cls, centroids: F32) -> Judgement:
        """Before any answer, from the labels' centroids (labels, d), normalised."""
        wide = centroids.astype(np.float64)
        near = np.exp(NEAR * (wide @ wide.T - 1))
        np.fill_diagonal(near, 0)
        return cls(near / near.sum(axis=1, keepdims=True))

    def _joint(self, p: F64) -> F64:
        """(n, labels, labels): of each text, the probability of label and answer together."""
        right = self.steps[np.searchsorted(STEPS, p.max(axis=1))][:, None, None]
        p = doubted(p)
        falls = PLAUSIBLE * p[:, None, :] / (1 - p[:, :, None])
        falls += (1 - PLAUSIBLE) * self.alike[None]
        joint = p[:, :, None] * (1 - right) * falls
        own = np.arange(p.shape[1])
        joint[:, own, own] = p * right[:, :, 0]
        return np.asarray(joint)

    def worth(self, p: F64) -> F64:
        """(n,): by how much an answer is expected to raise the final label's probability."""
        if p.shape[1] > WHOLE:
            return self._worth_of_likely(p)
        joint = self._joint(p)
        return np.asarray(joint.max(axis=1).sum(axis=1) - joint.sum(axis=2).max(axis=1))

    def _worth_of_likely(self, p: F64) -> F64:
        """The same, where only an answer itself and the LIKELY labels can come out on top."""
        likely = np.argpartition(-p, LIKELY - 1, axis=1)[:, :LIKELY]
        right = self.steps[np.searchsorted(STEPS, p.max(axis=1))][:, None]
        p = doubted(p)
        own = np.take_along_axis(p, likely, axis=1)
        joint = PLAUSIBLE * p[:, None, :] / (1 - own[:, :, None])
        joint += (1 - PLAUSIBLE) * self.alike[likely]
        joint *= (own * (1 - right))[:, :, None]
        np.put_along_axis(joint, likely[:, :, None], (own * right)[:, :, None], axis=2)
        best = np.maximum(joint.max(axis=1), p * right)
        return np.asarray(best.sum(axis=1) - p.max(axis=1))

    def weighed(self, p: F64, said: int) -> F64:
        """(labels,): the pupil's probabilities of one text, after the judge's answer."""
        right = self.steps[np.searchsorted(STEPS, p.max())]
        p = doubted(p)
        falls = PLAUSIBLE * p[said] / (1 - p) + (1 - PLAUSIBLE) * self.alike[:, said]
        joint = p * (1 - right) * falls
        joint[said] = p[said] * right
        return np.asarray(joint / joint.sum())

    def hear(self, p: F64, said: int) -> None:
        """Remember an answer, and what the pupil (labels,) thought before it."""
        step, p = int(np.searchsorted(STEPS, p.max())), doubted(p)
        falls = PLAUSIBLE * p[said] / (1 - p) + (1 - PLAUSIBLE) * self.alike[:, said]
        falls[said] = 0
        self._heard.append((step, float(p[said]), float((p * falls).sum())))

    def settle(self, rounds: int = 5) -> None:
        """Estimate anew from all answers, starting from where the estimate stands."""
        if not self._heard:
            return
        step = np.asarray([one[0] for one in self._heard])
        held, missed = np.asarray([one[1:] for one in self._heard]).T
        number = np.arange(len(self.steps))
        # Steps beside each other inform each other.
        beside = np.exp(-np.abs(number[:, None] - number[None]))
        answers = beside @ np.bincount(step, minlength=len(number))
        for _ in range(rounds):
            right = self.steps[step]
            good = right * held / (right * held + (1 - right) * missed)
            self.reliable = (float(good.sum()) + KNOWN_AS * RELIABILITY) / (len(step) + KNOWN_AS)
            found = beside @ np.bincount(step, good, len(number))
            self.steps = (found + STEP_HELD * self.reliable) / (answers + STEP_HELD)


@dataclass
class Budget:
    """Asks about the texts most worth it so that `share` of all are asked; knows only the past."""

    share: float
    asked: int = 0
    _scores: list[float] = field(default_factory=list)

    WINDOW = 300
    CATCH_UP = 50
    FIRST = 25
    BURST = 5

    def ask(self, score: float) -> bool:
        """Whether to ask about the next text, by its score; texts come in order.

        A score of 0 is never asked. The first FIRST texts only tell what scores there are.
        """
        seen, past = len(self._scores), self._scores[-self.WINDOW :]
        self._scores.append(score)
        if score <= 0 or seen < self.FIRST:
            return False
        behind = self.share * (seen + 1) - self.asked
        # What is behind the budget is caught up within the next texts, what is ahead is saved.
        share = float(np.clip(self.share + behind / self.CATCH_UP, 0, 1))
        go = score >= float(np.quantile(past, 1 - share)) and behind > -self.BURST
        self.asked += go
        return go
