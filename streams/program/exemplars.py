"""The examples that a version of the model works with, with their texts: who lies near a text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier
from streams.errors import Unreadable
from streams.lookup import Lookup
from streams.records import Retrain
from streams.stage import Reader
from streams.topology import RETRAIN


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
        texts = self.texts([ids[i] for i in nearest])
        return [Near(ids[i], labels[i], texts.get(ids[i], ""), float(likeness[i])) for i in nearest]

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """Return the texts of examples by their ids; without those never taught."""
        return {id_: text for id_, (_, text) in self.lessons(ids).items()}

    def lessons(self, ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Return label and text of examples by their ids; without those never taught."""
        return {
            id_: (lesson.label, lesson.text)
            for id_, offset in self._lookup.taught_at(ids).items()
            if (lesson := lesson_at(self._reader, offset)) is not None
        }


def lesson_at(reader: Reader, offset: int) -> Retrain | None:
    """Return the lesson at a place in `retrain`; None if it cannot be read."""
    found = reader.read_from(RETRAIN.name, offset, 1)
    try:
        return Retrain.decode(found[0].value) if found else None
    except Unreadable:
        return None
