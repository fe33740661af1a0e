"""remember: the training set into the example store, for the judge's eyes.

The store is a cache of `retrain`: upserts and deletions are repeatable, by deterministic id.
"""

from __future__ import annotations

from collections.abc import Sequence

from judge.examples import ExamplePoint, ExampleStore
from streams.records import Retrain
from streams.stage import Delivered, Outgoing, Reader, sort_out
from streams.topology import REMEMBER


class Remember:
    """Keeps the example store level with the training set."""

    spec = REMEMBER

    def __init__(self, store: ExampleStore) -> None:
        self._store = store

    async def start(self, reader: Reader) -> None:
        """Nothing is derived beyond the store itself."""

    async def close(self) -> None:
        """The store is closed by who opened it."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Upsert what was taught, delete what was revoked; the last word on an id counts."""
        lessons, dead = sort_out(batch, self.spec.name, lambda d: Retrain.decode(d.value))
        last = {lesson.id: lesson for _, lesson in lessons}
        gone = [lesson.id for lesson in last.values() if lesson.kind == "revoked"]
        points = [
            ExamplePoint(lesson.id, lesson.label, lesson.text, lesson.embedding.array())
            for lesson in last.values()
            if lesson.embedding is not None and lesson.kind != "revoked"
        ]
        if points:
            await self._store.upsert(points)
        if gone:
            await self._store.delete(gone)
        return dead
