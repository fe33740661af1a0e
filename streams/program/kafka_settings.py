"""The connection to Kafka that the settings name."""

from __future__ import annotations

from models.errors import Fatal
from streams.kafka.connection import Connection
from streams.kafka.topics import Declared, declared
from streams.program.settings import Settings


def connection(settings: Settings) -> Connection:
    """Return where the brokers are.

    Raises:
        Fatal: no brokers are named.
    """
    if settings.kafka is None:
        raise Fatal("no brokers are named: set REDSTREAM_KAFKA, 127.0.0.1:9092 for one")
    return Connection(settings.kafka, settings.kafka_prefix, settings.kafka_session)


def topics(settings: Settings) -> list[Declared]:
    """Return the topics as the settings want them."""
    return declared(connection(settings), settings.kafka_partitions, settings.kafka_replication)
