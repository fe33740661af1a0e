"""Exemplars, subsets, heads, metric, evidence, arbiter, weights, unknown, the published method."""

from __future__ import annotations

import numpy as np
import pytest

from models.arbiter import fuse, ridge, shortlist
from models.confidence import (
    UNREACHABLE,
    Weights,
    fit_weights,
    least_texts,
    log_prior,
    softmax,
    threshold_for,
)
from models.evidence import NOTHING, Evidence, kernel_evidence
from models.exemplars import ACTIVE, GOLD, RESERVE, Example, Shelf
from models.heads import Rows, fit_heads, logsumexp, solve
from models.metric import fit_metric, normed
from models.published import Published
from models.subsets import place, split
from tests.unit.models.make import DIMENSION, centres, texts


def rows_of(labels: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([texts(label, each, labels=labels) for label in range(labels)])
    return x, np.repeat(np.arange(labels), each)


def shelf(count: int, gold: int = 0) -> Shelf:
    rows = texts(0, count)
    return Shelf.of(
        [Example(f"{i:04d}", "a", row, i < gold, arrival=i) for i, row in enumerate(rows)], 16
    )


def test_a_shelf_keeps_the_oldest_gold_and_the_most_recent() -> None:
    full = shelf(200, gold=30)
    used = [full.ids[i] for i in full.active]
    assert len(used) == ACTIVE
    assert len(full) == ACTIVE + RESERVE
    assert used[:GOLD] == [f"{i:04d}" for i in range(GOLD)]
    assert used[GOLD:] == [f"{i:04d}" for i in range(200 - ACTIVE + GOLD, 200)]


def test_a_shelf_gives_back_what_a_revoked_text_pushed_out() -> None:
    full = shelf(100)
    more = full.add(Example("x", "a", texts(0, 1)[0], False))
    assert more.blob.digests != full.blob.digests
    assert more.remove(["x"]).blob.digests == full.blob.digests


@pytest.mark.parametrize("labels", [1, 2, 3, 7, 26, 60])
@pytest.mark.parametrize("grouping", ["pca", "raw", "random"])
def test_every_label_is_in_one_subset_of_bounded_size(labels: int, grouping: str) -> None:
    groups = split(centres(labels), 7, grouping=grouping, seed=1)  # type: ignore[arg-type]
    assert sorted(label for group in groups for label in group) == list(range(labels))
    assert max(len(group) for group in groups) <= 7


def test_similar_labels_are_put_in_different_subsets() -> None:
    axes = np.repeat(np.eye(4, DIMENSION, dtype=np.float32), 5, axis=0)
    groups = split(normed(axes + 0.02 * centres(20)), 4, grouping="raw")
    assert all({label // 5 for label in group} == {0, 1, 2, 3} for group in groups)


def test_a_new_label_goes_to_the_least_similar_subset_with_room() -> None:
    means = list(np.eye(3, dtype=np.float32))
    assert place(np.asarray([0, 0.5, 1], np.float32), means, [3, 4, 4], size=5) == 0
    assert place(np.asarray([0, 0.5, 1], np.float32), means, [5, 4, 4], size=5) == 1
    assert place(np.asarray([0, 0.5, 1], np.float32), means, [5, 5, 5], size=5) == 3


def test_blocks_with_computed_noise_come_to_what_one_softmax_comes_to() -> None:
    x, owner = rows_of(12, 8)
    whole = fit_heads(x, owner, [list(range(12))], c=10, seed=0, sweeps=20)[0]
    groups = [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    blocks = fit_heads(x, owner, groups, c=10, seed=0, sweeps=20)
    order = np.argsort(np.concatenate(groups))
    weights = np.concatenate([w for w, _ in blocks])[order]
    bias = np.concatenate([b for _, b in blocks])[order]
    one, other = x @ whole[0].T + whole[1], x @ weights.T + bias
    apart = softmax(one.astype(np.float64)) - softmax(other.astype(np.float64))
    assert np.abs(apart).max() < 0.02


def test_the_gradient_of_a_head_leads_downhill() -> None:
    x, owner = rows_of(4, 6)
    own = owner[owner < 2]
    noise = np.random.default_rng(0).normal(size=len(x)).astype(np.float32)
    rows = Rows(x, own.astype(np.intp), noise, np.ones(len(x), np.float32))

    def loss(w: np.ndarray, b: np.ndarray) -> float:
        z = x @ w.T + b
        whole = np.logaddexp(logsumexp(z), noise)
        reached = noise.copy()
        reached[: len(own)] = z[np.arange(len(own)), own]
        return float((whole - reached).sum() + (w**2).sum() / 20)

    start = np.zeros((2, DIMENSION), np.float32), np.zeros(2, np.float32)
    few, many = solve(rows, *start, c=10, steps=3), solve(rows, *start, c=10, steps=100)
    assert loss(*start) > loss(*few) > loss(*many)
    nudged = [loss(many[0] + 0.05 * d, many[1]) for d in (texts(0, 2), -texts(1, 2))]
    assert min(nudged) > loss(*many)


def test_logsumexp_of_nothing_is_minus_infinity() -> None:
    assert np.isneginf(logsumexp(np.zeros((3, 0), np.float32))).all()
    assert np.isneginf(logsumexp(np.full((2, 2), -np.inf, np.float32))).all()


def test_whitening_makes_the_spread_within_labels_round() -> None:
    rng = np.random.default_rng(0)
    stretch = np.ones(DIMENSION)
    stretch[0] = 6
    owner = np.repeat(np.arange(5), 200)
    x = (rng.normal(size=(1000, DIMENSION)) * stretch + centres(5)[owner]).astype(np.float32)
    metric = fit_metric(x, owner, 5)
    spread = metric.whiten(x - np.stack([x[owner == i].mean(0) for i in range(5)])[owner]).std(0)
    assert spread.max() / spread.min() < 2.5
    assert x.std(0).max() / x.std(0).min() > 4


def test_whitening_without_any_spread_changes_nothing() -> None:
    metric = fit_metric(centres(4), np.arange(4), 4)
    assert np.allclose(metric.within, np.eye(DIMENSION))


def test_evidence_does_not_grow_with_the_number_of_exemplars() -> None:
    x, owner = rows_of(3, 4)
    metric = fit_metric(x, owner, 3)
    once, thrice = Evidence.of(x[:4], metric), Evidence.of(np.tile(x[:4], (3, 1)), metric)
    white = normed(metric.whiten(x[4:6]))
    empty = Evidence.of(x[:0], metric)
    candidates = np.asarray([[0, 1, 2], [0, 1, -1]])
    raw, whitened = kernel_evidence(x[4:6], white, candidates, [once, thrice, empty])
    assert np.allclose(raw[:, 0], raw[:, 1], atol=1e-6)
    assert np.allclose(whitened[:, 0], whitened[:, 1], atol=1e-6)
    assert raw[0, 2] == raw[1, 2] == NOTHING


def test_the_shortlist_holds_the_best_of_every_score_once() -> None:
    scores = np.asarray([[5, 4, 3, 2, 1, 0]], np.float32)
    found = shortlist([scores, scores[:, ::-1].copy()], 2)
    assert set(found[0]) == {0, 1, 4, 5}
    assert sorted(shortlist([scores, scores], 2)[0]) == [-1, -1, 0, 1]
    best = fuse([scores[:, :4], scores[:, :4]], np.asarray([[0, 1, -1, 3]]), 3)
    assert best.tolist() == [[0, 1, 3]]


def test_the_arbiter_solves_what_a_ridge_regression_solves() -> None:
    x, owner = rows_of(3, 5)
    metric = fit_metric(x, owner, 3)
    evidence = [Evidence.of(x[owner == i], metric) for i in range(3)]
    white = np.concatenate([e.white for e in evidence])
    query = normed(metric.whiten(texts(1, 2, seed=5, labels=3)))
    target = np.eye(3)[owner]
    primal = np.linalg.solve(white.T @ white + 0.3 * np.eye(DIMENSION), white.T @ target)
    found = ridge(query, np.asarray([[2, 0, 1], [0, 1, 2]]), evidence)
    assert np.allclose(found[0], (query @ primal)[0][[2, 0, 1]], atol=1e-4)
    assert np.allclose(found[1], (query @ primal)[1], atol=1e-4)


def test_weights_fitted_on_nothing_are_the_usual_ones() -> None:
    none = fit_weights(
        np.zeros((0, 3, 6), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp)
    )
    assert np.array_equal(none.contender, Weights.usual().contender)


def test_weights_find_the_feature_that_tells() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(800, 4, 6)).astype(np.float32)
    truth = features[:, :, 2].argmax(axis=1)
    outside = np.full(800, -10, np.float32)
    weights = fit_weights(features, outside, truth)
    p = weights.probabilities(features, outside)
    assert (p[:, :4].argmax(axis=1) == truth).mean() > 0.97
    assert np.allclose(p.sum(axis=1), 1)


def test_the_threshold_is_the_lowest_that_reaches_the_target() -> None:
    confidence = np.asarray([0.9, 0.8, 0.7, 0.6, 0.5])
    correct = np.asarray([True, True, False, True, False])
    assert threshold_for(confidence, correct, 0.75) == 0.6
    assert threshold_for(confidence, correct, 0.9) == 0.8
    assert threshold_for(confidence, ~correct, 0.9) == UNREACHABLE
    assert threshold_for(confidence[:0], correct[:0], 0.1) == UNREACHABLE


def test_a_target_takes_as_many_texts_as_one_mistake_would_show_in() -> None:
    assert [least_texts(target) for target in (0.5, 0.9, 0.95, 0.98, 0.99)] == [20, 20, 20, 50, 100]


def test_texts_of_equal_confidence_are_emitted_together_or_not_at_all() -> None:
    equal = np.asarray([0.9, 0.9, 0.9, 0.9])
    assert threshold_for(equal, np.asarray([True, False, False, False]), 0.9) == UNREACHABLE


def test_an_even_prior_says_nothing() -> None:
    assert np.allclose(log_prior([7.0] * 5), 0, atol=1e-6)
    assert np.allclose(log_prior([0.0] * 5), 0, atol=1e-6)


def test_the_published_method_labels_and_calls_foreign_texts_noise() -> None:
    x, owner = rows_of(12, 8)
    published = Published.fit(x, owner, 12, size=4, grouping="pca")
    found = published.predict(x)
    assert (found.label == owner).mean() > 0.95
    assert found.noise.mean() > 0.5
    assert ((found.entropy >= 0) & (found.entropy <= 1)).all()
    alone = Published.fit(x[:8], owner[:8], 1)
    assert (alone.predict(x[:2]).label == 0).all()


@pytest.mark.slow
def test_umap_groups_many_labels_the_same_way_each_time() -> None:
    middle = centres(40)
    groups = split(middle, 10, grouping="umap", seed=3)
    assert groups == split(middle, 10, grouping="umap", seed=3)
    assert [len(group) for group in groups] == [10, 10, 10, 10]
