"""Examples in memory, searched exactly: for tests and benchmarks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from judge.examples import ExamplePoint, by_similarity, check_embedding, check_point
from judge.question import Neighbour

_FIRST_ROWS = 256


class MemoryExampleStore:
    """Fits `judge.examples.ExampleStore`. Rows are packed: the last fills the gap of a deleted."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._points: list[ExamplePoint] = []
        self._row: dict[str, int] = {}
        self._rows_of: defaultdict[str, set[int]] = defaultdict(set)
        self._unit = np.zeros((_FIRST_ROWS, dimension), np.float32)  # (rows, d), unit length

    async def upsert(self, points: Sequence[ExamplePoint]) -> None:
        for point in points:
            check_point(point, self.dimension)
        for point in points:
            row = self._row.setdefault(point.id, len(self._points))
            if row == len(self._points):
                self._points.append(point)
                if row == len(self._unit):
                    self._unit = np.concatenate([self._unit, np.zeros_like(self._unit)])
            else:
                self._rows_of[self._points[row].label].discard(row)
                self._points[row] = point
            self._rows_of[point.label].add(row)
            self._unit[row] = point.embedding / np.linalg.norm(point.embedding)

    async def delete(self, ids: Iterable[str]) -> None:
        for text_id in ids:
            row = self._row.pop(text_id, None)
            if row is None:
                continue
            self._rows_of[self._points[row].label].discard(row)
            last = self._points.pop()
            if last.id == text_id:
                continue
            moved_from = len(self._points)
            self._points[row] = last
            self._row[last.id] = row
            self._unit[row] = self._unit[moved_from]
            self._rows_of[last.label].discard(moved_from)
            self._rows_of[last.label].add(row)

    async def nearest(
        self, embedding: NDArray[np.float32], k: int, label: str | None = None
    ) -> list[Neighbour]:
        check_embedding(embedding, self.dimension, "search")
        if label is None:
            rows = np.arange(len(self._points))
        else:
            rows = np.array(sorted(self._rows_of.get(label, ())), int)
        similarity = self._unit[rows] @ (embedding / np.linalg.norm(embedding))  # (rows,)
        best = np.argsort(-similarity, kind="stable")[: max(k, 0)]
        return by_similarity(
            Neighbour(point.id, point.label, point.text, float(similarity[position]))
            for position in best
            for point in [self._points[rows[position]]]
        )

    async def count(self, label: str | None = None) -> int:
        return len(self._points) if label is None else len(self._rows_of.get(label, ()))

    async def ids(self, label: str | None = None) -> set[str]:
        rows = range(len(self._points)) if label is None else self._rows_of.get(label, set())
        return {self._points[row].id for row in rows}

    async def rename(self, old: str, new: str) -> None:
        if old == new:
            return
        rows = self._rows_of.pop(old, set())
        for row in rows:
            self._points[row] = replace(self._points[row], label=new)
        self._rows_of[new] |= rows

    async def purge(self) -> None:
        """What is removed leaves nothing."""

    async def flush(self) -> None:
        """Nothing survives."""

    async def close(self) -> None:
        """Nothing to let go of."""
