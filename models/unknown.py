"""How strange a text is: a score for "none of these labels", higher for stranger.

Two signals, each in standard deviations of the held-out training texts: *relative Mahalanobis*
(squared distance to the nearest label's mean under the within-class covariance, minus that to the
mean of everything under the total covariance; Ren and others, 2021), and the *centred* logsumexp
of the heads' scores (minus the text's mean score: softmax scores are defined only up to a constant
per text). Together .972 AUROC on CLINC150's out-of-scope texts, either alone .968 to .971.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

FALSE_ALARMS = 0.05
"""Share of texts that do have a label and score above `Unknown.threshold`."""


@dataclass(frozen=True)
class Unknown:
    """Mean and deviation of both signals on texts that do have a label, and a threshold.

    `mean`, `deviation` (2,) float64; `threshold`: the score that FALSE_ALARMS of held-out texts
    exceed. No out-of-scope text is needed for it.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    threshold: float

    @classmethod
    def usual(cls) -> Unknown:
        """Where there is nothing to fit on: raw signals, never above the threshold."""
        return cls(np.zeros(2), np.ones(2), float("inf"))

    def score(self, signals: F32) -> F32:
        """(n,) from (n, 2): relative Mahalanobis distance, minus centred logsumexp."""
        return np.asarray(((signals - self.mean) / self.deviation).sum(axis=1) / 2, np.float32)


def fit_unknown(signals: F32) -> Unknown:
    """From the signals (n, 2) of held-out texts that do have a label."""
    if len(signals) < 2:
        return Unknown.usual()
    known = signals.astype(np.float64)
    deviation = np.maximum(known.std(axis=0), 1e-6)
    raw = Unknown(known.mean(axis=0), deviation, float("inf"))
    threshold = float(np.quantile(raw.score(signals), 1 - FALSE_ALARMS))
    return Unknown(raw.mean, raw.deviation, threshold)
