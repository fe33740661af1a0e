"""Which texts of a fit are kept as noise for other subsets, and which of them each subset takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.fitting import Fitted, Training
from models.heads import Chosen, choose_others, logsumexp

BANK = 20_000
"""Texts kept as noise for other subsets."""


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
