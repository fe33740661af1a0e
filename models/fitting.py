"""The full fit: metric, subsets, heads, and the weights from held-out scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.confidence import UNREACHABLE, Weights, fit_weights, log_prior, threshold_for
from models.evidence import Evidence
from models.heads import Chosen, centroids, choose_others, fit_heads, logsumexp
from models.metric import Metric, fit_metric
from models.scorer import Contest, Scorer
from models.subsets import SIZE, Grouping, split
from models.unknown import Unknown, fit_unknown

F32 = NDArray[np.float32]
Progress = Callable[[str, float], None]

HELD_OUT = 1200
"""Texts whose held-out scores the weights, temperature and threshold are fitted on."""

HELD_SHARE = 0.2
"""The most of all texts that a fold leaves out."""

BANK = 20_000
"""Texts kept as noise for other subsets."""


@dataclass(frozen=True)
class Options:
    """Choices of a fit. `c` None: 50, and 15 from 500 labels on (measured on O*NET)."""

    size: int = SIZE
    grouping: Grouping = "umap"
    sweeps: int = 6
    c: float | None = None
    held_out: int = HELD_OUT

    def strength(self, labels: int) -> float:
        """The heads' inverse regularisation for a set of that many labels."""
        return self.c if self.c is not None else (15.0 if labels >= 500 else 50.0)


@dataclass(frozen=True)
class Training:
    """All rows of a fit, sorted by label: texts, then the label's name.

    `x` (n, d); `owner` (n,) label number; `fixed` (n,): a name, never held out; `ids` (n,)
    fingerprints; `counts` (labels,): how many texts the label really has, kept or not.
    """

    x: F32
    owner: NDArray[np.intp]
    fixed: NDArray[np.bool_]
    ids: NDArray[np.uint64]
    counts: NDArray[np.float64]

    @property
    def labels(self) -> int:
        """How many labels there are."""
        return len(self.counts)

    def weights(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """What rows stand for: the real share of their label over the kept one."""
        kept = np.bincount(self.owner[~self.fixed], minlength=self.labels)
        return np.asarray((self.counts / np.maximum(kept, 1))[self.owner[rows]], np.float64)


@dataclass(frozen=True)
class Fitted:
    """Heads by subset, as weights (n, d) and bias (n,), and the metric they go with."""

    metric: Metric
    heads: list[tuple[F32, F32]]
    groups: list[list[int]]

    def scorer(self, evidence: Sequence[Evidence]) -> Scorer:
        """Rows put in the order of the labels."""
        order = np.argsort(np.concatenate([np.asarray(g, np.intp) for g in self.groups]))
        weights = np.concatenate([w for w, _ in self.heads])[order]
        bias = np.concatenate([b for _, b in self.heads])[order]
        return Scorer.of(self.metric, weights, bias, evidence)


def fit_blocks(
    training: Training,
    rows: NDArray[np.intp],
    groups: list[list[int]],
    options: Options,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Fitted:
    """Metric and heads on some of the rows."""
    x, owner = training.x[rows], training.owner[rows]
    heads = fit_heads(
        x,
        owner,
        groups,
        c=options.strength(training.labels),
        seed=seed,
        sweeps=options.sweeps,
        progress=progress,
    )
    return Fitted(fit_metric(x, owner, training.labels), heads, groups)


def evidence_of(training: Training, rows: NDArray[np.intp], metric: Metric) -> list[Evidence]:
    """What some of the rows say, by label."""
    bounds = np.searchsorted(training.owner[rows], np.arange(training.labels + 1))
    x = training.x[rows]
    return [Evidence.of(x[a:b], metric) for a, b in pairwise(bounds)]


def folds(training: Training, limit: int, seed: int) -> list[NDArray[np.intp]]:
    """Rows to hold out, fold by fold: a sample of texts whose label keeps something to be known by.

    As few folds as keep each below HELD_SHARE of all rows; a label's texts are spread over them.
    """
    rng = np.random.default_rng([seed, 1])
    size = np.bincount(training.owner, minlength=training.labels)
    rows = np.flatnonzero(~training.fixed & (size[training.owner] >= 2))
    rows = np.sort(rng.permutation(rows)[:limit])
    if not len(rows):
        return []
    count = int(np.clip(np.ceil(len(rows) / (HELD_SHARE * len(training.x))), 1, 5))
    if count == 1 and len(rows) == len(training.x):
        count = min(2, len(rows))
    shuffled = rng.permutation(len(rows))
    spread = shuffled[np.argsort(training.owner[rows[shuffled]], kind="stable")]
    return [np.sort(rows[spread[i::count]]) for i in range(count)]


@dataclass(frozen=True)
class Calibration:
    """Weights without and with the arbiter, the score for unknown texts, and the threshold."""

    quick: Weights
    full: Weights
    unknown: Unknown
    threshold: float


def calibrate(
    training: Training,
    groups: list[list[int]],
    options: Options,
    seed: int,
    target: float,
    progress: Progress,
) -> Calibration:
    """Fit folds without the held-out texts, and the weights on what those folds say of them."""
    prior = log_prior(training.counts)
    scored: list[tuple[Scorer, Contest, F32]] = []
    parts = folds(training, options.held_out, seed)
    for number, out in enumerate(parts):
        rows = np.setdiff1d(np.arange(len(training.x)), out)
        fitted = fit_blocks(training, rows, groups, options, seed)
        scorer = fitted.scorer(evidence_of(training, rows, fitted.metric))
        contest = scorer.contest(training.x[out], prior)
        asked = np.arange(len(out)) if scorer.asks else np.zeros(0, np.intp)
        scored.append((scorer, contest, scorer.arbitrated(contest, asked)))
        progress("held-out scores", (number + 1) / len(parts))
    if not scored:
        nothing = Unknown.usual()
        return Calibration(Weights.usual(arbiter=False), Weights.usual(), nothing, UNREACHABLE)
    held = np.concatenate(parts)
    hit = np.concatenate([c.contenders for _, c, _ in scored]) == training.owner[held][:, None]
    truth = np.where(hit.any(axis=1), hit.argmax(axis=1), hit.shape[1]).astype(np.intp)
    outside = np.concatenate([c.outside for _, c, _ in scored])
    stands_for = training.weights(held)
    plain = np.concatenate([c.features for _, c, _ in scored])
    quick = fit_weights(plain, outside, truth, stands_for, Weights.usual(arbiter=False))
    full = quick
    if scored[0][0].asks:
        advised = np.concatenate([features for _, _, features in scored])
        full = fit_weights(advised, outside, truth, stands_for)
    p = np.concatenate([s.probabilities(c, quick, full) for s, c, _ in scored])[:, :-1]
    threshold = threshold_for(p.max(axis=1), p.argmax(axis=1) == truth, target, stands_for)
    unknown = fit_unknown(np.concatenate([c.signals for _, c, _ in scored]))
    return Calibration(quick, full, unknown, threshold)


def group(training: Training, options: Options, seed: int) -> list[list[int]]:
    """The labels' subsets."""
    middle = centroids(training.x, training.owner, training.labels)
    return split(middle, options.size, grouping=options.grouping, seed=seed)


def choose_bank(
    training: Training, fitted: Fitted, seed: int
) -> tuple[NDArray[np.intp], float, list[Chosen]]:
    """Rows kept as noise, what each stands for, and every subset's choice among them."""
    n = len(training.x)
    rng = np.random.default_rng([seed, 2])
    rows = np.arange(n) if n <= BANK else np.sort(rng.choice(n, size=BANK, replace=False))
    share = n / max(1, len(rows))
    home = np.zeros(training.labels, np.intp)
    for number, members in enumerate(fitted.groups):
        home[members] = number
    subset = home[training.owner[rows]]
    scores = np.stack([logsumexp(training.x[rows] @ w.T + b) for w, b in fitted.heads], axis=1)
    chosen = []
    for number in range(len(fitted.groups)):
        others = np.flatnonzero(subset != number)
        hard = scores[others, number] - logsumexp(np.delete(scores[others], number, axis=1))
        picked = choose_others(others.astype(np.intp), hard, rng)
        chosen.append(Chosen(picked.rows, (picked.weight * share).astype(np.float32)))
    return rows.astype(np.intp), share, chosen
