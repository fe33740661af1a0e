"""A conditional logit over a few numbers per label: how evidence is put together, for any method.

The recipe has its own (models/confidence.py), for its own six numbers. Here the same is fitted for
any numbers, so that the flat head can be given the same information in the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

PULL = 1.0
"""How strongly weights are held at where they start, against a sum over held-out texts."""


def probabilities(features: F32, weights: F64) -> F32:
    """(n, k) from (n, k, f) and (f,)."""
    return np.asarray(softmax(features @ weights.astype(np.float32), axis=1), np.float32)


def fit_logit(features: F32, truth: NDArray[np.intp], first: F64, weight: F64 | None = None) -> F64:
    """Weights (f,) from (n, k, f) of held-out texts and the option (n,) that is right.

    `weight` (n,) is what a text stands for; `first` (f,) where the search starts, and is held.
    """
    n = len(truth)
    if not n:
        return first
    share = (np.ones(n) if weight is None else weight * (n / weight.sum())).astype(np.float32)
    right = features[np.arange(n), truth]

    def loss(w: F64) -> tuple[float, F64]:
        narrow = w.astype(np.float32)
        utilities = features @ narrow
        utilities -= utilities.max(axis=1, keepdims=True)
        power = np.exp(utilities)
        total = power.sum(axis=1)
        p = power / total[:, None]
        value = float(share @ (np.log(total) - utilities[np.arange(n), truth]))
        # (n, k) and (n, k, f): one weighted sum over both, as a product.
        expected = (p * share[:, None]).ravel() @ features.reshape(-1, features.shape[2])
        away = w - first
        return (
            value + 0.5 * PULL * float(away @ away),
            (expected - share @ right).astype(np.float64) + PULL * away,
        )

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x, np.float64)
