"""What a stage is, what it is given, and how its errors are answered, in any runner."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Protocol, TypeVar

import structlog

from models.errors import Fatal, Permanent, RedstreamError, Transient
from streams.errors import NotYet
from streams.records import DeadLetter
from streams.topology import DEADLETTERS, StageSpec, Topic
from streams.wire import Record

LONGEST_BACKOFF = 10.0
"""Seconds between two tries of a batch that fails for a passing reason."""

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivered:
    """One record as a log delivers it: raw bytes and where they lie."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)
    at: float = 0.0

    @property
    def position(self) -> str:
        """Return topic/partition/offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to publish; a `value` of None removes the key from a compacted topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


def outgoing(topic: Topic, key: str, record: Record) -> Outgoing:
    """Return the record ready to publish."""
    return Outgoing(topic.name, key.encode(), record.encode())


class Reader(Protocol):
    """Reading without a group: what a stage may look up in the log by itself."""

    def read_from(self, topic: str, offset: int, limit: int) -> list[Delivered]:
        """Return up to `limit` records of a topic from `offset` on, in order."""

    def end(self, topic: str) -> int:
        """Return the offset that the next record of the topic will get."""

    def position(self, group: str, topic: str) -> int:
        """Return the offset up to which the group has committed."""

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        """Return the newest record under a key of a compacted topic."""


class Stage(Protocol):
    """A name, the topics it reads, and a coroutine from a batch to what it publishes."""

    spec: StageSpec

    async def start(self, reader: Reader) -> None:
        """Bring what the stage derives from the log up to its committed position."""

    async def handle(self, batch: Sequence[Delivered]) -> Sequence[Outgoing]:
        """Return what to publish. May be called again with the same batch after a crash."""

    async def close(self) -> None:
        """Let go of files and connections."""


def dead_letter(delivered: Delivered, stage: str, error: Exception, attempt: int = 1) -> Outgoing:
    """Return the dead letter of a record, with its original bytes and where they came from."""
    kind = type(error).__name__
    letter = DeadLetter(
        topic=delivered.topic,
        partition=delivered.partition,
        offset=delivered.offset,
        stage=stage,
        error=kind,
        message=str(error) if isinstance(error, RedstreamError) else f"{kind}: {error}",
        attempt=attempt,
        version=version("redstream"),
        value=base64.b64encode(delivered.value or b"").decode(),
        key=None if delivered.key is None else base64.b64encode(delivered.key).decode(),
        headers=dict(delivered.headers),
        at=time.time(),
    )
    return outgoing(DEADLETTERS, letter.position, letter)


def sort_out(
    batch: Iterable[Delivered], stage: str, read: Callable[[Delivered], T]
) -> tuple[list[tuple[Delivered, T]], list[Outgoing]]:
    """Read every record of a batch; what cannot be read comes back as dead letters."""
    readable, dead = [], []
    for delivered in batch:
        try:
            readable.append((delivered, read(delivered)))
        except Permanent as error:
            dead.append(dead_letter(delivered, stage, error))
    return readable, dead


async def _sleep(seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return True


async def deliver(
    stage: Stage,
    batch: Sequence[Delivered],
    *,
    rest: Callable[[float], Awaitable[bool]] = _sleep,
) -> list[Outgoing]:
    """Have a stage handle a batch, whatever is in it.

    A passing trouble (`Transient`, a full disk) is tried again without end, at most
    `LONGEST_BACKOFF` seconds apart. Any other failure is isolated: the batch is handed over one
    record at a time, and the record that fails alone becomes a dead letter. `rest` waits so many
    seconds between two tries; it returns False where the run ends meanwhile.

    Raises:
        NotYet: the whole batch is to be asked for again later, or the run ends.
        Fatal: the run must stop.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return list(await stage.handle(batch))
        except (Fatal, NotYet):
            raise
        except (Transient, OSError, MemoryError, sqlite3.OperationalError) as error:
            wait = min(LONGEST_BACKOFF, 0.1 * 2 ** min(attempt, 10))
            log.warning("trying again", stage=stage.spec.name, error=str(error), seconds=wait)
            if not await rest(wait):
                raise NotYet("the run ends", delay=0.0) from error
        except Exception as error:
            if len(batch) == 1:
                if not isinstance(error, Permanent):
                    log.exception("unexpected", stage=stage.spec.name, record=batch[0].position)
                return [dead_letter(batch[0], stage.spec.name, error, attempt)]
            return await _without_the_bad(stage, batch, rest)


async def _without_the_bad(
    stage: Stage, batch: Sequence[Delivered], rest: Callable[[float], Awaitable[bool]]
) -> list[Outgoing]:
    """Find the records that fail alone, and hand over all others in one batch.

    Not one by one: a stage that builds on what it has committed (the trainer) would build each
    answer on the same ground, and only the last would count.
    """
    good, dead = [], []
    for one in batch:
        answer = await deliver(stage, [one], rest=rest)
        if [(out.topic, out.key) for out in answer] == [(DEADLETTERS.name, one.position.encode())]:
            dead += answer
        else:
            good.append(one)
    if not good:
        return dead
    if len(good) == len(batch):
        raise Fatal(
            f"stage {stage.spec.name!r} fails on a batch whose records all pass alone: a defect;"
            f" the batch begins at {batch[0].position}, and REDSTREAM_BATCH=1 gets past it"
        )
    return dead + await deliver(stage, good, rest=rest)
