"""remember: the training set into the example store, for the judge's eyes.

The store is a cache of `retrain`: upserts and deletions are repeatable, by deterministic id. It
keeps no position of its own, but an empty one is noticed at the start and filled again. Labels
are called as the model in service calls them: of a command, it waits for the trainer's answer.
After a change of encoder the store is another one, filled by the command (`encoder_change`) up to
where a mark says: what was taught since is taken in before anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from judge.examples import ExamplePoint, ExampleStore
from models.errors import Permanent, Transient
from streams.derived import catch_up, chunks
from streams.encoding import Encodings
from streams.errors import NotYet, Unreadable
from streams.feed import Feed
from streams.forgotten import Gone, GoneNow, in_batch
from streams.labelset import LabelSet
from streams.records import FileMark, LabelCommand, Manifest, Retrain
from streams.stage import Delivered, Outgoing, Reader, sort_out
from streams.stores import Stores, name_of
from streams.topology import DEADLETTERS, LABELS, MARKS, REMEMBER, RETRAIN

TRAINER_SECONDS = 0.2
"""How soon a label command is asked about again that the trainer has not taken in yet."""

log = structlog.get_logger()


class Remember:
    """Keeps the example store level with the training set."""

    spec = REMEMBER

    def __init__(
        self,
        store: ExampleStore | Stores,
        feed: Feed,
        encodings: Encodings | None = None,
        reader: Reader | None = None,
    ) -> None:
        """Without `encodings` every vector is taken for one of the model's encoder."""
        self._stores = store if isinstance(store, Stores) else Stores.only(store)
        self._feed = feed
        self._encodings = encodings
        self._gone = GoneNow()
        self._reader = reader
        self._whole: set[str] = set()

    def _store(self) -> ExampleStore:
        return self._stores.of(self._feed.newest())

    async def start(self, reader: Reader) -> None:
        """Notice a store that cannot be used; fill one that was lost."""
        self._reader = reader
        try:
            lost = await self._store().count() == 0
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
            return sum(one.topic == DEADLETTERS.name for one in await self.handle(batch))
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
        manifest = self._feed.newest().manifest
        labels = LabelSet.of(manifest)
        moves = [one.offset for one in batch if one.topic == LABELS.name and _moves(one)]
        if moves and moves[-1] >= labels.applied:
            raise NotYet("a label command is with the trainer", delay=TRAINER_SECONDS)
        taught = [one for one in batch if one.topic == RETRAIN.name]
        done = await self._missed(manifest, taught)
        lessons, dead = sort_out(taught, self.spec.name, lambda d: Retrain.decode(d.value))
        if self._reader is not None:
            self._gone.news(self._reader)
        last = {lesson.id: lesson for _, lesson in lessons if lesson.id not in self._gone}
        points = await self._points(list(last.values()), manifest)
        gone = set(last)
        if moves:
            gone |= await self._move(labels)
        gone -= {point.id for point in points}
        store, forgotten = self._store(), in_batch(batch)
        if forgotten:
            gone |= forgotten.of(await store.ids())
        if points:
            await store.upsert(points)
        if gone:
            await store.delete(gone)
        if points or gone or moves:
            await store.flush()
        if forgotten:
            await store.purge()
            await self._forgotten_before(forgotten)
        return [*dead, *done]

    async def _forgotten_before(self, gone: Gone) -> None:
        """Forget in the store of the encoder before as well, if there is one."""
        before = self._stores.before(self._feed.newest().manifest)
        if before is not None:
            await before.delete(gone.of(await before.ids()))
            await before.flush()
            await before.purge()

    async def _points(self, lessons: Sequence[Retrain], manifest: Manifest) -> list[ExamplePoint]:
        labels = LabelSet.of(manifest)
        stay = [
            (label, lesson, lesson.embedding)
            for lesson in lessons
            if lesson.embedding is not None and lesson.kind != "revoked"
            if (label := labels.now(lesson.label)) not in labels.retired
        ]
        texts, vectors = [one.text for _, one, _ in stay], [vector for _, _, vector in stay]
        if self._encodings is not None:
            made = zip(texts, vectors, strict=True)
            vectors = await asyncio.to_thread(self._encodings.vectors, list(made), manifest)
        return [
            ExamplePoint(lesson.id, label, lesson.text, vector.array())
            for (label, lesson, given), vector in zip(stay, vectors, strict=True)
            # An encoder may find nothing in what another found something in: no example then.
            if vector is given or vector.array().any()
        ]

    async def _missed(self, manifest: Manifest, taught: Sequence[Delivered]) -> list[Outgoing]:
        """Take in what a new store lacks of what was handled before; return what says so."""
        name = name_of(manifest)
        if not taught or self._reader is None or not name or name in self._whole:
            return []
        key = store_mark(name, 0).key.encode()
        found = self._reader.newest(MARKS.name, key)
        if found is None:
            self._whole.add(name)
            return []
        start, end = FileMark.decode(found.value).rows, taught[0].offset
        for records in chunks(self._reader, RETRAIN, start):
            again = [one for one in records if one.offset < end]
            if again:
                await self._take(again, manifest)
            if len(again) < len(records):
                break
        return [Outgoing(MARKS.name, key, None)]

    async def _take(self, records: Sequence[Delivered], manifest: Manifest) -> None:
        """Take in lessons whose dead letters are written already."""
        read = sort_out(records, self.spec.name, lambda d: Retrain.decode(d.value))[0]
        last = {lesson.id: lesson for _, lesson in read if lesson.id not in self._gone}
        points, store = await self._points(list(last.values()), manifest), self._store()
        gone = set(last) - {point.id for point in points}
        if points:
            await store.upsert(points)
        if gone:
            await store.delete(gone)

    async def _move(self, labels: LabelSet) -> set[str]:
        """Rename what is stored under earlier names; return the ids of retired labels."""
        store = self._store()
        for old, now in labels.renamed.items():
            await store.rename(old, now)
        return {id_ for label in labels.retired for id_ in await store.ids(label)}


def store_mark(name: str, start: int) -> FileMark:
    """Return what says that a new store lacks what was taught from this offset on."""
    return FileMark(role="store", path=name, bytes=0, rows=start)


def _moves(delivered: Delivered) -> bool:
    """Tell whether a command can move examples; what cannot be read is the trainer's."""
    try:
        return LabelCommand.decode(delivered.value).command in ("rename", "merge", "retire")
    except Unreadable:
        return False
