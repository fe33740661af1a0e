"""The gate: a new version must not do worse than the one in service on texts it never learnt.

Compared are the newest texts of the random sample that were judged and kept apart from teaching.
Both versions predict them; the texts that only one of them gets right are counted, and where the
new one loses more of these than chance explains (exact McNemar test, one-sided), it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier

LEVEL = 1e-3
"""How often a version that is no worse may be refused: there may be one a second."""

NEWEST = 1_000
"""The texts that versions are compared on."""


@dataclass(frozen=True, eq=False)
class Apart:
    """A text that does not teach: its embedding (d,) and the label the judge gave it."""

    embedding: NDArray[np.float32]
    label: str


@dataclass(frozen=True)
class Comparison:
    """Of so many `texts`, those that only the new version gets wrong, or right; and `p`: how
    likely so many losses are where neither is better.
    """

    texts: int
    lost: int
    won: int
    p: float

    @property
    def worse(self) -> bool:
        """Tell whether the new version is worse than chance explains."""
        return self.p < LEVEL


def compare(new: Classifier, old: Classifier, apart: Sequence[Apart]) -> Comparison:
    """Compare two versions; texts whose label one of them does not have are left out."""
    common = set(new.labels) & set(old.labels)
    shared = [one for one in apart[-NEWEST:] if one.label in common]
    if not shared or new.hash() == old.hash():
        return Comparison(len(shared), 0, 0, 1.0)
    x = np.stack([one.embedding for one in shared])
    right = [
        np.asarray([p.label == one.label for p, one in zip(c.predict(x), shared, strict=True)])
        for c in (new, old)
    ]
    lost, won = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    if not lost:
        return Comparison(len(shared), lost, won, 1.0)
    from scipy.stats import binomtest  # here: half a second to load, for the trainer only

    p = binomtest(lost, lost + won, 0.5, alternative="greater").pvalue
    return Comparison(len(shared), lost, won, float(p))
