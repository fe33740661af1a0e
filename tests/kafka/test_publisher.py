"""Publishing to a broker: durable when the call returns, in order, and of one owner only."""

import gc
from collections.abc import AsyncIterator

import pytest

from models.errors import Permanent, Transient
from streams.derived import chunks
from streams.errors import Fenced
from streams.kafka.connection import Connection
from streams.kafka.publisher import LARGEST, Publisher
from streams.kafka.reader import KafkaReader
from streams.stage import Outgoing
from streams.topology import LABELED, RETRAIN, VERDICTS, Topic
from tests.kafka.provided import AnyBroker
from tools.broker import free_ports

pytestmark = pytest.mark.kafka


@pytest.fixture
async def publisher(connection: Connection) -> AsyncIterator[Publisher]:
    made = Publisher(connection)
    yield made
    await made.close()


@pytest.fixture
async def owners(connection: Connection) -> AsyncIterator[list[Publisher]]:
    """Two of one name: the second has not begun."""
    made = [Publisher(connection, "train"), Publisher(connection, "train")]
    yield made
    for one in made:
        await one.close()
    made.clear()
    # aiokafka leaves a failed future of who was fenced off for the collector to tell of. It must
    # not do so while a module is compiled: before Python 3.11.8 that ends in a SystemError.
    gc.collect()


def some(*values: bytes) -> list[Outgoing]:
    return [Outgoing(RETRAIN.name, b"key", value) for value in values]


def values(reader: KafkaReader, topic: Topic = RETRAIN) -> list[bytes | None]:
    return [record.value for part in chunks(reader, topic) for record in part]


async def test_what_was_published_is_there_in_its_order(
    publisher: Publisher, reader: KafkaReader
) -> None:
    sent = [b"%d" % number for number in range(200)]
    await publisher.publish([])
    await publisher.publish(some(*sent[:150]))
    await publisher.publish(some(*sent[150:]))
    assert values(reader) == sent


async def test_one_call_publishes_to_several_topics(
    publisher: Publisher, reader: KafkaReader
) -> None:
    records = [
        Outgoing(VERDICTS.name, b"a", b"1", {"trace": "\udcff"}),
        Outgoing(LABELED.name, b"gone", None),
    ]
    await publisher.publish(records)
    found = [reader.read_from(one.topic, 0, 10)[0] for one in records]
    assert [(one.key, one.value, one.headers) for one in found] == [
        (b"a", b"1", {"trace": "\udcff"}),
        (b"gone", None, {}),
    ]


async def test_a_record_that_is_too_large_is_refused_for_good_and_others_go_on(
    publisher: Publisher, reader: KafkaReader, kafka: AnyBroker
) -> None:
    with pytest.raises(Permanent, match="a record that Kafka does not take"):
        await publisher.publish(some(b"x" * (LARGEST + 1)))
    await publisher.publish(some(b"small", b"x" * (LARGEST - 10_000)))
    assert [len(value or b"") for value in values(reader)] == [5, LARGEST - 10_000]


async def test_who_begins_later_fences_off_who_was_the_owner(
    owners: list[Publisher], reader: KafkaReader, kafka: AnyBroker
) -> None:
    first, second = owners
    await first.start()
    await first.publish(some(b"first"))
    await second.start()
    with pytest.raises(Fenced, match="another train has begun: this one stops"):
        await first.publish(some(b"late"))
    await second.publish(some(b"second"))
    assert values(reader) == [b"first", b"second"]


async def test_of_an_owners_batch_that_is_refused_nothing_is_seen(
    owners: list[Publisher], reader: KafkaReader, kafka: AnyBroker
) -> None:
    owner = owners[0]
    with pytest.raises(Permanent):
        await owner.publish(some(b"before it", b"x" * (LARGEST + 1)))
    await owner.publish(some(b"after it"))
    assert values(reader) == [b"after it"]


async def test_brokers_that_are_away_may_come_back() -> None:
    away = Connection(f"127.0.0.1:{free_ports(1)[0]}")
    for owner in (None, "train"):
        with pytest.raises(Transient, match=f"Kafka at {away.bootstrap}: "):
            await Publisher(away, owner).publish(some(b"lost"))
