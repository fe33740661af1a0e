"""Catching up what is derived from the log: a ledger or an index lost is read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from models.errors import Fatal, Transient
from streams.errors import Unreadable
from streams.forgotten import followed
from streams.stage import Delivered, Reader
from streams.topology import STAGES, WRITE, StageSpec, Topic
from streams.wire import Record

CHUNK = 1_000

R = TypeVar("R", bound=Record)

log = structlog.get_logger()


def chunks(
    reader: Reader, topic: Topic, start: int = 0, size: int = CHUNK, partition: int = 0
) -> Iterator[list[Delivered]]:
    """Yield the records of a partition from an offset to its end, in order, `size` at a time."""
    while records := reader.read_from(topic.name, start, size, partition):
        yield records
        start = records[-1].offset + 1


def everything(reader: Reader, topic: Topic, size: int = CHUNK) -> Iterator[list[Delivered]]:
    """Yield the records of all partitions of a topic, one partition after the other."""
    for partition in reader.partitions(topic.name):
        yield from chunks(reader, topic, size=size, partition=partition)


def backlog(reader: Reader) -> dict[str, int]:
    """Return how many records lie before each stage that has any; output files are nobody's."""
    found = {
        spec.name: reader.waiting(spec.name, [topic.name for topic in spec.reads])
        for spec in STAGES
        if spec is not WRITE
    }
    return {name: waiting for name, waiting in found.items() if waiting}


def readable(
    reader: Reader, topic: Topic, kind: type[R], start: int = 0, end: int | None = None
) -> Iterator[tuple[Delivered, R]]:
    """Yield the records of a topic from an offset to its end, or up to before another.

    What cannot be read is among the dead letters, and is passed over; so is what is about a text
    that is forgotten.
    """
    gone = followed(reader) if topic.of_text else None
    for records in chunks(reader, topic, start):
        for record in records:
            if end is not None and record.offset >= end:
                return
            if gone and gone.about(record):
                continue
            try:
                yield record, kind.decode(record.value)
            except Unreadable:
                continue


async def catch_up(
    reader: Reader,
    spec: StageSpec,
    topics: Sequence[Topic],
    position: Callable[[str, int], int],
    apply: Callable[[Sequence[Delivered]], Awaitable[None]],
) -> int:
    """Apply what the group has committed but the derived state has not seen.

    `position` gives, by topic and partition, the offset the derived state stands at. Returns how
    many records were applied again: 0 unless the state was lost.

    Raises:
        Fatal: the state is ahead of the log: it belongs to another one.
    """
    again = 0
    lanes = [(topic, part) for topic in topics for part in reader.partitions(topic.name)]
    for topic, part in lanes:
        at, committed = position(topic.name, part), reader.position(spec.name, topic.name, part)
        if at > (end := reader.end(topic.name, part)):
            raise Fatal(
                f"what '{spec.name}' derived from '{topic.name}' is ahead of the log"
                f" ({at} > {end}): it belongs to another log; remove the"
                " stage's own file from the folder and it is rebuilt"
            )
        if at >= committed:
            continue
        for records in chunks(reader, topic, at, partition=part):
            handled = [record for record in records if record.offset < committed]
            if not handled:
                break
            await _applied(spec, handled, apply)
            again += len(handled)
    return again


async def _applied(
    spec: StageSpec,
    records: Sequence[Delivered],
    apply: Callable[[Sequence[Delivered]], Awaitable[None]],
) -> None:
    """Apply records again; what could not be used when it was handled cannot be used now."""
    try:
        await apply(records)
    except (Fatal, Transient, OSError, MemoryError, sqlite3.OperationalError):
        raise
    except Exception as error:
        if len(records) == 1:
            log.warning(
                "passed over", stage=spec.name, record=records[0].position, error=str(error)
            )
            return
        for record in records:
            await _applied(spec, [record], apply)


def keep(path: Path, state: bytes) -> None:
    """Write a file that only saves work: whole, or not at all where the disk is full."""
    new = path.with_suffix(".new")
    with suppress(OSError):
        new.write_bytes(state)
        new.replace(path)
