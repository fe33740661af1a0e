"""A stream in which labels pass their texts on at a moment, and a judge that errs by label pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Problem
from judge.similar import similar_labels
from judge.simulated import SimulatedJudge

LENGTH, AT = 18_000, 10_000
SWAPPED = 20
ERROR = 0.1

F32 = NDArray[np.float32]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Stream:
    """Texts (n, d), their labels (n,), what the judge believes (n,), and luck for audits (n,)."""

    problem: Problem
    x: F32
    gold: Ints
    believed: Ints
    luck: NDArray[np.float64]
    moved: frozenset[int]


def streamed(problem: Problem, x: F32, y: Ints, seed: int) -> Stream:
    """Draw a stream that changes, and what a judge that errs by label pair holds of it."""
    rng = np.random.default_rng([seed, 31])
    rows = rng.choice(len(x), LENGTH)
    ring = rng.permutation(problem.size)[:SWAPPED]
    now = np.arange(problem.size)
    now[ring] = np.roll(ring, -1)
    gold = y[rows].copy()
    gold[AT:] = now[gold[AT:]]
    judge = SimulatedJudge(
        {str(i): problem.labels[label] for i, label in enumerate(gold)},
        problem.labels,
        similar_labels([problem.labels[i] for i in problem.y], problem.x),
        error=ERROR,
        seed=seed,
    )
    number = {label: i for i, label in enumerate(problem.labels)}
    believed = np.asarray([number[str(judge.believed(str(i)))] for i in range(LENGTH)], np.intp)
    return Stream(problem, x[rows], gold, believed, rng.random(LENGTH), frozenset(ring.tolist()))
