"""remember: the training set into the example store, for the judge's eyes.

The store is a cache of `retrain`: upserts and deletions are repeatable, by deterministic id. It
keeps no position of its own, but an empty one is noticed at the start and filled again.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from judge.examples import ExamplePoint, ExampleStore
from models.errors import Permanent, Transient
from streams.derived import catch_up
from streams.records import Retrain
from streams.stage import Delivered, Outgoing, Reader, sort_out
from streams.topology import REMEMBER

log = structlog.get_logger()


class Remember:
    """Keeps the example store level with the training set."""

    spec = REMEMBER

    def __init__(self, store: ExampleStore) -> None:
        self._store = store

    async def start(self, reader: Reader) -> None:
        """Notice a store that cannot be used; fill one that was lost."""
        try:
            lost = await self._store.count() == 0
        except Transient as error:  # a server that is away: it may be there when it is needed
            log.warning("the example store does not answer yet", error=str(error))
            return

        def position(topic: str) -> int:
            return 0 if lost else reader.position(self.spec.name, topic)

        again = await catch_up(reader, self.spec, self.spec.reads, position, self._again)
        if again:
            log.warning("the example store was empty and is filled again", lessons=again)

    async def _again(self, batch: Sequence[Delivered]) -> None:
        await self.refill(batch)

    async def refill(self, batch: Sequence[Delivered]) -> int:
        """Take in again what was handled before; return how many records cannot be used.

        Those are among the dead letters already.
        """
        try:
            return len(await self.handle(batch))
        except Permanent:
            if len(batch) == 1:
                return 1
            return sum([await self.refill([one]) for one in batch])

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
        if points or gone:
            await self._store.flush()
        return dead
