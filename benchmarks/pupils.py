"""Classifiers that a judge teaches while a stream runs: the recipe, the flat head, a kNN cache.

All are asked the same way: probabilities of a batch of texts; then they are told what the judge
said of some of them, and which labels to learn. Settings are chosen on the gold examples alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import (
    NEIGHBOURS,
    TOLERANCE,
    Flat,
    Rows,
    fit_flat,
    fit_temperature,
    nearest,
    tempered,
    votes,
)
from benchmarks.data import Problem
from benchmarks.methods import fit_recipe
from benchmarks.softmax import fit_softmax
from models.arbiter import contender_count
from models.classifier import Classifier, Example
from models.online import Judged, Recent
from models.trust import Alike, spread

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

LEARN = 25
"""Accepted texts after which the recipe learns: an update refits a few subsets."""

REFIT = 100
"""Accepted texts after which the flat head is refitted on all it has."""


@dataclass(frozen=True)
class Lesson:
    """A text of the last batch, by its row, and a label number."""

    row: int
    label: int


class Pupil(Protocol):
    """Starts from gold examples; `say`, then `hear` about that very batch."""

    def say(self, x: F32) -> F64:
        """Probabilities (n, labels) of texts (n, d)."""
        ...

    def leading(self) -> Ints:
        """Of the texts just said: the likeliest labels, best first, (n, k)."""
        ...

    def hear(self, answers: Sequence[Lesson], accepted: Sequence[Lesson], final: Ints) -> None:
        """What the judge answered, what of it is to be learnt, and the labels given out (n,)."""
        ...


class RecipePupil:
    """`Classifier.learn` each `every` accepted texts; `weights` and label `shares`: refitted as
    the stream runs, or those of the fit."""

    def __init__(
        self,
        problem: Problem,
        fitted: Classifier | None = None,
        weights: bool = True,
        shares: bool = True,
        every: int = LEARN,
    ):
        self._classifier = fitted or fit_recipe(problem)
        self._every = every
        self._labels = problem.labels
        self._number = {label: i for i, label in enumerate(problem.labels)}
        self._weights, self._shares = weights, shares
        self._recent = Recent()
        self._waiting: list[Example] = []
        self._learnt = 0

    def say(self, x: F32) -> F64:
        fitted = self._classifier.reference.counts
        counts = self._recent.counts(fitted) if self._shares else None
        self._x = x
        said, self._scored = self._classifier.scored(x, counts)
        self._leading = np.asarray(
            [[self._number[c.label] for c in one.contenders] for one in said], np.intp
        )
        own = np.asarray([[c.probability for c in one.contenders] for one in said])
        return spread(self._leading, own, Alike(self._classifier.centroids))

    def leading(self) -> Ints:
        return self._leading

    def hear(self, answers: Sequence[Lesson], accepted: Sequence[Lesson], final: Ints) -> None:
        # All that was answered, not what was sure enough to be learnt: see `Judged`.
        judged = [Judged(self._scored[a.row], self._labels[final[a.row]]) for a in answers]
        given = [self._labels[i] for i in final if i >= 0]
        self._recent = self._recent.with_judged(judged).with_outputs(given)
        for lesson in accepted:
            self._learnt += 1
            name, label = f"s{self._learnt:06d}", self._labels[lesson.label]
            self._waiting.append(Example(name, label, self._x[lesson.row], gold=False))
        if len(self._waiting) < self._every:
            return
        self._classifier = self._classifier.learn(self._waiting)
        self._waiting = []
        if self._weights:
            weights = self._recent.refit(self._classifier.reference.combination)
            self._classifier = self._classifier.with_weights(weights)


class FrozenPupil:
    """What another pupil says of a stream (n, d), said once; it learns nothing."""

    def __init__(self, pupil: Pupil, x: F32, batch: int):
        parts = []
        for begin in range(0, len(x), batch):
            p = pupil.say(x[begin : begin + batch])
            parts.append((p, pupil.leading()))
        self._said = np.concatenate([p for p, _ in parts])
        self._leading = np.concatenate([leading for _, leading in parts])
        self._place = slice(0, 0)

    def say(self, x: F32) -> F64:
        self._place = slice(self._place.stop, self._place.stop + len(x))
        return self._said[self._place]

    def leading(self) -> Ints:
        return self._leading[self._place]

    def hear(self, answers: Sequence[Lesson], accepted: Sequence[Lesson], final: Ints) -> None:
        """Nothing is learnt."""


class FlatPupil:
    """Logistic regression with names; C by held-out gold, temperature refitted at every refit,
    each `every` accepted texts and by at most `steps` of the solver from the last.

    The temperature is fitted on the gold examples' held-out scores and on what was judged since,
    scored as it was before it was learnt: the same as the recipe's weights see.
    """

    def __init__(
        self, problem: Problem, fitted: Flat | None = None, every: int = REFIT, steps: int = 300
    ):
        self._flat = fitted or fit_flat(problem)
        self._every, self._steps = every, steps
        rows = Rows.of(problem)
        self._x, self._y, self._labels = [rows.x], [rows.y], problem.size
        self._logits = [self._flat.held_logits]
        self._truth = [rows.y[self._flat.held]]
        self._waiting = 0

    def say(self, x: F32) -> F64:
        self._batch, self._said = x, self._flat.softmax.logits(x)
        return tempered(self._said, self._flat.temperature).astype(np.float64)

    def leading(self) -> Ints:
        return _best(self._said)

    def hear(self, answers: Sequence[Lesson], accepted: Sequence[Lesson], final: Ints) -> None:
        rows = [lesson.row for lesson in accepted]
        self._x.append(self._batch[rows])
        self._y.append(np.asarray([lesson.label for lesson in accepted], np.intp))
        heard = [lesson.row for lesson in answers]
        self._logits.append(self._said[heard])
        self._truth.append(final[heard])
        self._waiting += len(rows)
        if self._waiting < self._every:
            return
        self._waiting = 0
        softmax = fit_softmax(
            np.concatenate(self._x),
            np.concatenate(self._y),
            self._labels,
            self._flat.c,
            start=self._flat.softmax,
            tolerance=TOLERANCE,
            limit=self._steps,
        )
        temperature = fit_temperature(np.concatenate(self._logits), np.concatenate(self._truth))
        self._flat = replace(self._flat, softmax=softmax, temperature=temperature)


class CachePupil:
    """The kNN cache of OCaTS: what is accepted is a neighbour from the next batch on."""

    def __init__(self, problem: Problem):
        self._rows, self._labels = Rows.of(problem), problem.size
        best = (-np.inf, NEIGHBOURS[0], 0.06, 1.0)
        splits = list(self._rows.folds(problem.seed, 5))
        held = [
            nearest(
                self._rows.x[out],
                replace(self._rows, x=self._rows.x[inside], y=self._rows.y[inside]),
            )
            for inside, out in splits
        ]
        truth = np.concatenate([self._rows.y[out] for _, out in splits])
        for k in NEIGHBOURS:
            for t in (0.03, 0.06, 0.12):
                said = np.concatenate([votes(one, self._labels, k, t) for one in held])
                right = float((said.argmax(axis=1) == truth).mean())
                if right > best[0]:
                    best = (right, k, t, fit_temperature(said, truth))
        _, self._k, self._t, self._temperature = best

    def say(self, x: F32) -> F64:
        self._batch = x
        self._said = votes(nearest(x, self._rows), self._labels, self._k, self._t)
        return tempered(self._said, self._temperature).astype(np.float64)

    def leading(self) -> Ints:
        return _best(self._said)

    def hear(self, answers: Sequence[Lesson], accepted: Sequence[Lesson], final: Ints) -> None:
        rows = [lesson.row for lesson in accepted]
        self._rows = Rows(
            np.concatenate([self._rows.x, self._batch[rows]]),
            np.append(self._rows.y, [lesson.label for lesson in accepted]).astype(np.intp),
            np.append(self._rows.fixed, np.zeros(len(rows), np.bool_)),
        )


def _best(scores: F32) -> Ints:
    """The labels of (n, labels) with the greatest, best first: as many as the recipe names."""
    keep = contender_count(scores.shape[1])
    return np.argsort(-scores, axis=1, kind="stable")[:, :keep]
