"""What is known of a label besides its examples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.exemplars import rounded
from models.snapshot import Blob


@dataclass(frozen=True, eq=False)
class LabelInfo:
    """A label, its human name and its guide (what it means and what it does not).

    `embedding` (d,) float32, L2-normalised, of the name (and guide), counts as one more example
    that is never pushed out; None for a name that says nothing.
    """

    label: str
    name: str
    guide: str = ""
    embedding: NDArray[np.float32] | None = None

    def rounded(self) -> LabelInfo:
        """The same, with the embedding as it is stored (float16 precision)."""
        if self.embedding is None:
            return self
        return replace(self, embedding=rounded(self.embedding).astype(np.float32))

    @cached_property
    def blob(self) -> Blob:
        """How it is stored."""
        meta = {"label": self.label, "name": self.name, "guide": self.guide}
        if self.embedding is None:
            return Blob(meta, {})
        return Blob(meta, {"embedding": self.embedding.astype(np.float16)})

    @classmethod
    def read(cls, blob: Blob) -> LabelInfo:
        """Back from how it is stored."""
        vector = blob.arrays.get("embedding")
        return cls(
            blob.meta["label"],
            blob.meta["name"],
            blob.meta["guide"],
            None if vector is None else vector.astype(np.float32),
        )


def label_hash(label: str) -> str:
    """What a label is called in part names: 16 hexadecimal digits."""
    return hashlib.sha256(label.encode()).hexdigest()[:16]
