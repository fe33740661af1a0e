"""Topics of each test's own, and readers that are closed again."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import declared
from tests.kafka.provided import AnyBroker

PARTITIONS = 3


@pytest.fixture
def empty(broker: AnyBroker) -> Connection:
    """A prefix under which there is no topic."""
    return Connection(broker.bootstrap, f"t{uuid.uuid4().hex[:12]}.", session=6.0)


@pytest.fixture
def connection(broker: AnyBroker, empty: Connection) -> Iterator[Connection]:
    """All our topics, without a record."""
    topics = declared(empty, PARTITIONS, 1)
    broker.create(empty, topics)
    yield empty
    broker.remove([one.name for one in topics])


@pytest.fixture
def reading(connection: Connection) -> Iterator[Callable[..., KafkaReader]]:
    """Makes readers, with the topics they follow."""
    with ExitStack() as stack:

        def make(*follow: str) -> KafkaReader:
            return stack.enter_context(closing(KafkaReader(connection, follow=follow)))

        yield make


@pytest.fixture
def reader(reading: Callable[..., KafkaReader]) -> KafkaReader:
    return reading()
