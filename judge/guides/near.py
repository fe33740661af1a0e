"""Which labels a text is near by what their guides say: a third source for a wider choice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from judge.guides.guide import Guide
from models.encoder import Encoder


class NearGuides:
    """Call it with a text's embedding (d,): all labels with a guide, by cosine, nearest first.

    `guides` may change while it is used (a `GuideBook`); each version is embedded once, when it is
    first met, which takes as long as encoding a text. The encoder cuts what is too long for it.
    """

    def __init__(self, encoder: Encoder, guides: Mapping[str, Guide]) -> None:
        self._encoder = encoder
        self._guides = guides
        self._versions: tuple[str, ...] = ()
        self._labels: list[str] = []
        self._known: dict[str, NDArray[np.float32]] = {}
        self._matrix = np.zeros((0, encoder.dimension), np.float32)

    def __call__(self, embedding: NDArray[np.float32]) -> list[str]:
        """Raises `ValueError`: the embedding is another encoder's."""
        if embedding.shape != (self._encoder.dimension,):
            raise ValueError(f"an embedding of {embedding.shape}, not {self._encoder.dimension}")
        self._follow()
        if not self._labels:
            return []
        cosines = self._matrix @ embedding  # the rows have length one; the text's does not matter
        return [self._labels[row] for row in np.argsort(-cosines, kind="stable")]

    def _follow(self) -> None:
        guides = [self._guides[label] for label in sorted(self._guides)]
        versions = tuple(guide.version for guide in guides)
        if versions == self._versions:
            return
        new = [guide for guide in guides if guide.version not in self._known]
        if new:
            rows = self._encoder.encode([f"{guide.name}. {guide.text}" for guide in new])
            self._known.update((g.version, row) for g, row in zip(new, rows, strict=True))
        self._known = {version: self._known[version] for version in versions}
        if versions:
            self._matrix = np.stack([self._known[version] for version in versions])
        self._labels = [guide.label for guide in guides]
        self._versions = versions
