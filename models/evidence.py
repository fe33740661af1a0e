"""What a label's exemplars say about a text: kernel evidence, raw and whitened.

LS_c(x) = log(mean over the exemplars e of c of exp(20 (cos(x, e) - 1))) / 20, between -2 and 0.
The mean and not the sum: a sum carries log(n_c) / 20, and young labels would never be chosen.
Only candidate labels are looked at, so the cost does not grow with the number of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metric import Metric, normed

F32 = NDArray[np.float32]

SHARPNESS = 20.0
"""Of the kernel: at 20, a cosine .05 lower counts for 1/e."""

NOTHING = -2.0
"""The evidence of a label that has no exemplars at all: that of the opposite direction."""


@dataclass(frozen=True)
class Evidence:
    """What is derived from one label's exemplars and name, and stored nowhere.

    `raw` (n, d); `white` (n, d), whitened and normalised; `centroid` (d,), the normalised mean of
    `white`; `mean` (d,), the mean of `raw` whitened but not normalised (for distances);
    `beyond`: how many texts more the label was fitted on, which are in `mean` as well.
    """

    raw: F32
    white: F32
    centroid: F32
    mean: F32
    beyond: int = 0

    @property
    def count(self) -> int:
        """How many examples the label has in the fit, its name among them."""
        return len(self.raw)

    @classmethod
    def of(
        cls,
        raw: F32,
        metric: Metric,
        beyond: tuple[int, F32] | None = None,
    ) -> Evidence:
        """Derive from (n, d) float32 exemplars; n may be 0. `beyond`: more, count and sum (d,)."""
        raw = np.ascontiguousarray(raw, np.float32)
        if not len(raw):
            zero = np.zeros(metric.dimension, np.float32)
            return cls(raw, raw, zero, zero)
        whitened = metric.whiten(raw)
        white = normed(whitened)
        more, total = beyond or (0, np.zeros(metric.dimension, np.float32))
        mean = (whitened.sum(axis=0) + metric.whiten(total[None, :])[0]) / (len(raw) + more)
        mean = whitened.mean(axis=0) if not more else np.asarray(mean, np.float32)
        return cls(raw, white, normed(white.mean(axis=0)), mean, more)


def _mean_kernel(queries: F32, exemplars: F32) -> F32:
    scores = np.exp(SHARPNESS * (queries @ exemplars.T - 1))
    return np.asarray(np.log(scores.mean(axis=1)) / SHARPNESS, np.float32)


def kernel_evidence(
    x: F32, white: F32, candidates: NDArray[np.intp], evidence: Sequence[Evidence]
) -> tuple[F32, F32]:
    """LS and LSw, each (n, k), of texts (n, d) for their candidate labels (n, k), -1 for none.

    Texts are grouped by candidate, so that a batch costs one small product per label met in it.
    """
    raw_scores = np.full(candidates.shape, NOTHING, np.float32)
    white_scores = np.full(candidates.shape, NOTHING, np.float32)
    flat = candidates.ravel()
    order = np.argsort(flat, kind="stable")
    bounds = np.flatnonzero(np.diff(flat[order], prepend=-2))
    for start, stop in zip(bounds, [*bounds[1:], len(order)], strict=True):
        where = order[start:stop]
        label = int(flat[where[0]])
        if label < 0 or not evidence[label].count:
            continue
        rows = where // candidates.shape[1]
        raw_scores.flat[where] = _mean_kernel(x[rows], evidence[label].raw)
        white_scores.flat[where] = _mean_kernel(white[rows], evidence[label].white)
    return raw_scores, white_scores
