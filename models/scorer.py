"""Everything that is computed for a text before the weights: contenders and their features.

A scorer is plain arrays, derived from heads and exemplars; it is used alike by the classifier that
serves and by the folds that the weights are fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import arbiter
from models.confidence import FEATURES, FLOOR, SCALE, SURE, Combination
from models.evidence import Evidence, kernel_evidence
from models.heads import logsumexp
from models.metric import Metric, normed

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

TAKEN_OUT = 1.3
"""Of log(count), what is taken out of a head's score: with few examples regularisation holds the
weights down as well as the bias. On held-out training texts, ten young labels: 1 .866, 1.3 .894,
1.5 .907, at .1 and .2 points of the old ones; even where all labels are of one size."""

FURTHER = 20
"""Labels ranked beyond the contenders, for a judge that refuses those."""

NEARNESS = 20.0
"""Of cosine against log prior in that ranking: the temperature of LS. O*NET, 956 labels, right
label among 5 contenders and 15 further: by cosw alone .873, by heads .838, by both in turn .868;
with the prior .875, and with the labels' natural shares as the prior .905 (10: .892). One draw:
over three .864 and .898."""


@dataclass(frozen=True)
class Contest:
    """Features of n texts and their k contenders, best first by rank fusion.

    `contenders` (n, k) label numbers; `further` (n, at most FURTHER) those of the likeliest others,
    best first; `features` (n, k, 6), scaled, in the order of FEATURES, with
    rw still 0; `outside` (n,) log probability of all other labels by the heads; `signals` (n, 2)
    for unknown; `white` (n, d) the texts, whitened and normalised.
    """

    contenders: NDArray[np.intp]
    further: NDArray[np.intp]
    features: F32
    outside: F32
    signals: F32
    white: F32


@dataclass(frozen=True)
class Weighed:
    """Of n texts: `probability` (n, k + 1), rest last; the `features` (n, k, 6) it comes from; and
    whether the arbiter was `asked` (n,), without which rw is still 0."""

    probability: F64
    features: F32
    asked: NDArray[np.bool_]


@dataclass(frozen=True)
class Scorer:
    """`weights` (labels, d) and `bias` (labels,) of all heads, `evidence` of all labels."""

    metric: Metric
    weights: F32
    bias: F32
    centroids: F32
    means: F32
    spread: F32
    log_count: F32
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, metric: Metric, weights: F32, bias: F32, evidence: Sequence[Evidence]) -> Scorer:
        """Stack what the labels have; rows in the order of the labels."""
        means = np.stack([e.mean for e in evidence])
        count = np.asarray([max(1, e.count + e.beyond) for e in evidence], np.float32)
        return cls(
            metric=metric,
            weights=weights,
            bias=bias,
            centroids=np.stack([e.centroid for e in evidence]),
            means=means,
            spread=np.einsum("ld,ld->l", means, means),
            log_count=np.log(count),
            evidence=tuple(evidence),
        )

    def contest(self, x: F32, prior: F32) -> Contest:
        """Contenders and features of texts (n, d), with the labels' log prior (labels,)."""
        whitened = self.metric.whiten(x)
        white = normed(whitened)
        scores = x @ self.weights.T + self.bias
        # The bias has learnt log(count): without it a young label competes with an old one.
        scores -= TAKEN_OUT * self.log_count
        signals = self._signals(x, whitened, scores)
        scores -= logsumexp(scores)[:, None]
        cosw = white @ self.centroids.T
        keep = arbiter.contender_count(len(self.evidence))
        candidates = arbiter.shortlist([scores, cosw], 2 * keep)
        known = np.maximum(candidates, 0)
        blk = np.take_along_axis(scores, known, axis=1)
        near = np.take_along_axis(cosw, known, axis=1)
        ls, lsw = kernel_evidence(x, white, candidates, self.evidence)
        best = arbiter.fuse([blk, near, ls], candidates, keep)
        contenders, blk, near, ls, lsw = (
            np.take_along_axis(score, best, axis=1) for score in (known, blk, near, ls, lsw)
        )
        unasked = np.zeros_like(blk)
        features = np.stack([blk, near, ls, lsw, unasked, prior[contenders]], axis=2) * SCALE
        features[:, :, 0] = np.maximum(features[:, :, 0], FLOOR)
        np.put_along_axis(scores, contenders, -np.inf, axis=1)
        outside = np.maximum(logsumexp(scores), FLOOR)
        contenders = contenders.astype(np.intp)
        further = _further(NEARNESS * cosw + prior, contenders)
        return Contest(contenders, further, features, outside, signals, white)

    @property
    def asks(self) -> bool:
        """Whether the arbiter is asked: with many labels it costs most and measured nothing.

        O*NET, 956 labels: .4883 without it, .4885 with it, at a fifth of the time.
        """
        return len(self.evidence) < arbiter.MANY_LABELS

    def arbitrated(self, contest: Contest, rows: NDArray[np.intp]) -> F32:
        """Features (m, k, 6) of some of the texts, with what the arbiter says of them."""
        features = contest.features[rows].copy()
        rw = arbiter.ridge(contest.white[rows], contest.contenders[rows], self.evidence)
        features[:, :, FEATURES.index("rw")] = rw * SCALE[FEATURES.index("rw")]
        return features

    def weigh(self, contest: Contest, weights: Combination) -> Weighed:
        """By the quick weights, and where those are unsure by the full."""
        found = weights.quick.probabilities(contest.features, contest.outside)
        asked = (found[:, :-1].max(axis=1) < SURE) & self.asks
        unsure = np.flatnonzero(asked)
        features = contest.features
        if len(unsure):
            features = features.copy()
            features[unsure] = self.arbitrated(contest, unsure)
            found[unsure] = weights.full.probabilities(features[unsure], contest.outside[unsure])
        return Weighed(found, features, asked)

    def signals(self, x: F32) -> F32:
        """Signals (n, 2) for unknown of texts (n, d), by themselves."""
        scores = x @ self.weights.T + self.bias - TAKEN_OUT * self.log_count
        return self._signals(x, self.metric.whiten(x), scores)

    def _signals(self, x: F32, whitened: F32, scores: F32) -> F32:
        length = np.einsum("nd,nd->n", whitened, whitened)
        distance = self.spread - 2 * (whitened @ self.means.T)
        nearest = length + distance.min(axis=1)
        strange = nearest - self.metric.background(x)
        level = logsumexp(scores) - scores.mean(axis=1)
        return np.stack([strange, -level], axis=1).astype(np.float32)


def _further(score: F32, contenders: NDArray[np.intp]) -> NDArray[np.intp]:
    """The best labels that are no contenders (n, at most FURTHER), best first; spoils `score`."""
    count = min(FURTHER, score.shape[1] - contenders.shape[1])
    if count <= 0:
        return np.zeros((len(score), 0), np.intp)
    np.put_along_axis(score, contenders, -np.inf, axis=1)
    best = np.sort(np.argpartition(-score, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(score, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1).astype(np.intp)
