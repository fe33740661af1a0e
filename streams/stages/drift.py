"""drift: what is judged, doubtful and labelled in; an event where the stream has changed.

Its state is a function of the log and lies in memory; now and then a snapshot of it goes into the
log (`streams.snapshot`), and at a start the records behind that are read again up to the committed
position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from streams.derived import catch_up
from streams.drift import Watch
from streams.errors import Unreadable
from streams.forgotten import GoneNow, in_batch
from streams.records import Labeled, Uncertain, Verdict
from streams.snapshot import EVERY, Snapshot, snapshot_of
from streams.stage import Delivered, Outgoing, Reader, outgoing, sort_out
from streams.topology import DRIFT, LABELED, NOTICE, UNCERTAIN, VERDICTS
from streams.wire import Record

KINDS: dict[str, type[Record]] = {
    UNCERTAIN.name: Uncertain,
    VERDICTS.name: Verdict,
    LABELED.name: Labeled,
}


class Notice:
    """Shows every record to the detectors, once, and publishes what they find."""

    spec = NOTICE

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._watch = Watch(seed=seed)
        self._next: dict[str, int] = {}
        self._since = 0
        self._found: dict[str, Outgoing] = {}
        self._gone = GoneNow()
        self._reader: Reader | None = None

    async def start(self, reader: Reader) -> None:
        """Go on from the snapshot, and read again what was handled since."""
        self._reader = reader
        snapshot = snapshot_of(reader)
        if snapshot is not None:
            with suppress(KeyError, TypeError, ValueError):  # of a later redstream
                self._watch = Watch.from_json(snapshot.watch, seed=self._seed)
                self._next = dict(snapshot.next)

        def position(topic: str, partition: int) -> int:
            return self._next.get(f"{topic}/{partition}", 0)

        await catch_up(reader, self.spec, self.spec.reads, position, self._again)

    async def _again(self, batch: Sequence[Delivered]) -> None:
        await self.handle(batch)

    async def close(self) -> None:
        """Nothing is held."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Return the events of the batch; delivered again, it has the same ones."""
        gone = in_batch(batch)
        if self._reader is not None:
            self._gone.news(self._reader)
        seen = [one for one in batch if one.topic in KINDS and not self._gone.about(one)]
        records, dead = sort_out(seen, self.spec.name, _read)
        await asyncio.to_thread(self._observe, records)
        known = bool(gone) and self._watch.forget(gone)
        events = (self._found.get(delivered.position) for delivered in batch)
        out = [*dead, *(event for event in events if event is not None)]
        if self._since >= EVERY or known:  # the snapshot before may have what is forgotten
            self._since = 0
            out.append(Snapshot(next=self._next, watch=self._watch.to_json()).outgoing())
        return out

    def _observe(self, records: Sequence[tuple[Delivered, Record]]) -> None:
        for delivered, record in records:
            lane = f"{delivered.topic}/{delivered.partition}"
            if delivered.offset < self._next.get(lane, 0):
                continue  # seen: the crash came before the commit
            self._next[lane] = delivered.offset + 1
            self._since += 1
            event = self._watch.observe(record, delivered)
            if event is not None:
                self._found[delivered.position] = outgoing(DRIFT, event.kind, event)


def _read(delivered: Delivered) -> Record:
    record = KINDS[delivered.topic].decode(delivered.value)
    if isinstance(record, Uncertain):
        if not np.isfinite(record.embedding.array()).all():
            raise Unreadable(f"the embedding of {record.text.id!r} is not of finite numbers")
        if not record.contenders:
            raise Unreadable(f"no contender for {record.text.id!r}")
    return record
