"""The recipe and the published R.E.D., asked the way the baselines are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import Answer, Rows, centroid, flat, neighbours
from benchmarks.data import Problem
from models.classifier import Classifier, Example, LabelInfo, Options
from models.prediction import Prediction
from models.published import Published

F32 = NDArray[np.float32]

BATCH = 256
"""Texts predicted at a time, as a stage does."""

PUBLISHED_C = (5.0, 15.0, 50.0, 150.0)


def examples_of(problem: Problem) -> list[Example]:
    """The drawn examples as the classifier takes them."""
    return [
        Example(f"t{i:06d}", problem.labels[y], problem.x[i], gold=True)
        for i, y in enumerate(problem.y)
    ]


def infos_of(problem: Problem) -> list[LabelInfo]:
    """Labels and their names."""
    return [
        LabelInfo(label, name, embedding=problem.names[i])
        for i, (label, name) in enumerate(zip(problem.labels, problem.name_texts, strict=True))
    ]


def fit_recipe(
    problem: Problem,
    *,
    options: Options | None = None,
    counts: Mapping[str, int] | None = None,
    progress: Callable[[str, float], None] | None = None,
    target: float = 0.95,
) -> Classifier:
    """The classifier of this project, fitted on a draw."""
    return Classifier.fit(
        examples_of(problem),
        infos_of(problem),
        encoder="benchmark",
        seed=problem.seed,
        target=target,
        options=options,
        counts=counts,
        progress=progress,
    )


def predict(
    classifier: Classifier, x: F32, counts: Mapping[str, int] | None = None
) -> list[Prediction]:
    """Batch by batch."""
    said: list[Prediction] = []
    for begin in range(0, len(x), BATCH):
        said += classifier.predict(x[begin : begin + BATCH], counts)
    return said


def numbered(problem: Problem, said: list[Prediction]) -> NDArray[np.intp]:
    """The numbers of the labels that were said."""
    number = {label: i for i, label in enumerate(problem.labels)}
    return np.asarray([number[p.label] for p in said], np.intp)


def recipe(problem: Problem, *, counts: Mapping[str, int] | None = None) -> Answer:
    """The classifier of this project."""
    started = time.perf_counter()
    classifier = fit_recipe(problem, counts=counts)
    fit_seconds = time.perf_counter() - started
    started = time.perf_counter()
    said = predict(classifier, problem.test_x)
    spent = time.perf_counter() - started
    confidence = np.asarray([p.confidence for p in said])
    weights = classifier.reference.full
    chosen = {
        "weights": [round(float(w), 3) for w in weights.contender],
        "rest": [round(float(w), 3) for w in weights.rest],
    }
    return Answer(numbered(problem, said), confidence, fit_seconds, spent, chosen)


def published(problem: Problem) -> Answer:
    """R.E.D. as published; C by held-out accuracy, its subsets by UMAP."""
    started = time.perf_counter()
    rows = Rows.of(problem)
    inside, out = next(rows.folds(problem.seed, 1))
    scores = {}
    for c in PUBLISHED_C:
        tried = Published.fit(
            rows.x[inside], rows.y[inside], problem.size, c=c, grouping="pca", seed=problem.seed
        )
        scores[c] = float((tried.predict(rows.x[out]).label == rows.y[out]).mean())
    best = max(scores, key=lambda c: scores[c])
    fitted = Published.fit(rows.x, rows.y, problem.size, c=best, seed=problem.seed)
    fit_seconds = time.perf_counter() - started
    started = time.perf_counter()
    said = fitted.predict(problem.test_x)
    spent = time.perf_counter() - started
    chosen = {"C": best, "share_of_heads_that_say_noise": round(float(said.noise.mean()), 4)}
    return Answer(said.label, said.probability, fit_seconds, spent, chosen)


METHODS: dict[str, Callable[[Problem], Answer]] = {
    "recipe": recipe,
    "flat": flat,
    "neighbours": neighbours,
    "centroid": centroid,
    "published": published,
}
"""Every method of the accuracy tables, the recipe first."""

TITLES = {
    "recipe": "recipe",
    "flat": "flat",
    "neighbours": "kNN",
    "centroid": "centroid",
    "published": "published R.E.D.",
}
