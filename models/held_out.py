"""What a fit says of its own examples, each left out in its turn: is it any good?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Of n examples that were left out: `ids` (n,) fingerprints (`models.exemplars.fingerprint`),
    the label they have and the likeliest one by a fit without them, its `confidence` (n,), and the
    `weight` (n,) of each, where a label's examples stand for more texts than are kept.
    """

    ids: NDArray[np.uint64]
    label: tuple[str, ...]
    said: tuple[str, ...]
    confidence: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def nothing(cls) -> HeldOut:
        """No label has an example that could be left out."""
        return cls(np.zeros(0, np.uint64), (), (), np.zeros(0), np.zeros(0))

    def judged(self, threshold: float) -> float:
        """The share below a threshold, NaN of nothing."""
        if not len(self.ids):
            return float("nan")
        return float(self.weight[self.confidence < threshold].sum() / self.weight.sum())
