"""Which broker the tests of Kafka get: a person's, one of their own, or librdkafka's mock."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from streams.kafka.connection import Connection
from streams.kafka.topics import Declared
from tests.kafka.mock import MockBroker
from tools.broker import Broker, answers, start
from tools.jars import Unavailable, fetched

VARIABLE = "REDSTREAM_TEST_KAFKA"
"""Set to host:port it names a broker of yours, set to "mock" the mock one."""

MOCK = "mock"


class AnyBroker(Protocol):
    """A broker to test on. One that is not `real` lacks some of what Kafka does."""

    bootstrap: str
    real: bool

    def create(self, connection: Connection, wanted: list[Declared]) -> None:
        """Create topics."""
        ...

    def remove(self, names: list[str]) -> None:
        """Delete topics that `create` has created."""
        ...

    def close(self) -> None:
        """Stop it, if it was started here."""
        ...


def prepared() -> None:
    """Fetch what a broker needs, if it can be had: it may take longer than a test has."""
    if not os.environ.get(VARIABLE):
        with suppress(Unavailable):
            fetched()


def provided(folder: Path) -> tuple[AnyBroker, str | None]:
    """Return a broker, and why it is only the mock one, if it is.

    Raises:
        Unavailable: there is not even the mock one.
    """
    named = os.environ.get(VARIABLE)
    if named == MOCK:
        return MockBroker(), f"{VARIABLE}={MOCK}"
    if named:
        if not asyncio.run(answers(named)):
            pytest.fail(f"{VARIABLE}={named}: no Kafka answers there", pytrace=False)
        return Broker(named), None
    try:
        return start(fetched(), folder), None
    except Unavailable as error:
        why = str(error)
    try:
        return MockBroker(), why
    except Unavailable as error:
        raise Unavailable(f"{why}, and {error}") from error
