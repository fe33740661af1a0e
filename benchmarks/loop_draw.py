"""Draws for a loop: gold examples, and a stream of training texts on which nothing is tuned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import BadData, Problem, TextSet, Vectors, chosen_rows, draw

Ints = NDArray[np.intp]

TUNED_ON = 0.2
"""Share of the training texts that no stream has: rules are tuned on those."""

_TUNING_SEED = 4321
AT_LEAST = 5
MANY_LABELS = 500


@dataclass(frozen=True)
class Drawn:
    """`problem` has the gold examples; `x` (n, d) and `gold` (n,) are the stream in order."""

    problem: Problem
    x: NDArray[np.float32]
    gold: Ints


def tuning_rows(texts: TextSet) -> Ints:
    """Training rows that no stream has, the same in every draw."""
    order = np.random.default_rng(_TUNING_SEED).permutation(len(texts.train))
    return np.sort(order[: int(TUNED_ON * len(order))])


def drawn(texts: TextSet, vectors: Vectors, per_label: int, most: int, seed: int) -> Drawn:
    """Gold examples and a stream of at most `most` texts.

    Where every label has texts to spare, gold is drawn first and the stream from the rest. With
    many labels most have fewer than `per_label`: the rest would hold a quarter of the labels, so
    the stream is drawn first, as the labels come, and gold from what it leaves (`AT_LEAST` texts
    a label in all). Raises `BadData` where nothing is left to stream.
    """
    everything = np.arange(len(texts.train))
    labels = np.flatnonzero(texts.natural >= min(AT_LEAST, int(texts.natural.max())))
    streamable = np.setdiff1d(everything, tuning_rows(texts))
    streamable = streamable[np.isin(texts.train_y[streamable], labels)]
    rng = np.random.default_rng([seed, 19])
    if len(texts.labels) >= MANY_LABELS:
        stream = rng.permutation(streamable)[:most]
        gold = np.setdiff1d(everything, stream)
    else:
        gold = chosen_rows(texts.train_y, labels, per_label, seed)
        stream = rng.permutation(np.setdiff1d(streamable, gold))[:most]
    if not len(stream):
        raise BadData(f"{texts.name} has no text left to stream beside {per_label} of every label")
    left = replace(texts, train=tuple(texts.train[i] for i in gold), train_y=texts.train_y[gold])
    known = replace(vectors, train=vectors.train[gold])
    problem = draw(left, known, per_label, seed, only=labels)
    number = np.full(len(texts.labels), -1, np.intp)
    place = {label: i for i, label in enumerate(texts.labels)}
    number[[place[label] for label in problem.labels]] = np.arange(problem.size)
    of = number[texts.train_y[stream]]
    return Drawn(problem, vectors.train[stream[of >= 0]], of[of >= 0])
