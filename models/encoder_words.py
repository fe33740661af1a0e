"""Letters and words as vectors: alone where there are no weights, or beside a sentence's meaning.

What a sentence encoder blurs in short titles, names and codes, their letters tell apart.
Characters 3 to 5 within words, and words 1 and 2, are hashed with a sign (murmur3, so the same
everywhere), each kind into one half of the vector; counts are logarithmic. Nothing is fitted, so a
text's vector never changes, and heads, evidence and example store take it as they take any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.encoder_paths import EncoderPath
from models.metric import normed

if TYPE_CHECKING:
    from models.encoder import Encoder

F32 = NDArray[np.float32]

CUT = 1000
"""Of a text, the characters that are read: about as far as a sentence encoder reads."""

WIDTH = 512
"""Length of the part beside a sentence's vector. 1,024 measured within .1 points (O*NET)."""

SHARE = 0.5
"""Length of that part, before both together are brought to length one.

O*NET, 956 labels, judged by training texts outside the draw: .477 without it, .489 at .4 and at
.55; with the labels' shares .497, .508, .511. With inverse document frequencies .483.
"""

APART = 2**18
"""Buckets in which n-grams are counted before they are folded: hardly two of one text share one."""


@lru_cache(maxsize=1)
def _counters() -> tuple[Any, Any]:
    # Imported here: it takes a second, and most of the program does without it.
    from sklearn.feature_extraction.text import HashingVectorizer

    plain: dict[str, Any] = {"n_features": APART, "norm": None, "dtype": np.float32}
    return (
        HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **plain),
        HashingVectorizer(
            analyzer="word", ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **plain
        ),
    )


def lettered(texts: Sequence[str], width: int) -> F32:
    """(n, width) of n texts, rows at length one; zeros where there is no letter or digit."""
    if not len(texts):
        return np.zeros((0, width), np.float32)
    from scipy import sparse

    cut = [text[:CUT] if re.search(r"\w", text[:CUT]) else "" for text in texts]
    halves = []
    for count, half in zip(_counters(), (width - width // 2, width // 2), strict=True):
        rows = count.transform(cut)
        rows.data = _logarithmic(rows.data)
        length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)))
        folded = sparse.csr_matrix((rows.data, rows.indices % half, rows.indptr), (len(cut), half))
        halves.append(folded.toarray() / np.maximum(length, 1e-12))
    return normed(np.concatenate(halves, axis=1).astype(np.float32))


def _logarithmic(counts: F32) -> F32:
    """Signed counts, in logarithms; 0 stays, where two n-grams of one text took each other out."""
    size = np.abs(counts)
    return np.asarray(np.sign(counts) * (1 + np.log(np.maximum(size, 1))), np.float32)


class HashingEncoder:
    """Letters and words alone. Needs no weights and knows no meaning: for tests, and for machines
    without weights."""

    def __init__(self, dimension: int = 384) -> None:
        self._dimension = dimension
        self.path: EncoderPath = "fp32"
        self.identity = hashlib.sha256(f"hashing-2/{dimension}".encode()).hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    def encode(self, texts: Sequence[str]) -> F32:
        """See `Encoder.encode`."""
        return lettered(texts, self._dimension)


class WithWords:
    """Another encoder's vectors, and letters and words behind them."""

    def __init__(self, meaning: Encoder) -> None:
        self.meaning = meaning
        what = f"{meaning.identity}+words-1/{WIDTH}/{SHARE}/{CUT}"
        self.identity = hashlib.sha256(what.encode()).hexdigest()[:16]

    @property
    def path(self) -> EncoderPath:
        """That of the other."""
        return self.meaning.path

    @property
    def dimension(self) -> int:
        """Length of a vector: the other's, and WIDTH."""
        return self.meaning.dimension + WIDTH

    def encode(self, texts: Sequence[str]) -> F32:
        """See `Encoder.encode`."""
        return joined(self.meaning.encode(texts), lettered(texts, WIDTH))


def joined(meaning: F32, letters: F32) -> F32:
    """(n, d + WIDTH) from (n, d) and (n, WIDTH), rows at length one."""
    return normed(np.concatenate([np.sqrt(1 - SHARE**2) * meaning, SHARE * letters], axis=1))
