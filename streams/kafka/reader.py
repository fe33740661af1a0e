"""Looking up what lies on the brokers, without a group: `streams.stage.Reader` over Kafka.

Stages look things up as if the log were a file beside them; here a thread of its own asks the
brokers. What is followed (`models`) is read ahead: to its end first, then as it comes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from models.errors import Transient
from streams.kafka.connection import Connection
from streams.kafka.consumer import opened, stopped
from streams.kafka.publisher import Publisher
from streams.kafka.refused import FORBIDDEN, meaning, started
from streams.kafka.tail import Tail
from streams.stage import Delivered, Outgoing

PATIENCE = 60.0
"""Seconds for one question to the brokers, after which they count as away."""

LOOK_SECONDS = 1.0
"""How old a count of what waits may be."""

HELD_MS = 20
"""How long brokers may hold a fetch that finds nothing: a question behind it waits as long."""

LOOK_MS, LOOKS = 20, 250
"""For how long records are waited for that must be there, and how often."""

TRIES = 25

MARKS = 64
"""So few records behind a group may be marks of transactions only: it is looked."""

T = TypeVar("T")


class KafkaReader:
    """Reads any topic from any offset, follows some, and publishes what no stage answered."""

    distant = True

    def __init__(self, connection: Connection, *, follow: Sequence[str] = ()) -> None:
        """Connect and read the topics to `follow` to their ends.

        Raises:
            Transient: the brokers do not answer.
            Fatal: they refuse us.
        """
        self._connection = connection
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._assigned: Mapping[str, Sequence[int]] = {}
        self._tails: dict[str, Tail] = {}
        self._publisher: Publisher | None = None
        self._compacted: dict[str, tuple[dict[bytes, Delivered], dict[int, int]]] = {}
        self._looks: dict[tuple[str, str], tuple[float, int]] = {}
        try:
            self._ask(self._start)
            for topic in follow:
                self._all(topic)  # who may not read it would wait for it without a word
                self._tails[topic] = self._ask(Tail.begun, connection, topic)
            for topic, tail in self._tails.items():  # not what a publisher died of, a minute ago
                self._ask(tail.level, self.end(topic))
        except BaseException:
            self.close()
            raise

    async def _start(self) -> None:
        self._lock = asyncio.Lock()
        self._consumer = await opened(self._connection, fetch_max_wait_ms=HELD_MS)
        self._admin = AIOKafkaAdminClient(**self._connection.client())
        try:
            self._ends = await opened(self._connection, isolation_level="read_uncommitted")
            await started(self._connection, self._admin)
        except BaseException:
            await self._stop()
            raise

    def close(self) -> None:
        """Disconnect."""
        with suppress(Transient):
            self._ask(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        for tail in self._tails.values():
            await tail.close()
        if self._publisher:
            await self._publisher.close()
        for consumer in ("_consumer", "_ends"):
            if hasattr(self, consumer):
                await stopped(getattr(self, consumer))
        if hasattr(self, "_admin"):
            await self._admin.close()

    def _ask(self, question: Callable[..., Coroutine[Any, Any, T]], *about: Any) -> T:
        asked = asyncio.run_coroutine_threadsafe(self._patiently(question, *about), self._loop)
        try:
            return asked.result(PATIENCE)
        except (KafkaError, OSError, TooLate, TimeoutError) as error:
            asked.cancel()
            told = asyncio.run_coroutine_threadsafe(meaning(self._connection, error), self._loop)
            raise told.result() from error

    async def _patiently(self, question: Callable[..., Coroutine[Any, Any, T]], *about: Any) -> T:
        """Ask again while brokers only have to agree: who leads a partition, or a group."""
        for _ in range(TRIES):
            try:
                return await question(*about)
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(0.2)
        return await question(*about)

    def follows(self, topic: str) -> bool:
        """Tell whether a topic is read ahead, and looking at its newest costs nothing."""
        return topic in self._tails

    def assigned(self, partitions: Mapping[str, Sequence[int]]) -> None:
        """Note which partitions are this worker's; of other topics all are read."""
        self._assigned = partitions

    def partitions(self, topic: str) -> Sequence[int]:
        """Return the partitions of a topic that concern who reads."""
        if topic in self._assigned:
            return self._assigned[topic]
        return self._all(topic)

    def part(self) -> float:
        """Return this worker's part of all partitions that it reads from, above 0."""
        mine = sum(map(len, self._assigned.values()))
        return max(1, mine) / max(1, sum(len(self._all(topic)) for topic in self._assigned))

    def _all(self, topic: str) -> Sequence[int]:
        return self._ask(self._partitions, topic)

    async def _partitions(self, topic: str) -> Sequence[int]:
        return sorted(part.partition for part in await self._parts(topic))

    def read_from(self, topic: str, offset: int, limit: int, partition: int = 0) -> list[Delivered]:
        """Return up to `limit` records of a topic from `offset` on, in order; none: its end.

        Raises:
            Transient: what is there does not come; taken for the end, it would be left out.
        """
        tail = self._tails.get(topic)
        if tail is not None and offset >= tail.first:
            return tail.take(offset, limit)
        return self._ask(self._read, topic, max(0, offset), limit, partition)

    async def _read(self, topic: str, offset: int, limit: int, partition: int) -> list[Delivered]:
        part = TopicPartition(self._connection.topic(topic), partition)
        async with self._lock:
            begin = (await self._consumer.beginning_offsets([part]))[part]
            end = await self._written(topic, partition)
            at = max(offset, begin)
            if at >= end:
                return []
            self._consumer.assign([part])
            try:
                found = await self._fetched(part, at, end, limit)
                if not found:
                    stable = (await self._consumer.end_offsets([part]))[part]
                    found = await self._fetched(part, at, stable, limit)
                    if not found and await self._consumer.position(part) < stable:
                        raise Transient(f"the brokers do not hand out {part.topic}: try again")
                return found
            finally:
                self._consumer.unsubscribe()  # else it would go on fetching

    async def _written(self, topic: str, partition: int) -> int:
        """Return the offset behind all that was written, committed or not.

        What a publisher was told is committed can be read a moment later only: it is waited for.
        """
        part = TopicPartition(self._connection.topic(topic), partition)
        return int((await self._ends.end_offsets([part]))[part])

    async def _fetched(
        self, part: TopicPartition, at: int, end: int, limit: int
    ) -> list[Delivered]:
        self._consumer.seek(part, at)
        for _ in range(LOOKS):
            found = await self._consumer.getmany(part, timeout_ms=LOOK_MS, max_records=limit)
            if found:
                told = self._connection.delivered
                return [told(one, one.timestamp / 1000) for one in found[part]]
            # Behind the last record there may be marks of transactions only.
            if await self._consumer.position(part) >= end:
                break
        return []

    def end(self, topic: str, partition: int = 0) -> int:
        """Return the offset that the next record of the topic will get."""
        return self._ask(self._offsets, topic, [partition], True)

    def begin(self, topic: str, partition: int = 0) -> int:
        """Return the offset before which all that was in the topic is gone."""
        return self._ask(self._offsets, topic, [partition], False)

    def count(self, topic: str) -> int:
        """Return how many records ever came into all partitions of a topic."""
        return self._ask(self._offsets, topic, self._all(topic), True)

    async def _offsets(self, topic: str, partitions: Sequence[int], end: bool) -> int:
        parts = [TopicPartition(self._connection.topic(topic), one) for one in partitions]
        of = self._consumer.end_offsets if end else self._consumer.beginning_offsets
        return sum((await of(parts)).values())

    def position(self, group: str, topic: str, partition: int = 0) -> int:
        """Return the offset up to which the group has committed."""
        return self._ask(self._positions, group, topic).get(partition, 0)

    async def _positions(self, group: str, topic: str) -> dict[int, int]:
        found = await self._admin.list_consumer_group_offsets(
            self._connection.group(group), partitions=await self._parts(topic)
        )
        return {part.partition: max(0, one.offset) for part, one in found.items()}

    async def _parts(self, topic: str) -> list[TopicPartition]:
        name = self._connection.topic(topic)
        [described] = await self._admin.describe_topics([name])
        if (error := for_code(described["error_code"])) in FORBIDDEN:
            raise error(name)
        return [TopicPartition(name, one["partition"]) for one in described["partitions"]]

    def waiting(self, group: str, topics: Sequence[str]) -> int:
        """Return how many records lie before the group in all partitions, as of a second ago."""
        return sum(self._waiting(group, topic) for topic in topics)

    def _waiting(self, group: str, topic: str) -> int:
        asked, known = self._looks.get((group, topic), (0.0, 0))
        if time.monotonic() - asked > LOOK_SECONDS:
            known = self._ask(self._lag, group, topic)
            self._looks[group, topic] = (time.monotonic(), known)
        return known

    async def _lag(self, group: str, topic: str) -> int:
        positions = await self._positions(group, topic)
        parts = [TopicPartition(self._connection.topic(topic), one) for one in positions]
        begins = await self._consumer.beginning_offsets(parts)
        ends = await self._consumer.end_offsets(parts)
        found = 0
        for part in parts:
            at = max(begins[part], positions[part.partition])
            left = ends[part] - at
            if 0 < left <= MARKS and not await self._read(topic, at, 1, part.partition):
                left = 0
            found += left
        return found

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        """Return the newest record under a key of a compacted topic.

        All of the topic is read, the first time; from then on what is new.
        """
        return self._latest(topic).get(key)

    def keys(self, topic: str, beginning: str) -> list[bytes]:
        """Return the keys of a compacted topic that begin so, in the order of their records."""
        return [key for key in self._latest(topic) if key.startswith(beginning.encode())]

    def _latest(self, topic: str) -> dict[bytes, Delivered]:
        known, places = self._compacted.setdefault(topic, ({}, {}))
        for part in self._all(topic):
            while records := self._ask(self._read, topic, places.get(part, 0), 1_000, part):
                for one in records:
                    known.pop(one.key or b"", None)
                    if one.value is not None:
                        known[one.key or b""] = one
                places[part] = records[-1].offset + 1
        return known

    def level(self) -> None:
        """Wait until all that is followed is read as far as it was written, committed or not."""
        for topic, tail in self._tails.items():
            self._ask(tail.level, self._ask(self._written, topic, 0))

    def append(self, outputs: Iterable[Outgoing]) -> None:
        """Publish, and wait until the brokers have it."""
        self._ask(self._append, list(outputs))

    async def _append(self, outputs: Sequence[Outgoing]) -> None:
        if self._publisher is None:
            self._publisher = Publisher(self._connection)
        await self._publisher.publish(outputs)
