"""Classifiers in a stream that changes at once: what they are taught, and what they can forget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import TOLERANCE, Flat, Rows, fit_temperature, tempered
from benchmarks.data import Problem
from benchmarks.softmax import fit_softmax
from models.classifier import Classifier, Example
from models.confidence import threshold_for
from streams.ageing import ENOUGH, named, outlived

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Lesson:
    """A text that the judge labelled: its place in the stream, its vector, a label number."""

    place: int
    x: F32
    label: int


class Learner(Protocol):
    """`threshold`: the confidence from which on its labels go out unasked."""

    threshold: float

    def say(self, x: F32) -> tuple[Ints, F64]:
        """Labels (n,) and confidences (n,) of texts (n, d)."""
        ...

    def learn(self, lessons: Sequence[Lesson], place: int) -> None:
        """What was accepted in the batch that ends at `place`."""
        ...

    def forget(self, labels: Collection[int], since: int) -> None:
        """These labels mean something else since that place."""
        ...


class RecipeLearner:
    """The classifier of this project; with `learns` False as it was fitted."""

    def __init__(self, fitted: Classifier, labels: Sequence[str], *, learns: bool = True):
        self._classifier = fitted
        self._labels = labels
        self._number = {label: i for i, label in enumerate(labels)}
        self._learns = learns
        self._ageing: dict[str, int] = {}
        self.threshold = fitted.threshold

    def say(self, x: F32) -> tuple[Ints, F64]:
        said = self._classifier.predict(x)
        return (
            np.asarray([self._number[one.label] for one in said], np.intp),
            np.asarray([one.confidence for one in said]),
        )

    def learn(self, lessons: Sequence[Lesson], place: int) -> None:
        if not self._learns or not lessons:
            return
        self._classifier = self._classifier.learn(
            [
                # The examples of the fit are of place 0.
                Example(f"s{one.place}", self._labels[one.label], one.x, False, 1 + one.place)
                for one in lessons
            ]
        )
        gone, self._ageing = outlived(self._classifier, self._ageing)
        if gone:
            self._classifier = self._classifier.unlearn(gone)

    def forget(self, labels: Collection[int], since: int) -> None:
        self._ageing = named(self._ageing, [self._labels[i] for i in labels], 1 + since)


class FlatLearner:
    """Logistic regression with names, refitted on all it has each `every` texts of the stream.

    C by held-out examples at the start. It forgets by the same rule as the recipe.
    """

    def __init__(self, problem: Problem, fitted: Flat, every: int):
        rows = Rows.of(problem)
        held = tempered(fitted.held_logits, fitted.temperature).astype(np.float64)
        right = held.argmax(axis=1) == rows.y[fitted.held]
        self.threshold = threshold_for(held.max(axis=1), right, 0.95)
        self._flat, self._every, self._size = fitted, every, problem.size
        self._x, self._y = rows.x, rows.y
        self._place = np.full(len(rows.y), -1)
        self._logits, self._truth = [fitted.held_logits], [rows.y[fitted.held]]
        self._ageing: dict[int, int] = {}

    def say(self, x: F32) -> tuple[Ints, F64]:
        p = tempered(self._flat.softmax.logits(x), self._flat.temperature).astype(np.float64)
        return p.argmax(axis=1).astype(np.intp), p.max(axis=1)

    def learn(self, lessons: Sequence[Lesson], place: int) -> None:
        if lessons:
            x = np.stack([one.x for one in lessons])
            y = np.asarray([one.label for one in lessons], np.intp)
            self._logits.append(self._flat.softmax.logits(x))
            self._truth.append(y)
            self._x, self._y = np.concatenate([self._x, x]), np.append(self._y, y)
            self._place = np.append(self._place, [one.place for one in lessons])
        if place % self._every == 0:
            self._refit()

    def forget(self, labels: Collection[int], since: int) -> None:
        self._ageing |= dict.fromkeys(labels, since)

    def _refit(self) -> None:
        for label, since in self._ageing.items():
            own = self._y == label
            if (own & (self._place >= since)).sum() >= ENOUGH:
                keep = ~own | (self._place >= since)
                self._x, self._y, self._place = self._x[keep], self._y[keep], self._place[keep]
        softmax = fit_softmax(
            self._x,
            self._y,
            self._size,
            self._flat.c,
            start=self._flat.softmax,
            tolerance=TOLERANCE,
        )
        temperature = fit_temperature(np.concatenate(self._logits), np.concatenate(self._truth))
        self._flat = replace(self._flat, softmax=softmax, temperature=temperature)
