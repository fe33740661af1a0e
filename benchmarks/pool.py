"""Training texts that a classifier was not fitted on, streamed past it: never the test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import BadData, TextSet, Vectors, chosen_rows, draw
from benchmarks.methods import fit_recipe, numbered, predict
from judge.similar import similar_labels
from judge.simulated import SimulatedJudge

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Pool:
    """The texts that are streamed, (n,) each, as a frozen classifier sees them.

    `seed_thresholds` are those cross-validated on the classifier's own examples, by target.
    """

    confidence: NDArray[np.float64]
    label: tuple[str, ...]
    gold: tuple[str, ...]
    right: Bools
    seed_thresholds: dict[float, float]
    labels: tuple[str, ...]
    similar: dict[str, tuple[str, ...]]

    def emitted(self, threshold: float) -> tuple[float, float]:
        """Share of all texts from a threshold on, and how many of them are right."""
        sure = self.confidence >= threshold
        return float(sure.mean()), float(self.right[sure].mean()) if sure.any() else 1.0

    def agreed(self, error: float, seed: int) -> Bools:
        """Where a judge that errs by label pair agrees, (n,)."""
        if not error:
            return self.right
        gold = {str(i): label for i, label in enumerate(self.gold)}
        judge = SimulatedJudge(gold, self.labels, self.similar, error=error, seed=seed)
        believed = (judge.believed(str(i)) for i in range(len(self.gold)))
        return np.asarray([b == said for b, said in zip(believed, self.label, strict=True)])


def make_pool(
    texts: TextSet, vectors: Vectors, per_label: int, seed: int, targets: Sequence[float]
) -> Pool:
    """Fit on a draw, and predict the training texts that are left. Raises `BadData`."""
    problem = draw(texts, vectors, per_label, seed)
    fitted = chosen_rows(texts.train_y, np.arange(len(texts.labels)), per_label, seed)
    rest = np.setdiff1d(np.arange(len(texts.train)), fitted)
    if not len(rest):
        raise BadData(f"{texts.name} has no text left to stream beside {per_label} of every label")
    # They differ in the threshold alone.
    classifiers = {target: fit_recipe(problem, target=target) for target in targets}
    said = predict(classifiers[targets[0]], vectors.train[rest])
    gold = texts.train_y[rest]
    names = [problem.labels[y] for y in problem.y]
    return Pool(
        confidence=np.asarray([p.confidence for p in said]),
        label=tuple(p.label for p in said),
        gold=tuple(texts.labels[y] for y in gold),
        right=numbered(problem, said) == gold,
        seed_thresholds={target: c.threshold for target, c in classifiers.items()},
        labels=problem.labels,
        similar=similar_labels(names, problem.x),
    )
