"""The baselines are as good as they are anywhere else."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks.baselines import Rows, fit_flat, fit_temperature, tempered
from benchmarks.data import Problem
from benchmarks.methods import METHODS
from benchmarks.softmax import fit_softmax
from models.metric import normed

LABELS = 6


@pytest.fixture
def problem() -> Problem:
    rng = np.random.default_rng(0)
    middle = normed(rng.normal(size=(LABELS, 16)).astype(np.float32))

    def around(y: np.ndarray) -> np.ndarray:
        return normed(middle[y] + 0.25 * rng.normal(size=(len(y), 16)).astype(np.float32))

    y, test_y = np.repeat(np.arange(LABELS), 12), np.repeat(np.arange(LABELS), 20)
    names = tuple(f"label {i}" for i in range(LABELS))
    return Problem(
        seed=0,
        labels=names,
        x=around(y),
        y=y,
        texts=tuple(f"text {i}" for i in range(len(y))),
        names=middle,
        name_texts=names,
        natural=np.full(LABELS, 12),
        test_x=around(test_y),
        test_y=test_y,
        test_texts=tuple(f"asked {i}" for i in range(len(test_y))),
    )


@pytest.mark.parametrize("c", [0.3, 10.0, 100.0])
def test_softmax_is_scikit_learns_logistic_regression(problem: Problem, c: float):
    ours = fit_softmax(problem.x, problem.y, LABELS, c, tolerance=1e-7, limit=2000)
    theirs = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(
        problem.x.astype(np.float64), problem.y
    )
    p = tempered(ours.logits(problem.test_x), 1)
    assert p == pytest.approx(theirs.predict_proba(problem.test_x), abs=2e-3)


def test_softmax_is_scikit_learns_with_weights_too(problem: Problem):
    weight = np.random.default_rng(1).uniform(0.2, 3, size=len(problem.y))
    ours = fit_softmax(problem.x, problem.y, LABELS, 3, weight=weight, tolerance=1e-7, limit=2000)
    theirs = LogisticRegression(C=3, tol=1e-8, max_iter=5000)
    theirs.fit(problem.x.astype(np.float64), problem.y, sample_weight=weight)
    p = tempered(ours.logits(problem.test_x), 1)
    assert p == pytest.approx(theirs.predict_proba(problem.test_x), abs=2e-3)


def test_a_warm_start_ends_where_a_cold_one_does(problem: Problem):
    settings = {"tolerance": 1e-7, "limit": 2000}
    start = fit_softmax(problem.x, problem.y, LABELS, 1, **settings)
    warm = fit_softmax(problem.x, problem.y, LABELS, 30, start=start, **settings)
    cold = fit_softmax(problem.x, problem.y, LABELS, 30, **settings)
    p = tempered(warm.logits(problem.test_x), 1)
    assert p == pytest.approx(tempered(cold.logits(problem.test_x), 1), abs=2e-3)


def test_names_are_never_held_out_and_every_text_once(problem: Problem):
    rows = Rows.of(problem)
    folds = list(rows.folds(0, 5))
    held = np.sort(np.concatenate([out for _, out in folds]))
    assert held.tolist() == list(range(len(problem.y)))
    for inside, out in folds:
        assert not set(inside) & set(out)
        assert set(np.flatnonzero(rows.fixed)) <= set(inside)


def test_the_temperature_undoes_a_scale(problem: Problem):
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(4000, 5)).astype(np.float32)
    p = tempered(logits, 1)
    y = np.asarray([rng.choice(5, p=row / row.sum()) for row in p.astype(np.float64)])
    assert fit_temperature(3 * logits, y) == pytest.approx(3, rel=0.1)


def test_flat_says_what_it_chose_and_is_repeatable(problem: Problem):
    one, other = fit_flat(problem), fit_flat(problem)
    assert f"{one.c:g}" in one.loss_by_c
    assert one.c == other.c
    assert np.array_equal(one.softmax.weights, other.softmax.weights)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_does_well_where_it_is_easy(problem: Problem, method: str):
    answer = METHODS[method](problem)
    assert (answer.label == problem.test_y).mean() > 0.9
    assert answer.confidence.shape == problem.test_y.shape
