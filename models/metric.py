"""Within-class whitening: the metric in which texts of one label lie evenly around their mean.

S = .7 Sw + .3 (tr Sw / d) I and W = S^(-1/2), where Sw is the pooled covariance of texts about
their label's mean. Whitening by the *total* covariance instead measured 4 to 13 points below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHRINK = 0.3
"""Share of the isotropic part in the shrunk covariance."""


@dataclass(frozen=True)
class Metric:
    """`within` and `total` (d, d) float32 whiten by the two covariances; `mean` (d,) float32."""

    within: NDArray[np.float32]
    total: NDArray[np.float32]
    mean: NDArray[np.float32]

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.mean.shape[0])

    def whiten(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) raw to (n, d) whitened, not normalised."""
        return np.asarray(vectors @ self.within, np.float32)

    def background(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared Mahalanobis distance to the mean of everything, (n,)."""
        away = (vectors - self.mean) @ self.total
        return np.asarray(np.einsum("nd,nd->n", away, away), np.float32)


def normed(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows at length one; a row of zeros stays as it is."""
    length = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float32]:
    d = covariance.shape[0]
    scale = float(np.trace(covariance)) / d
    if scale <= 1e-12:  # every label has a single text, or all its texts are the same
        return np.eye(d, dtype=np.float32)
    shrunk = (1 - SHRINK) * covariance + SHRINK * scale * np.eye(d)
    values, vectors = np.linalg.eigh(shrunk)
    root = (vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T
    return np.ascontiguousarray(root, dtype=np.float32)


def fit_metric(vectors: NDArray[np.float32], owner: NDArray[np.intp], labels: int) -> Metric:
    """The metric of (n, d) vectors whose labels are `owner` (n,), numbered 0 to labels - 1."""
    x = vectors.astype(np.float64)
    count = np.maximum(np.bincount(owner, minlength=labels), 1).astype(np.float64)
    means = np.zeros((labels, x.shape[1]))
    np.add.at(means, owner, x)
    means /= count[:, None]
    inner = x - means[owner]
    mean = x.mean(axis=0)
    outer = x - mean
    freedom = max(1, len(x) - len(np.unique(owner)))
    return Metric(
        within=_root(inner.T @ inner / freedom),
        total=_root(outer.T @ outer / max(1, len(x) - 1)),
        mean=mean.astype(np.float32),
    )
