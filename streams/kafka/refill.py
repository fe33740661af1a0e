"""Empty topics filled from a file: what names a place finds there what lay there.

Offsets are the brokers' to give. Where the copy has none (what was let go of, the marks of
transactions), as many are used up: by a transaction that is taken back, which no reader sees, or
by the mark of one that holds. Of compacted topics nobody names a place but the ledger and the
groups, whose positions are moved instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from models.errors import Fatal
from streams.kafka.connection import Connection, headers_to
from streams.kafka.consumer import opened, stopped
from streams.kafka.copyfile import CopyFile, Lane, Position
from streams.kafka.publisher import LARGEST, TOGETHER
from streams.kafka.refused import meaning, started
from streams.stage import Delivered
from streams.topology import COMPACTED

FILLER = b"-"
"""Key of what uses up a place: a compacted topic takes no record without one."""

AT_ONCE = 400_000
"""Places used up in one transaction: it may take no longer than a minute."""

LOOK_SECONDS, LOOKS = 0.005, 6_000

OTHERS = "somebody else writes to these topics: stop it, delete the topics, and restore again"


async def refill(connection: Connection, file: CopyFile) -> int:
    """Fill topics that are there and empty; return how many records. Positions come last.

    Raises:
        Fatal: they are not empty, or somebody else writes to them.
        Transient: the brokers do not answer.
    """
    try:
        async with _Filling.begun(connection) as filling:
            lanes = file.lanes()
            await filling.empty(lanes)
            count = 0
            for lane in lanes:
                count += await filling.lane(lane, file)
            for stage in dict.fromkeys(one.stage for one in file.positions()):
                await filling.positions(stage, moved(file, stage))
            return count
    except KafkaError as error:
        raise await meaning(connection, error) from error


def moved(file: CopyFile, stage: str) -> list[Position]:
    """Return how far a stage is, in the topics that are filled from a file."""
    return [
        replace(one, next=place(file, one.topic, one.partition, one.next))
        for one in file.positions()
        if one.stage == stage
    ]


def place(file: CopyFile, topic: str, partition: int, offset: int) -> int:
    """Return what an offset of the file is in the topics that are filled from it."""
    return file.before(topic, partition, offset) if topic in COMPACTED else offset


class _Filling:
    """Two producers: one for records as they are, one for transactions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        usual = {
            **connection.client(),
            "acks": "all",
            "enable_idempotence": True,
            "max_request_size": LARGEST,
            "max_batch_size": TOGETHER,
        }
        self._plain = AIOKafkaProducer(**usual)
        self._owner = AIOKafkaProducer(
            **usual, transactional_id=connection.group("restore"), compression_type="gzip"
        )
        self._consumer: AIOKafkaConsumer | None = None

    @classmethod
    @asynccontextmanager
    async def begun(cls, connection: Connection) -> AsyncIterator[_Filling]:
        """Connect, for as long as the block runs."""
        filling = cls(connection)
        try:
            await started(connection, filling._plain)
            await started(connection, filling._owner)
            filling._consumer = await opened(connection)
            yield filling
        finally:
            await filling._plain.stop()
            await filling._owner.stop()
            if filling._consumer is not None:
                await stopped(filling._consumer)

    def _part(self, lane: Lane) -> TopicPartition:
        return TopicPartition(self._connection.topic(lane.topic), lane.partition)

    async def _end(self, lane: Lane) -> int:
        assert self._consumer is not None
        part = self._part(lane)
        return int((await self._consumer.end_offsets([part]))[part])

    async def empty(self, lanes: Sequence[Lane]) -> None:
        """Hold that there is nothing in the topics, and never was."""
        parts = {lane.topic: lane.partition + 1 for lane in lanes}
        for topic, count in parts.items():
            name = self._connection.topic(topic)
            if (found := len(await self._plain.partitions_for(name))) != count:
                raise Fatal(
                    f"{name} has {found} partitions, in the backup it has {count}: delete it, and"
                    " restore makes it as it was"
                )
        for lane in lanes:
            if await self._end(lane):
                name = self._connection.topic(lane.topic)
                raise Fatal(
                    f"{name} is not empty: restore where there are no topics yet, with another"
                    " REDSTREAM_KAFKA_PREFIX, or delete them first"
                )

    async def lane(self, lane: Lane, file: CopyFile) -> int:
        """Fill one partition; return how many records."""
        exact = lane.topic not in COMPACTED
        at = count = 0
        run: list[Delivered] = []
        for records in file.records(lane):
            for one in records:
                if exact and one.offset != at + len(run):
                    at, run = await self._up_to(lane, run, at, one.offset), []
                run.append(one)
            count += len(records)
            # The last stays: it may have to be in a transaction.
            at, run = await self._sent(self._plain, lane, run[:-1], at), run[-1:]
        await self._up_to(lane, run, at, lane.next if exact else at + len(run))
        return count

    async def _up_to(self, lane: Lane, run: Sequence[Delivered], at: int, offset: int) -> int:
        """Publish records that lie one behind the other, and use up what is left to an offset."""
        gap = offset - at - len(run)
        if gap != 1:
            at = await self._sent(self._plain, lane, run, at)
            await self._used_up(lane, at, offset)
        elif run:
            async with self._owner.transaction():
                await self._sent(self._owner, lane, run, at)
            await self._written(lane, offset)
        else:  # at its beginning: nobody reads what every stage is past
            filler = Delivered(lane.topic, lane.partition, at, FILLER, None)
            await self._sent(self._plain, lane, [filler], at)
        return offset

    async def _sent(
        self, producer: AIOKafkaProducer, lane: Lane, records: Sequence[Delivered], at: int
    ) -> int:
        """Publish records; return the offset behind them."""
        if not records:
            return at
        part = self._part(lane)
        sent = [
            await producer.send(
                part.topic,
                b"" if one.key is None and one.value is None else one.value,
                one.key,
                partition=part.partition,
                timestamp_ms=round(one.at * 1000) or None,
                headers=headers_to(one.headers),
            )
            for one in records
        ]
        placed = await asyncio.gather(*sent)
        end = at + len(records)
        if (placed[0].offset, placed[-1].offset) != (at, end - 1):
            raise Fatal(f"{part.topic}: {OTHERS}")
        return end

    async def _used_up(self, lane: Lane, at: int, offset: int) -> None:
        """Let no record lie between two offsets, of which there are two or more, or none."""
        part = self._part(lane)
        while at < offset:
            places = min(AT_ONCE, offset - at)
            places -= offset - at - places == 1
            await self._owner.begin_transaction()
            sent: list[Any] = [
                await self._owner.send(part.topic, b"", FILLER, partition=part.partition)
            ]  # it makes the partition known to the transaction, which a batch does not
            left = places - 2
            while left:
                batch = self._owner.create_batch()
                while left and batch.append(timestamp=None, key=FILLER, value=b"") is not None:
                    left -= 1
                sent.append(
                    await self._owner.send_batch(batch, part.topic, partition=part.partition)
                )
            await asyncio.gather(*sent)
            await self._owner.abort_transaction()
            at += places
            await self._written(lane, at)

    async def _written(self, lane: Lane, offset: int) -> None:
        """Wait until the mark that ends a transaction is there: it comes a moment later."""
        for _ in range(LOOKS):
            if (end := await self._end(lane)) >= offset:
                break
            await asyncio.sleep(LOOK_SECONDS)
        if end != offset:
            raise Fatal(f"{self._connection.topic(lane.topic)}: {OTHERS}")

    async def positions(self, stage: str, positions: Sequence[Position]) -> None:
        """Have a stage go on where it was."""
        consumer = await opened(self._connection, group_id=self._connection.group(stage))
        try:
            at = {
                TopicPartition(self._connection.topic(one.topic), one.partition): one.next
                for one in positions
            }
            consumer.assign(list(at))
            await consumer.commit(at)
        finally:
            await stopped(consumer)
