"""Labels split into subsets, so that labels that are easily confused sit in different ones.

As published (R.E.D.): every label's embedding is reduced with UMAP, then the labels are dealt out
greedily: to the subset being filled goes the label least similar to the subset's mean. Measured,
the grouping hardly matters once the noise class is computed (.904 to .908 on BANKING77).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.metric import normed

SIZE = 25
"""Labels in a subset. 10, 25 and 50 measured alike."""

COMPONENTS = 10
"""Dimensions that UMAP reduces to."""

Grouping = Literal["umap", "pca", "raw", "random"]


def _pca(x: NDArray[np.float32], components: int) -> NDArray[np.float32]:
    centred = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(centred @ axes[:components].T, np.float32)


def _umap(x: NDArray[np.float32], components: int, seed: int) -> NDArray[np.float32]:
    # Imported here: numba alone takes seconds, and a classifier that is read back needs neither.
    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "n_jobs overridden by random_state": it is what we want
        reducer = umap.UMAP(
            n_components=components,
            n_neighbors=min(15, len(x) - 1),
            metric="cosine",
            random_state=seed,
        )
        return np.asarray(reducer.fit_transform(x), np.float32)


def reduce(x: NDArray[np.float32], grouping: Grouping, seed: int) -> NDArray[np.float32]:
    """(labels, d) to fewer dimensions; PCA where UMAP has too few labels to run on."""
    components = min(COMPONENTS, len(x) - 2, x.shape[1])
    if grouping in ("raw", "random") or components < 2:
        return x
    if grouping == "pca" or len(x) < 3 * COMPONENTS:
        return _pca(x, components)
    return _umap(x, components, seed)


def split(
    embeddings: NDArray[np.float32],
    size: int = SIZE,
    *,
    grouping: Grouping = "umap",
    seed: int = 0,
) -> list[list[int]]:
    """Labels 0 to n - 1, by their embeddings (n, d), as subsets of at most `size`, even in size.

    Every subset is sorted; the same embeddings and seed give the same subsets.
    """
    n = len(embeddings)
    if n <= size:
        return [list(range(n))] if n else []
    if grouping == "random":
        order = np.random.default_rng(seed).permutation(n)
        return [sorted(int(i) for i in part) for part in np.array_split(order, math.ceil(n / size))]
    x = normed(reduce(embeddings, grouping, seed))
    left = np.ones(n, dtype=bool)
    groups: list[list[int]] = []
    for room in (len(part) for part in np.array_split(np.arange(n), math.ceil(n / size))):
        members = [int(np.flatnonzero(left)[0])]
        left[members[0]] = False
        total = x[members[0]].astype(np.float64)
        while len(members) < room:
            likeness = np.where(left, x @ total.astype(np.float32), np.inf)
            nearest = int(np.argmin(likeness))
            members.append(nearest)
            left[nearest] = False
            total += x[nearest]
        groups.append(sorted(members))
    return groups


def place(
    centroid: NDArray[np.float32],
    means: Sequence[NDArray[np.float32]],
    sizes: Sequence[int],
    size: int = SIZE,
) -> int:
    """Where a new label goes: the least similar subset with room, or `len(means)`, a new one.

    No label that is already placed moves.
    """
    likeness = [
        (float(centroid @ mean), index)
        for index, (mean, taken) in enumerate(zip(means, sizes, strict=True))
        if taken < size
    ]
    return min(likeness)[1] if likeness else len(means)
