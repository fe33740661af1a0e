"""The examples that a version of the model works with, with their texts: who lies near a text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier
from streams.lookup import Lookup
from streams.program.known import examples_of
from streams.stage import Reader


@dataclass(frozen=True)
class Near:
    """An example near a text; `similarity` is the cosine, -1 to 1."""

    id: str
    label: str
    text: str
    similarity: float


class Exemplars:
    """Of one version. The example store is with the process that runs; the model has them too."""

    def __init__(self, classifier: Classifier, reader: Reader, lookup: Lookup) -> None:
        self._classifier = classifier
        self._reader = reader
        self._lookup = lookup

    @cached_property
    def _all(self) -> tuple[list[str], list[str], NDArray[np.float32]]:
        """Ids, labels, and vectors (n, d) of unit length."""
        ids: list[str] = []
        labels: list[str] = []
        rows = []
        for label, shelf in self._classifier.shelves.items():
            ids += shelf.used
            labels += [label] * len(shelf.active)
            rows.append(shelf.vectors[shelf.active].astype(np.float32))
        x = np.concatenate(rows)
        return ids, labels, x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

    def near(self, text_id: str, embedding: NDArray[np.float32], count: int) -> list[Near]:
        """Return the nearest examples of a text (d,), but for itself."""
        ids, labels, x = self._all
        x_text = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
        likeness = x @ x_text
        nearest = [i for i in np.argsort(-likeness)[: count + 1] if ids[i] != text_id][:count]
        texts = examples_of(self._reader, self._lookup, [ids[i] for i in nearest])
        return [
            Near(ids[i], labels[i], texts.get(ids[i], ("", ""))[1], float(likeness[i]))
            for i in nearest
        ]
