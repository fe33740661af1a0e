"""Between the subsets: which labels a text is really about, and a local expert for those few.

The heads never see each other's exemplars; the arbiter takes the few best labels by three kinds of
evidence (*contenders*) and asks a ridge regression on just their exemplars.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import sposv

from models.evidence import Evidence

F32 = NDArray[np.float32]

CONTENDERS = 6
"""Labels weighed against each other for a text; more measured no better."""

MANY_CONTENDERS = 12
"""The same from MANY_LABELS labels on, where the right label is less often among six."""

MANY_LABELS = 500

RIDGE = 0.3
"""Regularisation of the local ridge regression."""

EACH = 50
"""Of a label's exemplars, the last that the arbiter sees."""

FUSION = 60.0
"""The constant of reciprocal-rank fusion (Cormack and others, 2009)."""


def contender_count(labels: int) -> int:
    """How many contenders a set of that many labels has."""
    return min(labels, MANY_CONTENDERS if labels >= MANY_LABELS else CONTENDERS)


def shortlist(scores: Sequence[F32], width: int) -> NDArray[np.intp]:
    """The union of the best `width` labels by each of the (n, labels) scores, -1 where repeated.

    Ascending in every row, so that what follows does not depend on ties in one of the scores.
    """
    labels = scores[0].shape[1]
    if labels <= width:
        rows = np.arange(labels, dtype=np.intp)
        return np.broadcast_to(rows, (len(scores[0]), labels)).copy()
    best = [np.argpartition(-score, width - 1, axis=1)[:, :width] for score in scores]
    joined = np.sort(np.concatenate(best, axis=1), axis=1).astype(np.intp)
    joined[:, 1:][joined[:, 1:] == joined[:, :-1]] = -1
    return joined


def fuse(scores: Sequence[F32], candidates: NDArray[np.intp], keep: int) -> NDArray[np.intp]:
    """Columns of the best `keep` candidates (n, keep) by reciprocal-rank fusion, best first."""
    absent = candidates < 0
    total = np.zeros(candidates.shape)
    for score in scores:
        order = np.argsort(np.where(absent, np.inf, -score), axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
        total += 1 / (FUSION + rank)
    total[absent] = -np.inf
    return np.asarray(np.argsort(-total, axis=1, kind="stable")[:, :keep], np.intp)


def ridge(white: F32, contenders: NDArray[np.intp], evidence: Sequence[Evidence]) -> F32:
    """Scores (n, k) of a ridge regression on the contenders' exemplars, whitened, dual form.

    `white` (n, d) are whitened texts, `contenders` (n, k) their labels. One small system is solved
    for every different set of contenders.
    """
    scores = np.zeros(contenders.shape, np.float32)
    order = np.argsort(contenders, axis=1)
    ordered = np.take_along_axis(contenders, order, axis=1)
    sets, which = np.unique(ordered, axis=0, return_inverse=True)
    members = np.argsort(which.ravel(), kind="stable")
    bounds = np.searchsorted(which.ravel()[members], np.arange(len(sets) + 1))
    for number, labels in enumerate(sets):
        rows = members[bounds[number] : bounds[number + 1]]
        blocks = [evidence[label].white[-EACH:] for label in labels.tolist()]
        found = _local(blocks, white[rows])
        placed = np.empty_like(found)
        np.put_along_axis(placed, order[rows], found, axis=1)
        scores[rows] = placed
    return scores


def _local(blocks: Sequence[F32], white: F32) -> F32:
    """(n, k) from the k labels' exemplars and n texts: K a = k(x), summed up by label."""
    exemplars = np.concatenate(blocks)
    if not len(exemplars):
        return np.zeros((len(white), len(blocks)), np.float32)
    system = exemplars @ exemplars.T
    system.flat[:: len(system) + 1] += RIDGE
    # Symmetric and positive definite by the ridge, so Cholesky; called bare, for a third of the
    # time goes into the checks around it at this size.
    _, answers, failed = sposv(system, exemplars @ white.T, overwrite_a=True)
    if failed:
        return np.zeros((len(white), len(blocks)), np.float32)
    ends = np.cumsum([len(block) for block in blocks])
    sums = np.concatenate([np.zeros((1, len(white)), np.float32), np.cumsum(answers, axis=0)])
    return np.asarray(np.diff(sums[np.append(0, ends)], axis=0).T, np.float32)
