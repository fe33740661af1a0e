"""Letters and words beside meaning: two more numbers for every label.

TF-IDF over characters (3 to 5) and words (1 and 2); the cosine to a label's centroid, and to its
nearest example. Job titles share words that a sentence encoder blurs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

F32 = NDArray[np.float32]

CHUNK = 512


class Lexical:
    """Fitted on texts and the numbers of their labels; every label needs one at least."""

    def __init__(self, texts: Sequence[str], y: NDArray[np.intp], labels: int) -> None:
        order = np.argsort(y, kind="stable")
        settings: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float32}
        self._parts = (
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **settings),
            TfidfVectorizer(
                analyzer="word", ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **settings
            ),
        )
        self._known = self._read([texts[i] for i in order], fit=True)
        self._starts = np.searchsorted(y[order], np.arange(labels))
        member = sparse.csr_matrix(
            (np.ones(len(y), np.float32), (y[order], np.arange(len(y)))), shape=(labels, len(y))
        )
        self._centroids = normalize(member @ self._known)

    def _read(self, texts: Sequence[str], *, fit: bool = False) -> Any:
        blocks = [p.fit_transform(texts) if fit else p.transform(texts) for p in self._parts]
        return normalize(sparse.hstack(blocks).tocsr())

    def scores(self, texts: Sequence[str]) -> F32:
        """(n, labels, 2): cosine to the centroid, and to the nearest example."""
        found = np.zeros((len(texts), len(self._starts), 2), np.float32)
        rows = self._read(texts)
        for begin in range(0, len(texts), CHUNK):
            part = slice(begin, begin + CHUNK)
            found[part, :, 0] = (rows[part] @ self._centroids.T).toarray()
            near = (rows[part] @ self._known.T).toarray()
            found[part, :, 1] = np.maximum.reduceat(near, self._starts, axis=1)
        return found
