"""remember: the training set into the example store, for the judge's eyes.

The store is a cache of `retrain`: upserts and deletions are repeatable, by deterministic id. It
keeps no position of its own, but an empty one is noticed at the start and filled again. Labels
are called as the model in service calls them: of a command, it waits for the trainer's answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from judge.examples import ExamplePoint, ExampleStore
from models.errors import Permanent, Transient
from streams.derived import catch_up
from streams.errors import NotYet, Unreadable
from streams.feed import Feed
from streams.forgotten import GoneNow, in_batch
from streams.labelset import LabelSet
from streams.records import LabelCommand, Retrain
from streams.stage import Delivered, Outgoing, Reader, sort_out
from streams.topology import LABELS, REMEMBER, RETRAIN

TRAINER_SECONDS = 0.2
"""How soon a label command is asked about again that the trainer has not taken in yet."""

log = structlog.get_logger()


class Remember:
    """Keeps the example store level with the training set."""

    spec = REMEMBER

    def __init__(self, store: ExampleStore, feed: Feed, reader: Reader | None = None) -> None:
        self._store = store
        self._feed = feed
        self._gone = GoneNow()
        self._reader = reader

    async def start(self, reader: Reader) -> None:
        """Notice a store that cannot be used; fill one that was lost."""
        self._reader = reader
        try:
            lost = await self._store.count() == 0
        except Transient as error:  # a server that is away: it may be there when it is needed
            log.warning("the example store does not answer yet", error=str(error))
            return

        def position(topic: str, partition: int) -> int:
            return 0 if lost else reader.position(self.spec.name, topic, partition)

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
        """Upsert what was taught, delete what was revoked; the last word on an id counts.

        Of what was forgotten nothing stays in the store's files either.

        Raises:
            NotYet: the trainer has not carried a label command of the batch out.
        """
        labels = LabelSet.of(self._feed.newest().manifest)
        moves = [one.offset for one in batch if one.topic == LABELS.name and _moves(one)]
        if moves and moves[-1] >= labels.applied:
            raise NotYet("a label command is with the trainer", delay=TRAINER_SECONDS)
        taught = (one for one in batch if one.topic == RETRAIN.name)
        lessons, dead = sort_out(taught, self.spec.name, lambda d: Retrain.decode(d.value))
        if self._reader is not None:
            self._gone.news(self._reader)
        last = {lesson.id: lesson for _, lesson in lessons if lesson.id not in self._gone}
        points = [
            ExamplePoint(lesson.id, label, lesson.text, lesson.embedding.array())
            for lesson in last.values()
            if lesson.embedding is not None and lesson.kind != "revoked"
            if (label := labels.now(lesson.label)) not in labels.retired
        ]
        gone = set(last)
        if moves:
            gone |= await self._move(labels)
        gone -= {point.id for point in points}
        forgotten = in_batch(batch)
        if forgotten:
            gone |= forgotten.of(await self._store.ids())
        if points:
            await self._store.upsert(points)
        if gone:
            await self._store.delete(gone)
        if points or gone or moves:
            await self._store.flush()
        if forgotten:
            await self._store.purge()
        return dead

    async def _move(self, labels: LabelSet) -> set[str]:
        """Rename what is stored under earlier names; return the ids of retired labels."""
        for old, now in labels.renamed.items():
            await self._store.rename(old, now)
        return {id_ for label in labels.retired for id_ in await self._store.ids(label)}


def _moves(delivered: Delivered) -> bool:
    """Tell whether a command can move examples; what cannot be read is the trainer's."""
    try:
        return LabelCommand.decode(delivered.value).command in ("rename", "merge", "retire")
    except Unreadable:
        return False
