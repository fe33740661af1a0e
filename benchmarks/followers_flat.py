"""What anyone could let follow a stream of years: a flat softmax, refitted or step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import TOLERANCE, Flat, fit_temperature, log_loss, tempered
from benchmarks.data import Problem
from benchmarks.followers import Heard, RecipeFollower
from benchmarks.softmax import Softmax, fit_softmax
from models.classifier import Classifier, Example
from models.heads import Head
from models.online import JUDGED
from models.scorer import TAKEN_OUT

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

C_TRIED = (3.0, 10.0, 30.0, 100.0)
"""Inverse regularisations that are tried."""

STEPS, STEPS_TO_CHOOSE = 100, 40
"""L-BFGS steps at the most, each refit starting where the last one ended."""

NEWEST = 5
"""C is chosen once a year, by how a model of the rest does on the newest fifth of what there is."""

ABSENT = -1e4
"""The flat score of a label that it does not know yet."""

LEAST = -14.0
"""The least log probability that counts: one in a million."""

RATES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Learning rates of incremental softmax that are run side by side."""

PASSES = 10
"""How often incremental softmax goes over the examples that it starts with."""


class FlatFollower:
    """Logistic regression, refitted each quarter on all that it was given; C by the past alone.

    `known` (labels at the start,) are the numbers, of `labels` in all, of the problem's labels.
    """

    def __init__(self, problem: Problem, first: Flat, known: Ints, labels: int):
        self._known, self._labels = known, labels
        self._softmax, self._temperature = first.softmax, first.temperature
        self._x, self._y = problem.x, known[problem.y]
        self._logits = list(self._wide(first.held_logits))
        self._truth: list[int] = self._y[first.held].tolist()
        self.chosen = [first.c]
        self._sizes = np.bincount(self._y, minlength=labels)

    def heads(self) -> tuple[Ints, Softmax, Ints]:
        """Known labels (k,), their rows of weights, and how many texts each was fitted on (k,)."""
        return self._known, self._softmax, self._sizes[self._known]

    def say(self, x: F32) -> tuple[Ints, F64]:
        self._batch, self._said = x, self._wide(self._softmax.logits(x))
        p = tempered(self._said, self._temperature)
        return p.argmax(axis=1), p.max(axis=1).astype(np.float64)

    def hear(self, answers: Sequence[Heard], final: Ints) -> None:
        heard = [a for a in answers if a.label >= 0]
        self._more(self._batch[[a.row for a in heard]], [a.label for a in heard])
        for a in heard:
            if self._said[a.row, a.label] > ABSENT:
                self._logits.append(self._said[a.row])
                self._truth.append(a.label)

    def add(self, label: int, x: F32) -> None:
        self._more(x, [label] * len(x))

    def turn(self, number: int) -> None:
        if number % 4 == 0:
            self._choose()
        self._logits, self._truth = self._logits[-JUDGED:], self._truth[-JUDGED:]
        self._temperature = fit_temperature(np.stack(self._logits), np.asarray(self._truth))
        self._known, self._softmax = self._fit(len(self._y), self.chosen[-1])
        self._sizes = np.bincount(self._y, minlength=self._labels)

    def _wide(self, logits: F32) -> F32:
        """(n, labels) from (n, known)."""
        wide = np.full((len(logits), self._labels), ABSENT, np.float32)
        wide[:, self._known] = logits
        return wide

    def _more(self, x: F32, y: Sequence[int]) -> None:
        self._x = np.concatenate([self._x, x])
        self._y = np.append(self._y, np.asarray(y, np.intp))

    def _fit(self, rows: int, c: float, steps: int = STEPS) -> tuple[Ints, Softmax]:
        """On the oldest rows, from where the model in service is."""
        known, y = np.unique(self._y[:rows], return_inverse=True)
        weights = np.zeros((len(known), self._x.shape[1]), np.float32)
        bias = np.zeros(len(known), np.float32)
        old, kept = np.isin(self._known, known), np.isin(known, self._known)
        weights[kept], bias[kept] = self._softmax.weights[old], self._softmax.bias[old]
        start = Softmax(weights, bias, 0)
        x = self._x[:rows]
        return known, fit_softmax(
            x, y.ravel(), len(known), c, start=start, tolerance=TOLERANCE, limit=steps
        )

    def _choose(self) -> None:
        cut = len(self._y) - len(self._y) // NEWEST
        losses = {}
        for c in C_TRIED:
            known, found = self._fit(cut, c, STEPS_TO_CHOOSE)
            rows = np.flatnonzero(np.isin(self._y, known))
            rows = rows[rows >= cut]
            if not len(rows):
                return
            logits, truth = found.logits(self._x[rows]), np.searchsorted(known, self._y[rows])
            losses[c] = log_loss(logits, truth, fit_temperature(logits, truth))
        self.chosen.append(min(losses, key=lambda c: losses[c]))


class LayeredFollower(RecipeFollower):
    """The same flat head under the recipe's combination layer, in the place of the heads."""

    def __init__(
        self,
        start: Classifier,
        examples: Sequence[Example],
        labels: Sequence[str],
        flat: FlatFollower,
    ):
        super().__init__(start, examples, labels)
        self._flat = flat
        self._served: tuple[Classifier, Ints, Classifier] | None = None

    def serving(self) -> Classifier:
        known, softmax, sizes = self._flat.heads()
        if self._served is not None:
            of, then, served = self._served
            if of is self.classifier and then is known:
                return served
        place = {self._labels[label]: row for row, label in enumerate(known)}
        live = self.classifier.live
        heads = []
        for head in live.heads:
            weights, bias = head.weights.copy(), head.bias.copy()
            for i, label in enumerate(head.labels):
                # What is new since the quarter began keeps the row that it has in the recipe.
                if (row := place.get(label)) is not None:
                    weights[i], bias[i] = softmax.weights[row], softmax.bias[row]
                    # The layer takes out log of the exemplars; this head has seen other numbers.
                    counted = live.evidence[label]
                    own = np.log(max(1, counted.count + counted.beyond))
                    bias[i] += TAKEN_OUT * (own - np.log(sizes[row]))
            heads.append(Head(head.labels, weights, bias))
        served = Classifier(replace(live, heads=tuple(heads)))
        self._served = self.classifier, known, served
        return served

    def hear(self, answers: Sequence[Heard], final: Ints) -> None:
        super().hear(answers, final)
        self._flat.hear(answers, final)

    def say(self, x: F32) -> tuple[Ints, F64]:
        self._flat.say(x)  # its own temperature and C are chosen by what it said
        return super().say(x)

    def add(self, label: int, x: F32) -> None:
        super().add(label, x)
        self._flat.add(label, x)

    def turn(self, number: int) -> None:
        self._flat.turn(number)


class IncrementalFollower:
    """Softmax regression by one step of gradient descent for each text, as river has it.

    The arithmetic of `river.linear_model.SoftmaxRegression` with `optim.SGD` and a constant as one
    more feature, on arrays: river's takes dicts, and many times as long. RATES run side by side; in
    service is the one with the least log loss on the last JUDGED texts before they were learnt.
    """

    def __init__(self, x: F32, y: Ints, labels: int, seed: int):
        self._weights = np.zeros((len(RATES), labels, x.shape[1] + 1))
        self._known = np.zeros(labels, np.bool_)
        self._losses: list[F64] = []
        rng = np.random.default_rng([seed, 23])
        for _ in range(PASSES):
            for i in rng.permutation(len(y)):
                self._step(x[i], int(y[i]))

    def _scores(self, x: F32) -> F64:
        """(rates, n, labels) of texts (n, d): log probabilities."""
        wide = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        scores = np.einsum("nd,rld->rnl", wide, self._weights, optimize=True)
        scores[:, :, ~self._known] = -np.inf
        top = scores.max(axis=2, keepdims=True)
        return np.asarray(scores - top - np.log(np.exp(scores - top).sum(axis=2, keepdims=True)))

    def _step(self, x: F32, y: int) -> None:
        # As there, a label met for the first time has no part in what is said of its own text.
        said = np.zeros((len(RATES), len(self._known)))
        if self._known.any():
            said = np.exp(self._scores(x[None])[:, 0])
        said[:, y] -= 1
        self._known[y] = True
        wide = np.append(x, 1.0)
        self._weights -= (np.asarray(RATES)[:, None] * said)[:, :, None] * wide

    def say(self, x: F32) -> tuple[Ints, F64]:
        self._batch = x
        scores = self._scores(x)[self.best()]
        return scores.argmax(axis=1), np.exp(scores.max(axis=1))

    def best(self) -> int:
        return int(np.sum(self._losses[-JUDGED:], axis=0).argmin()) if self._losses else 2

    def hear(self, answers: Sequence[Heard], final: Ints) -> None:
        for a in answers:
            if a.label >= 0:
                if self._known[a.label]:
                    said = self._scores(self._batch[a.row : a.row + 1])[:, 0, a.label]
                    self._losses.append(-np.maximum(said, LEAST))
                self._step(self._batch[a.row], a.label)

    def add(self, label: int, x: F32) -> None:
        for one in x:
            self._step(one, label)

    def turn(self, number: int) -> None:
        pass
