"""Classifiers that follow a stream of years: new labels by command, answers of a judge that errs.

All are treated alike: they predict a batch, hear what the judge said of some of it, and are told
when a quarter ends. A label is a number; those not commanded yet are known to none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier, Example, LabelInfo
from models.online import Judged, Recent, fit_due

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

LEARN = 25
"""Accepted texts after which the recipe learns."""


@dataclass(frozen=True)
class Heard:
    """What the judge said of a row of the last batch: a label, or -1 for none of those known.

    `inclusion` is the probability with which the text came to be judged.
    """

    row: int
    label: int
    inclusion: float


class Follower(Protocol):
    """Starts from gold examples; `say`, then `hear` about that very batch."""

    def say(self, x: F32) -> tuple[Ints, F64]:
        """Labels (n,) and confidences (n,) of texts (n, d)."""
        ...

    def hear(self, answers: Sequence[Heard], final: Ints) -> None:
        """The judge's answers, and the labels given out (n,), -1 where there was none."""
        ...

    def add(self, label: int, x: F32) -> None:
        """A new label by command, with a few examples (m, d)."""
        ...

    def turn(self, number: int) -> None:
        """A quarter begins; `number` counts them since year 0."""
        ...


def fit(examples: Sequence[Example], labels: Sequence[str], seed: int) -> Classifier:
    """The recipe; a label's number is no name, so none is embedded."""
    infos = [_info(label) for label in labels]
    return Classifier.fit(examples, infos, encoder="benchmark", seed=seed)


def _info(label: str) -> LabelInfo:
    return LabelInfo(label, label)


class RecipeFollower:
    """The recipe; `weights` and `shares`: refitted on what was judged, and given out, lately.

    `fits`: fitted in full whenever that is due. With `learns` False it stays as it was at the
    start, when it had been fitted on `examples`.
    """

    def __init__(
        self,
        start: Classifier,
        examples: Sequence[Example],
        labels: Sequence[str],
        *,
        weights: bool = True,
        shares: bool = True,
        fits: bool = True,
        learns: bool = True,
    ):
        self.classifier = start
        self._labels = labels
        self._number = {label: i for i, label in enumerate(labels)}
        self._weights, self._shares, self._fits = weights, shares, fits
        self._learns = learns
        self._recent = Recent()
        self._examples = list(examples)
        self._fitted, self._learnt, self._met = len(examples), len(examples), 0

    def serving(self) -> Classifier:
        """What predicts."""
        return self.classifier

    def say(self, x: F32) -> tuple[Ints, F64]:
        serving = self.serving()
        counts = self._recent.counts(serving.reference.counts) if self._shares else None
        self._x = x
        said, self._scored = serving.scored(x, counts)
        label = np.asarray([self._number[one.label] for one in said], np.intp)
        return label, np.asarray([one.confidence for one in said])

    def hear(self, answers: Sequence[Heard], final: Ints) -> None:
        if not self._learns:
            return
        judged = [
            Judged(self._scored[a.row], self._name(a.label), inclusion=a.inclusion) for a in answers
        ]
        given = [self._labels[i] for i in final if i >= 0]
        self._recent = self._recent.with_judged(judged).with_outputs(given)
        for a in answers:
            if a.label >= 0:
                self._example(a.label, self._x[a.row], gold=False)
        if len(self._examples) - self._learnt < LEARN:
            return
        if self._fits and fit_due(self._fitted, len(self._examples)):
            seed = self.classifier.reference.settings.seed
            self.classifier = fit(self._examples, self.classifier.labels, seed)
            self._fitted = len(self._examples)
        else:
            self.classifier = self.classifier.learn(self._examples[self._learnt :])
        self._learnt = len(self._examples)
        if self._weights:
            fitted = self.classifier.reference.combination
            self.classifier = self.classifier.with_weights(self._recent.refit(fitted))

    def add(self, label: int, x: F32) -> None:
        if self._learns:
            few = [self._example(label, one, gold=True) for one in x]
            self.classifier = self.classifier.add_label(_info(self._labels[label]), few)

    def turn(self, number: int) -> None:
        pass

    def _name(self, label: int) -> str | None:
        return self._labels[label] if label >= 0 else None

    def _example(self, label: int, x: F32, *, gold: bool) -> Example:
        self._met += 1
        name = self._labels[label]
        made = Example(f"s{self._met:06d}", name, x, gold=gold, arrival=self._met)
        self._examples.append(made)
        return made
