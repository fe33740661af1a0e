"""Multinomial logistic regression, compact: the flat head that redstream has to beat.

The same objective as scikit-learn's LogisticRegression (mean log loss + |W|^2 / 2Cn, free bias),
with warm starts in C, float32 products and centred rows (which changes the bias and nothing else,
and takes a third of the steps). A test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

F32 = NDArray[np.float32]

CHUNK = 2048
"""Rows whose scores are held at a time: 8 MB at 1,000 labels, which stays near the core."""


@dataclass(frozen=True)
class Softmax:
    """`weights` (labels, d), `bias` (labels,), and how many steps the solver took."""

    weights: F32
    bias: F32
    steps: int

    def logits(self, x: F32) -> F32:
        """(n, labels) of (n, d)."""
        return np.asarray(x @ self.weights.T + self.bias, np.float32)


def fit_softmax(
    x: F32,
    y: NDArray[np.intp],
    labels: int,
    c: float,
    *,
    start: Softmax | None = None,
    weight: NDArray[np.floating] | None = None,
    tolerance: float = 1e-4,
    limit: int = 300,
) -> Softmax:
    """Fit on (n, d) texts with labels (n,); `weight` (n,) is what each stands for.

    `tolerance` is the largest slope left, as scikit-learn means it; `limit` the most steps.
    """
    n, d = x.shape
    middle = x.mean(axis=0)
    rows = x - middle
    share = np.full(n, 1 / n, np.float32)
    if weight is not None:
        share = np.asarray(weight / weight.sum(), np.float32)
    strength = 1 / (c * (n if weight is None else float(weight.sum())))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        block = flat.astype(np.float32).reshape(labels, d + 1)
        w, b = np.ascontiguousarray(block[:, :d]), block[:, d]
        value = 0.0
        slope_w = strength * w
        slope_b = np.zeros(labels, np.float32)
        for begin in range(0, n, CHUNK):
            part = slice(begin, begin + CHUNK)
            z = rows[part] @ w.T
            z += b
            z -= z.max(axis=1, keepdims=True)
            mine = np.arange(len(z)), y[part]
            reached = z[mine].copy()
            np.exp(z, out=z)
            total = z.sum(axis=1)
            value += float(share[part] @ (np.log(total) - reached))
            z *= (share[part] / total)[:, None]
            z[mine] -= share[part]
            slope_w += z.T @ rows[part]
            slope_b += z.sum(axis=0)
        slope = np.concatenate([slope_w, slope_b[:, None]], axis=1).astype(np.float64).ravel()
        return value + 0.5 * strength * float(np.square(w, dtype=np.float64).sum()), slope

    first = np.zeros((labels, d + 1))
    if start is not None:
        first[:, :d] = start.weights
        first[:, d] = start.bias + start.weights @ middle
    options = {"maxiter": limit, "gtol": tolerance, "ftol": 64 * np.finfo(float).eps, "maxls": 50}
    found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    block = found.x.astype(np.float32).reshape(labels, d + 1)
    w = np.ascontiguousarray(block[:, :d])
    return Softmax(w, block[:, d] - w @ middle, int(found.nit))
