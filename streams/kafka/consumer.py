"""Consumers without a group: begun and ended with nothing left over."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer

from streams.kafka import unpacking as unpacking  # by which all consumers read
from streams.kafka.connection import Connection
from streams.kafka.refused import started


async def opened(connection: Connection, **settings: Any) -> AIOKafkaConsumer:
    """Return a consumer of what is committed: connected, and without partitions yet.

    Raises:
        Fatal: the brokers refuse us.
        KafkaError: they do not answer.
    """
    usual = {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
    }
    consumer = AIOKafkaConsumer(**connection.client(), **{**usual, **settings})
    try:
        await started(connection, consumer)
    except BaseException:
        await stopped(consumer)
        raise
    return consumer


async def stopped(consumer: AIOKafkaConsumer) -> None:
    """Disconnect a consumer."""
    with suppress(asyncio.CancelledError):  # with the brokers away it trips over its own fetches
        await consumer.stop()
    await consumer._client.close()  # it did not come to that, then
