"""ledger: the newest truth of every text, published where it changes; held texts examined again.

A person's verdict becomes a labelled event and a lesson here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from streams.derived import catch_up, everything
from streams.feed import MANIFEST
from streams.ledger import Ledger
from streams.records import (
    Authority,
    DeadLetter,
    Forgotten,
    Labeled,
    Manifest,
    Retrain,
    Round,
    Verdict,
)
from streams.reviewed import case_of
from streams.stage import Delivered, Outgoing, Reader, outgoing, sort_out
from streams.topology import (
    DEADLETTERS,
    FORGOTTEN,
    LABELED,
    LABELED_LATEST,
    LEDGER,
    MODELS,
    RECHECK,
    RETRAIN,
    ROUNDS,
    VERDICTS,
)
from streams.wire import Record, unsqueezed

KINDS: dict[str, type[Record]] = {
    LABELED.name: Labeled,
    LABELED_LATEST.name: Labeled,
    VERDICTS.name: Verdict,
    RETRAIN.name: Retrain,
    MODELS.name: Manifest,
    DEADLETTERS.name: DeadLetter,
    ROUNDS.name: Round,
    FORGOTTEN.name: Forgotten,
}

LESSON = f"{RETRAIN.name}/".encode()
"""How the key of a lesson's dead letter begins."""


class LedgerStage:
    """Applies every batch to the ledger and publishes what follows from it."""

    spec = LEDGER

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def start(self, reader: Reader) -> None:
        """Rebuild a ledger that was lost: first the truths, where their events are trimmed."""
        if self._ledger.position(LABELED.name) < reader.begin(LABELED.name):
            for truths in everything(reader, LABELED_LATEST):
                await self._again(truths)
        await catch_up(reader, self.spec, self.spec.reads, self._ledger.position, self._again)

    async def _again(self, batch: Sequence[Delivered]) -> None:
        # In a thread: a year's events take minutes, in which a worker is to stay in its group.
        await asyncio.to_thread(self._ledger.apply, self._records(batch)[0])

    def settle(self) -> bool:
        """Put the ledger on the disk."""
        return self._ledger.settle()

    async def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Take the batch in and publish new truths and rechecks."""
        records, dead = self._records(batch)
        effects = await asyncio.to_thread(self._ledger.apply, records)
        return [
            *dead,
            *(outgoing(LABELED, event.id, event) for event in effects.events),
            *(outgoing(RETRAIN, lesson.id, lesson) for lesson in effects.lessons),
            *(outgoing(LABELED_LATEST, event.id, event) for event in effects.latest),
            *(outgoing(RECHECK, recheck.text.id, recheck) for recheck in effects.rechecks),
            *(Outgoing(LABELED_LATEST.name, one.encode(), None) for one in sorted(effects.gone)),
        ]

    def _records(
        self, batch: Sequence[Delivered]
    ) -> tuple[list[tuple[Delivered, Record]], list[Outgoing]]:
        wanted = (d for d in batch if d.topic != MODELS.name or _is_manifest(d))
        read, dead = sort_out(wanted, self.spec.name, _read)
        # The trainer reads `retrain` as well, and puts what cannot be read to the dead letters.
        return read, [one for one in dead if not (one.key or b"").startswith(LESSON)]


def _read(delivered: Delivered) -> Record:
    record = unsqueezed(KINDS[delivered.topic], delivered.value)
    if isinstance(record, Verdict) and record.authority is Authority.PERSON:
        case_of(record)
    return record


def _is_manifest(delivered: Delivered) -> bool:
    return (delivered.key or b"").startswith(MANIFEST.encode()) and delivered.value is not None
