"""Which labels lie near which: the pairs that a judge, too, is likely to confuse."""

from __future__ import annotations

import numpy as np

from models.classifier import Classifier


def similar_labels(classifier: Classifier, most: int = 5) -> dict[str, tuple[str, ...]]:
    """Return for each label the `most` labels nearest to it, nearest first.

    Nearness is the cosine between the means of the labels' exemplars and names.
    """
    labels = classifier.labels
    means = np.zeros((len(labels), classifier.dimension), np.float32)
    for row, label in enumerate(labels):
        shelf, name = classifier.shelves[label], classifier.infos[label].embedding
        means[row] = shelf.vectors[shelf.active].astype(np.float32).sum(axis=0)
        if name is not None:
            means[row] += name
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : min(most, len(labels) - 1)]
    return {
        label: tuple(labels[column] for column in nearest[row]) for row, label in enumerate(labels)
    }
