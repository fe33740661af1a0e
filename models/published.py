"""The published R.E.D., as a baseline to be compared with.

UMAP and greedy least-similar subsets; in every subset a softmax over its labels and one class
*noise*, trained on texts of other subsets, twice as many as the subset's labels have on average.
Every text goes to every subset, and the label with the highest probability anywhere is the answer:
nothing decides between the subsets, which is what the classifier of this package mends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.heads import START, Rows, centroids, logsumexp, solve
from models.subsets import SIZE, Grouping, split

F32 = NDArray[np.float32]

NOISE_RATIO = 2.0
"""Noise texts of a subset, as a multiple of the mean number of texts of its labels."""

STEPS = 60
"""L-BFGS steps of a head: each is solved alone, to the end."""


@dataclass(frozen=True)
class PublishedAnswers:
    """Of n texts: the label number (n,), its probability (n,), the entropy of that subset's head
    over the greatest possible (n,), and the share of heads that call the text noise (n,)."""

    label: NDArray[np.intp]
    probability: F32
    entropy: F32
    noise: F32


@dataclass(frozen=True)
class Published:
    """`groups`: label numbers by subset; `heads`: weights (n + 1, d), bias (n + 1,), noise last."""

    groups: tuple[tuple[int, ...], ...]
    heads: tuple[tuple[F32, F32], ...]

    @classmethod
    def fit(
        cls,
        x: F32,
        owner: NDArray[np.intp],
        labels: int,
        *,
        c: float = 50.0,
        size: int = SIZE,
        grouping: Grouping = "umap",
        groups: Sequence[Sequence[int]] | None = None,
        noise: float = NOISE_RATIO,
        seed: int = 0,
    ) -> Published:
        """From texts (n, d) and their label numbers (n,), 0 to labels - 1.

        `groups`: subsets of these labels instead of those that `grouping` makes. `noise`: texts
        of that class, as a multiple of the mean number of texts of a label; 0 for none.
        """
        if groups is None:
            groups = split(centroids(x, owner, labels), size, grouping=grouping, seed=seed)
        rng = np.random.default_rng([seed, 3])
        heads = tuple(_head(x, owner, group, c, noise, rng) for group in groups)
        return cls(tuple(tuple(group) for group in groups), heads)

    def predict(self, x: F32) -> PublishedAnswers:
        """The answers for texts (n, d)."""
        best = np.full(len(x), -1.0, np.float32)
        label = np.zeros(len(x), np.intp)
        entropy = np.zeros(len(x), np.float32)
        noise = np.zeros(len(x), np.float32)
        for group, (weights, bias) in zip(self.groups, self.heads, strict=True):
            z = x @ weights.T + bias
            p = np.exp(z - logsumexp(z)[:, None])
            own = p[:, : len(group)]
            top = own.argmax(axis=1)
            value = own.max(axis=1)
            wins = value > best
            best = np.where(wins, value, best)
            label = np.where(wins, np.asarray(group, np.intp)[top], label)
            spread = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1) / np.log(max(2, p.shape[1]))
            entropy = np.where(wins, spread, entropy).astype(np.float32)
            if p.shape[1] > len(group):
                noise += p[:, -1] > value
        share = np.asarray(noise / max(1, len(self.groups)), np.float32)
        return PublishedAnswers(label, best, entropy, share)


def _head(
    x: F32,
    owner: NDArray[np.intp],
    group: Sequence[int],
    c: float,
    noise: float,
    rng: np.random.Generator,
) -> tuple[F32, F32]:
    place = np.full(int(max(owner.max(initial=0), *group)) + 1, -1, np.intp)
    place[list(group)] = np.arange(len(group))
    mine = np.flatnonzero(place[owner] >= 0)
    others = np.flatnonzero(place[owner] < 0)
    wanted = round(noise * len(mine) / len(group))
    # Oversampled: drawn with replacement where there are fewer others than wanted.
    few = len(others) < wanted
    drawn = rng.choice(others, size=wanted, replace=few) if len(others) else others
    index = np.concatenate([mine, drawn])
    classes = len(group) + bool(len(drawn))
    target = np.concatenate([place[owner[mine]], np.full(len(drawn), len(group), np.intp)])
    start = START * centroids(x[index], target, classes)
    rows = Rows(
        x=x[index],
        own=target,
        noise=np.full(len(index), -np.inf, np.float32),
        weight=np.ones(len(index), np.float32),
    )
    return solve(rows, start, np.zeros(classes, np.float32), c=c, steps=STEPS)
