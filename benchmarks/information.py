"""More information, given to recipe and flat alike: letters and words, and the labels' shares.

Letters and words come as a longer vector (`models/encoder_words.py`). The recipe is fitted on it as
it is; the flat head too, and is given the lexical cosines of `benchmarks/lexical.py` besides, in a
logit over all labels with weights fitted on held-out training texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import Flat, Rows, fit_flat
from benchmarks.data import Problem
from benchmarks.lexical import Lexical
from benchmarks.logit import fit_logit, probabilities
from benchmarks.methods import recipe
from models.encoder_words import WIDTH, joined, lettered

LEVELS = ("vectors", "+ shares", "+ words", "+ words + shares")
LEXICAL_SCALE = 10.0
"""Cosines to nats, about: where the weights start matters little, that they are alike does."""

F32 = NDArray[np.float32]
Said = tuple[NDArray[np.intp], NDArray[np.floating]]
"""Of the test texts: label numbers (n,), confidence (n,)."""


def with_words(problem: Problem) -> Problem:
    """The same draw as the encoder "default+words" gives it."""

    def wide(x: F32, texts: tuple[str, ...]) -> F32:
        found = joined(x, lettered(texts, WIDTH))
        return found.astype(np.float16).astype(np.float32)

    return replace(
        problem,
        x=wide(problem.x, problem.texts),
        names=wide(problem.names, problem.name_texts),
        test_x=wide(problem.test_x, problem.test_texts),
    )


def recipe_levels(problem: Problem) -> Iterator[tuple[str, Said, float]]:
    """The recipe at every level, and the seconds of its fit."""
    natural = dict(zip(problem.labels, problem.natural.tolist(), strict=True))
    for words, given in ((False, problem), (True, with_words(problem))):
        for counts in (None, natural):
            answer = recipe(given, counts=counts)
            level = LEVELS[2 * words + (counts is not None)]
            yield level, (answer.label, answer.confidence), answer.fit_seconds


def flat_levels(problem: Problem) -> Iterator[tuple[str, Said, Flat]]:
    """The flat head at every level: a logit of its scores and what else is known."""
    ratio = problem.natural / np.bincount(problem.y, minlength=problem.size)
    for words, given in ((False, problem), (True, with_words(problem))):
        fitted = fit_flat(given)
        held, test = [_scores(fitted.held_logits)], [_scores(fitted.softmax.logits(given.test_x))]
        if words:
            held.append(LEXICAL_SCALE * _held_lexical(problem, fitted.held))
            test.append(LEXICAL_SCALE * _lexical(problem).scores(problem.test_texts))
        y = Rows.of(given).y[fitted.held]
        for shares in (False, True):
            weight = ratio[y] if shares else None
            known = np.concatenate([*held, *[_every(ratio, len(y))] * shares], axis=2)
            asked = np.concatenate([*test, *[_every(ratio, len(given.test_y))] * shares], axis=2)
            first = np.asarray([1.0] + [0.5] * (known.shape[2] - 1))
            p = probabilities(asked, fit_logit(known, y, first, weight))
            yield LEVELS[2 * words + shares], (p.argmax(axis=1), p.max(axis=1)), fitted


def _scores(logits: F32) -> F32:
    return np.asarray(logits[:, :, None] - logits.max(axis=1)[:, None, None], np.float32)


def _every(ratio: NDArray[np.floating], texts: int) -> F32:
    prior = np.log(ratio).astype(np.float32)[None, :, None]
    return np.broadcast_to(prior, (texts, len(ratio), 1))


def _lexical(problem: Problem, rows: NDArray[np.intp] | None = None) -> Lexical:
    """Of all texts and names (numbered in this order), or of some rows."""
    texts = [*problem.texts, *problem.name_texts]
    y = np.concatenate([problem.y, np.arange(problem.size)])
    kept = np.arange(len(y)) if rows is None else rows
    return Lexical([texts[i] for i in kept], y[kept], problem.size)


def _held_lexical(problem: Problem, out: NDArray[np.intp]) -> F32:
    """Lexical scores of held-out rows by the others."""
    texts = [*problem.texts, *problem.name_texts]
    inside = np.setdiff1d(np.arange(len(texts)), out)
    return _lexical(problem, inside).scores([texts[i] for i in out])
