"""Consumers without a group, of what was committed: begun and ended with nothing left over."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer

from streams.kafka.connection import Connection


async def opened(connection: Connection, **settings: Any) -> AIOKafkaConsumer:
    """Return a consumer that is connected, and has no partitions yet.

    Raises:
        KafkaError: the brokers do not answer.
    """
    consumer = AIOKafkaConsumer(
        **connection.client(),
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        **settings,
    )
    try:
        await consumer.start()
    except BaseException:
        await stopped(consumer)
        raise
    return consumer


async def stopped(consumer: AIOKafkaConsumer) -> None:
    """Disconnect a consumer."""
    with suppress(asyncio.CancelledError):  # with the brokers away it trips over its own fetches
        await consumer.stop()
    await consumer._client.close()  # it did not come to that, then
