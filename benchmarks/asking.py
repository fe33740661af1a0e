"""When a judge is asked: the same rule for every pupil, and the product's own (`models.trust`)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.trust import KEPT, Alike, Heard, Trust, estimated, fits

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


class Judgement:
    """What is known of the judge, by its answers about texts of which a pupil says (labels,)."""

    def __init__(self, centroids: F32) -> None:
        """Before any answer, from the labels' centroids (labels, d), normalised."""
        self._alike, self.trust = Alike(centroids), Trust()
        self._heard: deque[Heard] = deque(maxlen=KEPT)

    def worth(self, p: F64) -> F64:
        """(n,): by how much an answer is expected to raise the final label's probability."""
        return self.trust.worth(p, self._alike)

    def weighed(self, p: F64, said: int) -> F64:
        """(labels,): the pupil's probabilities of one text, after the judge's answer."""
        return self.trust.weighed(p, np.asarray([said]), self._alike)

    def hear(self, p: F64, said: int) -> None:
        """Remember an answer, and what the pupil (labels,) thought before it."""
        self._heard.append(Heard(float(p.max()), fits(p, np.asarray([said]), self._alike)))

    def settle(self) -> None:
        """Estimate anew from all answers."""
        self.trust = estimated(self._heard)


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
