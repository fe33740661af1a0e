"""Labels made up from real vectors, as many as are asked for.

A label is a real vector as its middle, and examples around it, spread as texts of one label are
spread around their mean: so the numbers that cost time (labels, examples, dimensions) can be set,
while the vectors keep the shape of an encoder's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Problem, TextSet, Vectors
from models.metric import normed

F32 = NDArray[np.float32]

TESTS = 4096


def synthetic(
    texts: TextSet, vectors: Vectors, labels: int, per_label: int, *, seed: int, tests: int = TESTS
) -> Problem:
    """A problem of `labels` labels with `per_label` examples each, from any set's vectors."""
    rng = np.random.default_rng([seed, labels, per_label])
    middle = _middles(vectors.train, labels, rng)
    spread = _spread(texts, vectors)
    number = [f"label-{i:05d}" for i in range(labels)]
    y = np.repeat(np.arange(labels), per_label)
    test_y = rng.integers(labels, size=tests)
    names = _around(middle, spread, rng)
    return Problem(
        seed=seed,
        labels=tuple(number),
        x=_around(middle[y], spread, rng),
        y=y.astype(np.intp),
        texts=("",) * len(y),
        names=names,
        name_texts=tuple(number),
        natural=np.full(labels, per_label, np.intp),
        test_x=_around(middle[test_y], spread, rng),
        test_y=test_y.astype(np.intp),
        test_texts=("",) * tests,
    )


def _middles(x: F32, labels: int, rng: np.random.Generator) -> F32:
    """Real vectors; where there are too few, some are midway between two real ones."""
    if labels <= len(x):
        return x[rng.choice(len(x), size=labels, replace=False)]
    one, other = rng.integers(len(x), size=(2, labels - len(x)))
    return np.concatenate([x, normed(x[one] + x[other])])


def _spread(texts: TextSet, vectors: Vectors) -> F32:
    """(d, d) that turns white noise into the spread of a label's texts about their mean."""
    y = texts.train_y
    count = np.bincount(y)
    means = np.zeros((len(count), vectors.train.shape[1]))
    np.add.at(means, y, vectors.train)
    means /= np.maximum(count, 1)[:, None]
    inner = (vectors.train - means[y])[count[y] > 1]
    freedom = max(1, len(inner) - int((count > 1).sum()))
    values, axes = np.linalg.eigh(inner.T @ inner / freedom)
    return np.asarray((axes * np.sqrt(np.maximum(values, 0))) @ axes.T, np.float32)


def _around(middle: F32, spread: F32, rng: np.random.Generator) -> F32:
    noise = rng.standard_normal(middle.shape, dtype=np.float32) @ spread
    return normed(middle + noise).astype(np.float16).astype(np.float32)
