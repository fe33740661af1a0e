"""More information, given to recipe and flat alike: lexical scores, and the labels' shares.

The recipe gets it as more features of its contenders, the flat head in a logit of the same kind
over all labels; the weights of both are fitted on held-out training texts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import Flat, Rows
from benchmarks.data import Problem
from benchmarks.lexical import Lexical
from benchmarks.logit import fit_logit, probabilities
from benchmarks.pieces import held_out_scorers, scores_of, settle, training_of, usual
from models.classifier import Classifier
from models.confidence import log_prior
from models.fitting import Options
from models.threads import one_thread

LEVELS = ("vectors", "+ shares", "+ lexical", "+ lexical + shares")
LEXICAL = {"+ lexical", "+ lexical + shares"}
SHARES = {"+ shares", "+ lexical + shares"}
LEXICAL_SCALE = 10.0
"""Cosines to nats, about: where the weights start matters little, that they are alike does."""

HELD_OUT = 3600
"""Texts that the recipe's weights are fitted on here: about as many as the flat head's are. The
classifier itself takes 1,200, which is few for ten weights and texts that stand for up to 40."""

F32 = NDArray[np.float32]
Said = tuple[NDArray[np.intp], NDArray[np.floating]]
"""Of the test texts: label numbers (n,), confidence (n,)."""


def lexical_of_test(problem: Problem) -> F32:
    """Lexical scores of the test texts, (n, labels, 2)."""
    y = np.concatenate([problem.y, np.arange(problem.size)])
    texts = [*problem.texts, *problem.name_texts]
    return Lexical(texts, y, problem.size).scores(problem.test_texts)


def _held_lexical(problem: Problem, inside: NDArray[np.intp], out: NDArray[np.intp]) -> F32:
    """Lexical scores of held-out rows (numbers: texts, then names) by the others."""
    texts = [*problem.texts, *problem.name_texts]
    y = np.concatenate([problem.y, np.arange(problem.size)])
    known = Lexical([texts[i] for i in inside], y[inside], problem.size)
    return known.scores([texts[i] for i in out])


def flat_levels(problem: Problem, fitted: Flat, lexical: F32) -> Iterator[tuple[str, Said]]:
    """The flat head at every level: a logit of its scores and what else is known."""
    rows = Rows.of(problem)
    drawn = np.bincount(problem.y, minlength=problem.size)
    ratio = problem.natural / drawn
    inside = np.setdiff1d(np.arange(len(rows.y)), fitted.held)
    held_lexical = _held_lexical(problem, inside, fitted.held)
    y = rows.y[fitted.held]
    test_logits = fitted.softmax.logits(problem.test_x)
    for level in LEVELS:
        weight = ratio[y] if level in SHARES else None
        held = _stack(fitted.held_logits, held_lexical, np.log(ratio), level)
        test = _stack(test_logits, lexical, np.log(ratio), level)
        first = np.asarray([1.0] + [0.5] * (held.shape[2] - 1))
        p = probabilities(test, fit_logit(held, y, first, weight))
        yield level, (p.argmax(axis=1), p.max(axis=1))


def _stack(logits: F32, lexical: F32, prior: NDArray[np.floating], level: str) -> F32:
    """(n, labels, f): the flat head's numbers at a level."""
    parts = [logits[:, :, None] - logits.max(axis=1)[:, None, None]]
    if level in LEXICAL:
        parts.append(LEXICAL_SCALE * lexical)
    if level in SHARES:
        parts.append(np.broadcast_to(prior.astype(np.float32)[None, :, None], parts[0].shape))
    return np.concatenate(parts, axis=2)


def recipe_levels(
    problem: Problem, classifier: Classifier, lexical: F32
) -> Iterator[tuple[str, Said]]:
    """The recipe at every level but the first, which the classifier itself answers."""
    training = training_of(problem)
    number = {label: i for i, label in enumerate(problem.labels)}
    groups = [[number[label] for label in names] for names in classifier.live.subsets]
    options = Options(held_out=HELD_OUT)
    with one_thread():
        scorers = held_out_scorers(training, groups, problem.seed, options=options)
        scorer, out, inside = next(scorers)
    # Rows of the training are by label; those of the texts and names are not.
    order = np.argsort(np.concatenate([problem.y, np.arange(problem.size)]), kind="stable")
    words = _held_lexical(problem, order[inside], order[out])
    capped, natural = log_prior(training.counts), log_prior(problem.natural.astype(np.float64))
    owner = training.owner[out]
    ratio = problem.natural / np.bincount(problem.y, minlength=problem.size)
    held = scores_of(scorer, training.x[out], owner, capped)
    live = classifier.live.scorer
    test = scores_of(live, problem.test_x, problem.test_y, capped)
    for level in LEVELS[1:]:
        prior, weight = (natural, ratio[owner]) if level in SHARES else (capped, None)
        known = _widened(held.with_prior(prior), held.contenders, words, level)
        asked = _widened(test.with_prior(prior), test.contenders, lexical, level)
        extra = [0.5] * (known.shape[2] - len(usual()))
        p, _ = settle(known, held.truth, asked, usual(extra), weight)
        best = p[:, :-1].argmax(axis=1)
        label = np.take_along_axis(test.contenders, best[:, None], axis=1)[:, 0]
        yield level, (label, p[:, :-1].max(axis=1))


def _widened(features: F32, contenders: NDArray[np.intp], lexical: F32, level: str) -> F32:
    if level not in LEXICAL:
        return features
    more = np.zeros((*features.shape[:2], 2), np.float32)
    more[:, :-1] = LEXICAL_SCALE * np.take_along_axis(lexical, contenders[:, :, None], axis=1)
    return np.concatenate([features, more], axis=2)
