"""The recipe taken apart: the same functions that `Classifier.fit` calls, with one of them changed.

Held-out and test scores before any weights, so that features can be left out or added, and heads or
subsets exchanged. Weights are then fitted by `benchmarks.logit`, with the arbiter asked for every
text (the classifier asks it where it is unsure).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Problem
from benchmarks.logit import fit_logit, probabilities
from models.confidence import FEATURES, Weights, log_prior
from models.fitting import Fitted, Options, Training, evidence_of, fit_blocks, folds
from models.scorer import Contest, Scorer

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

NAMES = (*FEATURES, "outside", "constant")
"""Columns of `Scores.features`; the last two are of *rest*, the option after the contenders."""

Fit = Callable[[Training, Ints, list[list[int]], Options, int], Fitted]


def training_of(problem: Problem, counts: Ints | None = None) -> Training:
    """A problem's rows as a fit has them: by label, texts and then the name."""
    y = np.concatenate([problem.y, np.arange(problem.size)])
    order = np.argsort(y, kind="stable")
    return Training(
        x=np.concatenate([problem.x, problem.names])[order],
        owner=y[order].astype(np.intp),
        fixed=order >= len(problem.y),
        ids=order.astype(np.uint64),
        counts=np.asarray(np.bincount(problem.y) if counts is None else counts, np.float64),
    )


@dataclass(frozen=True)
class Scores:
    """Of n texts: `contenders` (n, k), `features` (n, k + 1, 8), rest last, and the right option
    `truth` (n,)."""

    contenders: Ints
    features: F32
    truth: Ints


def scores_of(scorer: Scorer, x: F32, y: Ints, prior: F32) -> Scores:
    """What a scorer says of texts (n, d) whose labels are y (n,)."""
    contests = [scorer.contest(x[a : a + 256], prior) for a in range(0, len(x), 256)]
    contenders = np.concatenate([c.contenders for c in contests])
    features = np.concatenate([_features(scorer, c) for c in contests])
    hit = contenders == y[:, None]
    truth = np.where(hit.any(axis=1), hit.argmax(axis=1), hit.shape[1]).astype(np.intp)
    return Scores(contenders, features, truth)


def _features(scorer: Scorer, contest: Contest) -> F32:
    asked = scorer.arbitrated(contest, np.arange(len(contest.outside)))
    n, k, width = asked.shape
    features = np.zeros((n, k + 1, width + 2), np.float32)
    features[:, :k, :width] = asked
    features[:, k, width] = contest.outside
    features[:, k, width + 1] = 1
    return features


def held_out(
    training: Training,
    groups: list[list[int]],
    seed: int,
    *,
    options: Options | None = None,
    fit: Fit = fit_blocks,
) -> list[Scores]:
    """Fold by fold, what a model without the held-out texts says of them."""
    options = options or Options()
    prior = log_prior(training.counts)
    found = []
    for out in folds(training, options.held_out, seed):
        inside = np.setdiff1d(np.arange(len(training.x)), out)
        fitted = fit(training, inside, groups, options, seed)
        scorer = fitted.scorer(evidence_of(training, inside, fitted.metric))
        found.append(scores_of(scorer, training.x[out], training.owner[out], prior))
    return found


def whole(
    training: Training,
    groups: list[list[int]],
    seed: int,
    *,
    options: Options | None = None,
    fit: Fit = fit_blocks,
) -> Scorer:
    """The scorer of a fit on everything."""
    everything = np.arange(len(training.x))
    fitted = fit(training, everything, groups, options or Options(), seed)
    return fitted.scorer(evidence_of(training, everything, fitted.metric))


def usual() -> F64:
    """The weights a fit starts from."""
    weights = Weights.usual()
    return np.concatenate([weights.contender, weights.rest])


def settle(
    held: F32, truth: Ints, test: F32, first: F64, weight: F64 | None = None
) -> tuple[F32, F64]:
    """Probabilities (n, k + 1) of the test texts with weights fitted on the held-out ones."""
    weights = fit_logit(held, truth, first, weight)
    return probabilities(test, weights), weights
