"""Publishing: a batch's records, all of them durable before the call returns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
)

from models.errors import Fatal, Permanent
from streams.errors import Fenced
from streams.kafka.connection import Connection, headers_to
from streams.kafka.refused import meaning, started
from streams.stage import Outgoing

LARGEST = 8 * 2**20
"""Bytes of one record: a dead letter carries its original a third larger."""

TOGETHER = 2**20
"""Bytes of records that travel to a partition at a time: what is more waits for an answer first."""

log = structlog.get_logger()


class Publisher:
    """One producer. With `owner` (a name) it publishes in transactions, and whoever began later
    under the same name fences it off: its records are never seen.
    """

    def __init__(self, connection: Connection, owner: str | None = None) -> None:
        self._connection = connection
        self._owner = owner
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect; as an owner, fence off whoever was it before.

        Raises:
            Transient: the brokers do not answer.
            Fatal: they refuse us.
        """
        more = {"transactional_id": self._connection.group(self._owner)} if self._owner else {}
        producer = AIOKafkaProducer(
            **self._connection.client(),
            **more,
            acks="all",
            enable_idempotence=True,
            max_request_size=LARGEST,
            max_batch_size=TOGETHER,
        )
        try:
            await started(self._connection, producer)
        except Fatal:
            await producer.stop()
            raise
        except KafkaError as error:
            await producer.stop()
            raise await meaning(self._connection, error) from error
        self._producer = producer

    async def close(self) -> None:
        """Send what is left and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def publish(self, outputs: Sequence[Outgoing]) -> None:
        """Publish records in their order and wait until the brokers have them.

        Raises:
            Transient: they do not answer; some of the records may be there already.
            Permanent: a record is too large.
            Fatal: they forbid us to publish it.
            Fenced: another owner has begun; nothing of this is seen.
        """
        if not outputs:
            return
        if self._producer is None:
            await self.start()
        producer = self._producer
        assert producer is not None
        try:
            async with AsyncExitStack() as stack:
                if self._owner:
                    await stack.enter_async_context(producer.transaction())
                sent = [
                    await producer.send(
                        self._connection.topic(one.topic),
                        one.value,
                        one.key,
                        headers=headers_to(one.headers),
                    )
                    for one in outputs
                ]
                await asyncio.gather(*sent)
        except MessageSizeTooLargeError as error:
            raise Permanent(f"a record that Kafka does not take: {error}") from error
        except (ProducerFenced, IllegalOperation, AssertionError) as error:
            # Also where a transaction could not be ended while the brokers were away: who begins
            # again by itself might end the transactions of the owner that came meanwhile.
            raise Fenced(f"another {self._owner} has begun: this one stops") from error
        except KafkaError as error:
            raise await meaning(self._connection, error) from error
