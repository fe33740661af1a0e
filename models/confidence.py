"""From evidence to probabilities: a conditional logit over the contenders and *rest*.

confidence = softmax over contenders and rest of w . (blk, cosw, LS, LSw, rw, prior). A handful of
weights, fitted on held-out scores; they set the temperature too. Rest stands for "none of the
contenders": the heads' probability outside them, and a constant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FEATURES = ("blk", "cosw", "ls", "lsw", "rw", "prior")
"""What a contender is scored by, each scaled to nats."""

SCALE = np.asarray([1, 10, 20, 20, 5, 1], np.float32)

FLOOR = -14.0
"""The least log probability that is told apart: one in a million."""

PULL = 1.0
"""How strongly weights are held at their usual values, against a sum over held-out texts."""

UNREACHABLE = 1.01
"""The threshold when no confidence is high enough: above every probability."""

LEAST_TEXTS = 20
"""Held-out texts below which no target is promised, however low it is."""


SURE = 0.9
"""From this confidence on without the arbiter (rw), the arbiter is not asked: it is most of the
cost, and measured no different when asked for the others only."""


@dataclass(frozen=True)
class Weights:
    """`contender` (6,) for FEATURES; `rest` (2,): outside, constant."""

    contender: F64
    rest: F64

    @classmethod
    def usual(cls, arbiter: bool = True) -> Weights:
        """What the fit comes to on most sets, and falls back to where it has nothing to go by."""
        own = [0.8, 0.2, 0.2, 0.1, 0.4, 0.5] if arbiter else [1.0, 0.25, 0.25, 0.15, 0.0, 0.5]
        return cls(np.asarray(own), np.asarray([0.8, -2.0]))

    def utilities(self, features: F32, outside: F32) -> F64:
        """(n, k + 1) from (n, k, 6) and (n,): the contenders, then rest."""
        own = features.astype(np.float64) @ self.contender
        rest = self.rest[0] * outside.astype(np.float64) + self.rest[1]
        return np.concatenate([own, rest[:, None]], axis=1)

    def probabilities(self, features: F32, outside: F32) -> F64:
        """(n, k + 1), each row summing to one; the last column is rest."""
        return softmax(self.utilities(features, outside))


@dataclass(frozen=True)
class Combination:
    """Both sets of weights: `quick` for texts the arbiter is not asked about, `full` with it."""

    quick: Weights
    full: Weights


def softmax(utilities: F64) -> F64:
    """Over the last axis."""
    power = np.exp(utilities - utilities.max(axis=-1, keepdims=True))
    return np.asarray(power / power.sum(axis=-1, keepdims=True))


def log_prior(counts: Sequence[float] | F64) -> F32:
    """Log share of every label against an even share, (labels,): one more text for each."""
    n = np.asarray(counts, np.float64)
    return np.asarray(np.log((n + 1) * len(n) / (n.sum() + len(n))), np.float32)


def prior_of(labels: Sequence[str], counts: Mapping[str, float]) -> F32:
    """Log prior of these labels from counts of recent outputs; a label without one counts 0."""
    return log_prior([float(counts.get(label, 0)) for label in labels])


def fit_weights(
    features: F32,
    outside: F32,
    truth: NDArray[np.intp],
    weight: F64 | None = None,
    usual: Weights | None = None,
    pull: float = PULL,
) -> Weights:
    """Conditional logit on held-out texts.

    `features` (n, k, 6), `outside` (n,), `truth` (n,): the contender that is right, k for rest;
    `weight` (n,) is what a text stands for. Pulled towards the usual weights, as strongly as
    `pull` says, so that two texts do not make a fit.
    """
    usual = usual or Weights.usual()
    first = np.concatenate([usual.contender, usual.rest])
    n, k, width = features.shape
    if not n:
        return usual
    share = np.ones(n) if weight is None else weight * (n / weight.sum())
    known = np.zeros((n, k + 1, width + 2))
    known[:, :k, :width] = features
    known[:, k, width] = outside
    known[:, k, width + 1] = 1
    right = known[np.arange(n), truth]

    def loss(w: F64) -> tuple[float, F64]:
        utilities = known @ w
        top = utilities.max(axis=1)
        whole = top + np.log(np.exp(utilities - top[:, None]).sum(axis=1))
        p = np.exp(utilities - whole[:, None])
        value = float(share @ (whole - right @ w))
        gradient = share @ (np.einsum("nk,nkf->nf", p, known) - right)
        away = w - first
        return value + 0.5 * pull * float(away @ away), gradient + pull * away

    from scipy.optimize import minimize  # here: half a second to load, for who fits only

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return Weights(found.x[:width].copy(), found.x[width:].copy())


def least_texts(target: float) -> int:
    """How many held-out texts it takes to promise a target: of fewer than 1 / (1 - target) a single
    mistake would be too many, so they cannot tell a precision that holds from one that does not.
    """
    return max(LEAST_TEXTS, math.ceil(round(1 / (1 - target), 6)))


def threshold_for(
    confidence: F64, correct: NDArray[np.bool_], target: float, weight: F64 | None = None
) -> float:
    """The lowest confidence from which up at least `target` of the held-out texts were right.

    1.01, above every probability, when no threshold reaches it or there is nothing to go by.
    """
    if not len(confidence):
        return UNREACHABLE
    share = np.ones(len(confidence)) if weight is None else weight
    order = np.argsort(-confidence, kind="stable")
    precision = np.cumsum(share[order] * correct[order]) / np.cumsum(share[order])
    # Texts of equal confidence are emitted together or not at all.
    last = np.append(np.diff(confidence[order]) != 0, True)
    reached = np.flatnonzero((precision >= target) & last)
    return float(confidence[order[reached[-1]]]) if len(reached) else UNREACHABLE
