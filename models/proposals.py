"""What the heads say of one text, each by itself: one of mine, or not mine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier
from models.heads import logsumexp
from models.scorer import TAKEN_OUT


@dataclass(frozen=True)
class Proposal:
    """What the head of one subset proposes: of its `labels` labels the likeliest, how likely that
    is, and how likely any of its own is; the rest is noise to it.
    """

    subset: int
    labels: int
    label: str
    probability: float
    own: float


def proposals(classifier: Classifier, embedding: NDArray[np.floating[Any]]) -> list[Proposal]:
    """Return what every head proposes for a text (d,), the surest first.

    These are the heads' scores alone (blk), before any other evidence and before calibration.
    """
    live = classifier.live
    x = np.asarray(embedding, np.float16).astype(np.float32)
    scores = live.scorer.weights @ x + live.scorer.bias - TAKEN_OUT * live.scorer.log_count
    p = np.exp(scores - logsumexp(scores[None])[0])
    place = {label: i for i, label in enumerate(classifier.labels)}
    found = []
    for number, labels in enumerate(live.subsets):
        if labels:
            own = {label: float(p[place[label]]) for label in labels}
            best = max(own, key=lambda label: own[label])
            found.append(Proposal(number, len(labels), best, own[best], sum(own.values())))
    return sorted(found, key=lambda one: -one.probability)
