"""Consumer groups set back to the beginning: whatever was read is delivered again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from streams.kafka.connection import Connection
from streams.topology import STAGES, WRITE

LONGEST = 30.0
"""Seconds: a session, and some more."""


async def set_back(where: Connection) -> None:
    """Commit position 0 for every group in everything it reads; nobody may be in it."""
    for spec in STAGES:
        if spec is WRITE:
            continue
        consumer = AIOKafkaConsumer(
            **where.client(), group_id=where.group(spec.name), enable_auto_commit=False
        )
        await consumer.start()
        try:
            topics = {where.topic(topic.name) for topic in spec.reads}
            parts = [
                TopicPartition(topic, part)
                for topic in topics
                for part in await _partitions(consumer, topic)
            ]
            consumer.assign(parts)
            await _committed(consumer, parts)
        finally:
            await consumer.stop()


async def _committed(consumer: AIOKafkaConsumer, parts: Sequence[TopicPartition]) -> None:
    """Commit, once whoever ended without a word counts as gone."""
    until = time.monotonic() + LONGEST
    while True:
        try:
            await consumer.commit(dict.fromkeys(parts, 0))
            return
        except CommitFailedError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(1)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client._wait_on_metadata(topic)
    return set(consumer.partitions_for_topic(topic) or ())
