"""Letters and words beside meaning, as an option: what a sentence encoder blurs in short titles.

A text is a sparse row of n-gram counts: characters 3 to 5 within words, and words 1 and 2, hashed
into 2^18 buckets each (murmur3, so the same everywhere), from its first CUT characters. State is
bounded by that: counts of the exemplars that are kept, and how many texts of the fit had each
bucket. TF-IDF takes log counts, each half at length one, then the whole. Two numbers come of it for
a label: the cosine to its centroid, and to its nearest exemplar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.snapshot import Blob

F32 = NDArray[np.float32]
Rows = Any
"""A scipy.sparse.csr_matrix of float32, (n, WIDTH); scipy ships no types."""

HALF = 2**18
WIDTH = 2 * HALF
"""Characters first, then words."""

CUT = 400
"""Of a text, the characters that are read: a title or a sentence, and the start of what is long."""

MOST = 2048
"""The greatest count told apart: float16, in which counts are stored, is exact up to there."""


@lru_cache(maxsize=1)
def _vectorizers() -> tuple[Any, Any]:
    # Imported here: it takes a second, and a classifier without lexical features needs none of it.
    from sklearn.feature_extraction.text import HashingVectorizer

    plain: dict[str, Any] = {
        "n_features": HALF, "alternate_sign": False, "norm": None, "dtype": np.float32
    }  # fmt: skip
    return (
        HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **plain),
        HashingVectorizer(
            analyzer="word", ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **plain
        ),
    )


def none(count: int = 0) -> Rows:
    """Rows (count, WIDTH) of texts without any words."""
    return sparse.csr_matrix((count, WIDTH), dtype=np.float32)


def counted(texts: Sequence[str]) -> Rows:
    """Counts of n-grams, (n, WIDTH); a row depends on its own text alone."""
    if not len(texts):
        return none()
    cut = [text[:CUT] for text in texts]
    found = sparse.hstack([one.transform(cut) for one in _vectorizers()], format="csr")
    found.sort_indices()
    found.data = np.minimum(found.data, MOST).astype(np.float32)
    return found


def stack(blocks: Sequence[Rows]) -> Rows:
    """Blocks of rows, one below the other."""
    return sparse.vstack(blocks, format="csr", dtype=np.float32) if blocks else none()


def arrays_of(rows: Rows) -> dict[str, NDArray[Any]]:
    """How counts are stored: where each row starts, its buckets, and how often each."""
    return {
        "words_at": rows.indptr.astype(np.int64),
        "words": rows.indices.astype(np.int32),
        "words_count": rows.data.astype(np.float16),
    }


def read_rows(arrays: Mapping[str, NDArray[Any]]) -> Rows | None:
    """Counts back from how they are stored; None where there are none. Raises `ValueError`."""
    if "words_at" not in arrays:
        return None
    at, buckets = arrays["words_at"], arrays["words"]
    data = arrays["words_count"].astype(np.float32)
    if not len(at) or at[0] != 0 or at[-1] != len(buckets) or (np.diff(at) < 0).any():
        raise ValueError("rows of words do not fit")
    if len(buckets) != len(data) or (
        len(buckets) and not 0 <= buckets.min() <= buckets.max() < WIDTH
    ):
        raise ValueError("words do not fit")
    return sparse.csr_matrix((data, buckets.copy(), at.astype(np.int32)), (len(at) - 1, WIDTH))


def _sums(values: F32, indptr: NDArray[Any]) -> NDArray[np.float64]:
    """Sums of the runs of values between two pointers; 0 for an empty run."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return np.asarray(np.diff(total[indptr]))


def _normed(rows: Rows) -> Rows:
    """Rows at length one, changed in place."""
    # Each run is summed by itself: a running sum over all would round by who else is in the batch.
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), np.float64)).ravel()
    scale = 1 / np.maximum(length, 1e-12)
    rows.data = (rows.data * np.repeat(scale, np.diff(rows.indptr))).astype(np.float32)
    return rows


@dataclass(frozen=True, eq=False)
class Frequencies:
    """How many of `texts` had each of `buckets` (m,) int32, ascending: `had` (m,) int32."""

    texts: int
    buckets: NDArray[np.int32]
    had: NDArray[np.int32]

    @classmethod
    def of(cls, counts: Rows) -> Frequencies:
        """Those of the texts of a fit, (n, WIDTH) counts."""
        had = np.bincount(counts.indices, minlength=1)
        buckets = np.flatnonzero(had)
        texts = int((np.diff(counts.indptr) > 0).sum())
        return cls(texts, buckets.astype(np.int32), had[buckets].astype(np.int32))

    @cached_property
    def _idf(self) -> F32:
        """(WIDTH,), what is in no text as rare as can be: a label added since may live by it."""
        had = np.zeros(WIDTH)
        had[self.buckets] = self.had
        return np.asarray(np.log((1 + self.texts) / (1 + had)) + 1, np.float32)

    def weighed(self, counts: Rows) -> Rows:
        """TF-IDF of counts (n, WIDTH), rows at length one; none stays none."""
        rows = counts.copy()
        rows.data = (1 + np.log(rows.data)) * self._idf[rows.indices]
        halves = [_normed(rows[:, :HALF]), _normed(rows[:, HALF:])]
        found = _normed(sparse.hstack(halves, format="csr"))
        found.sort_indices()
        return found

    @cached_property
    def blob(self) -> Blob:
        """How it is stored."""
        return Blob({"texts": self.texts}, {"buckets": self.buckets, "had": self.had})

    @classmethod
    def read(cls, blob: Blob) -> Frequencies:
        """Back from how it is stored."""
        return cls(int(blob.meta["texts"]), blob.arrays["buckets"], blob.arrays["had"])


def middle(rows: Rows) -> Rows:
    """The centroid (1, WIDTH) of TF-IDF rows, at length one."""
    return _normed(sparse.csr_matrix(rows.sum(axis=0), dtype=np.float32))


def to_centroids(asked: Rows, centroids: Rows) -> F32:
    """Cosines (n, labels) of texts to the labels' centroids, all of them."""
    return np.asarray((asked @ centroids.T).toarray(), np.float32)


def to_nearest(asked: Rows, contenders: NDArray[np.intp], known: Sequence[Rows]) -> F32:
    """Cosines (n, k) to the nearest exemplar of each text's contenders (n, k), no other label's.

    One text at a time, spread out over all buckets, so that an exemplar's cosine is a sum over its
    own buckets.
    """
    found = np.zeros(contenders.shape, np.float32)
    spread = np.zeros(WIDTH, np.float32)
    for row in range(len(contenders)):
        own = slice(asked.indptr[row], asked.indptr[row + 1])
        buckets = asked.indices[own]
        if not len(buckets):
            continue
        spread[buckets] = asked.data[own]
        for column, label in enumerate(contenders[row].tolist()):
            rows = known[label]
            if rows.nnz:
                cosines = _sums(rows.data * spread[rows.indices], rows.indptr)
                found[row, column] = cosines.max()
        spread[buckets] = 0
    return found
