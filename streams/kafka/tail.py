"""A topic that is followed: read ahead to its end, and on as records come."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka.connection import Connection
from streams.kafka.consumer import opened, stopped
from streams.stage import Delivered

POLL_MS = 200


class Tail:
    """The only partition of a topic, read ahead; what was taken is forgotten."""

    def __init__(self, connection: Connection, topic: str, consumer: AIOKafkaConsumer) -> None:
        self.first = 0
        self._connection = connection
        self._records: list[Delivered] = []
        self._guard = threading.Lock()
        self._consumer = consumer
        self._part = TopicPartition(connection.topic(topic), 0)
        self._at = 0
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def begun(cls, connection: Connection, topic: str) -> Tail:
        """Begin to read, in the background."""
        tail = cls(connection, topic, await opened(connection))
        tail._consumer.assign([tail._part])
        await tail._consumer.seek_to_beginning(tail._part)
        tail._task = asyncio.create_task(tail._follow())
        return tail

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await stopped(self._consumer)

    async def level(self, end: int) -> None:
        """Wait until everything before an offset is read, and what is open there has ended."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._at >= end)

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._consumer.getmany(self._part, timeout_ms=POLL_MS)
                at = await self._consumer.position(self._part)
            except KafkaError:  # away: it goes on where it was when they are there again
                await asyncio.sleep(1)
                continue
            with self._guard:
                self._records += [
                    self._connection.delivered(one, one.timestamp / 1000)
                    for one in found.get(self._part, ())
                ]
            async with self._moved:
                self._at = at
                self._moved.notify_all()

    def take(self, offset: int, limit: int) -> list[Delivered]:
        """Return the next records from an offset on, and forget those before it."""
        with self._guard:
            self.first = max(self.first, offset)
            self._records = [one for one in self._records if one.offset >= offset]
            return self._records[:limit]
