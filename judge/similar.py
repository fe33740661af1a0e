"""Which labels lie near which: the pairs that a judge, too, is likely to confuse."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def similar_labels(
    labels: Sequence[str], embeddings: NDArray[np.float32], most: int = 5
) -> dict[str, tuple[str, ...]]:
    """The `most` labels nearest to each label, nearest first.

    `labels` (n) and `embeddings` (n, d) are labelled examples; nearness is the cosine between
    the labels' mean embeddings. Give it examples that do not change while a stream runs, or a
    simulated judge will change its mind.
    """
    names, rows = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
    means = np.zeros((len(names), embeddings.shape[1]))
    np.add.at(means, rows, embeddings)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : min(most, len(names) - 1)]
    return {
        str(name): tuple(str(names[column]) for column in nearest[row])
        for row, name in enumerate(names)
    }
