"""Looking things up on a broker without a group, and following a topic."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from models.errors import Permanent, Transient
from streams.derived import chunks
from streams.kafka.connection import Connection
from streams.kafka.publisher import LARGEST, Publisher
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import declared
from streams.stage import Delivered, Outgoing
from streams.topology import MARKS, MODELS, RETRAIN, TEXTS, Topic
from tests.kafka.conftest import PARTITIONS
from tests.kafka.mock import MockBroker
from tests.kafka.provided import AnyBroker
from tools.broker import free_ports

pytestmark = pytest.mark.kafka


def numbered(topic: Topic, count: int, first: int = 0) -> list[Outgoing]:
    numbers = range(first, first + count)
    return [Outgoing(topic.name, b"key %d" % n, b"%d" % n) for n in numbers]


def numbers(records: list[Delivered]) -> list[int]:
    return [int(record.value or b"") for record in records]


async def published(connection: Connection, *values: bytes) -> None:
    """Lessons as an owner publishes them: a transaction of its own for each."""
    publisher = Publisher(connection, "train")
    for value in values:
        await publisher.publish([Outgoing(RETRAIN.name, b"key", value)])
    await publisher.close()


def test_records_are_read_from_any_offset_in_order(reader: KafkaReader) -> None:
    assert reader.read_from(RETRAIN.name, 0, 10) == []
    reader.append(numbered(RETRAIN, 10))
    assert numbers(reader.read_from(RETRAIN.name, 0, 100)) == list(range(10))
    found = reader.read_from(RETRAIN.name, 4, 3)
    assert [(one.topic, one.offset, int(one.value or b"")) for one in found] == [
        (RETRAIN.name, offset, offset) for offset in (4, 5, 6)
    ]
    assert abs(found[0].at - time.time()) < 60
    assert reader.read_from(RETRAIN.name, 10, 5) == []


def test_records_that_do_not_come_are_not_taken_for_the_end_of_the_topic(
    reader: KafkaReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.append(numbered(RETRAIN, 10))
    monkeypatch.setattr("streams.kafka.reader.LOOKS", 0)
    with pytest.raises(Transient, match="do not hand out"):
        reader.read_from(RETRAIN.name, 4, 3)


def test_each_partition_has_offsets_of_its_own(reader: KafkaReader) -> None:
    reader.append(numbered(TEXTS, 30))
    parts = list(reader.partitions(TEXTS.name))
    assert parts == list(range(PARTITIONS))
    found = [reader.read_from(TEXTS.name, 0, 100, part) for part in parts]
    assert sorted(number for part in found for number in numbers(part)) == list(range(30))
    for part, records in zip(parts, found, strict=True):
        assert {one.partition for one in records} == {part}
        assert reader.end(TEXTS.name, part) == len(records)
        assert reader.begin(TEXTS.name, part) == 0
    assert reader.count(TEXTS.name) == 30


def test_only_the_assigned_partitions_concern_a_worker(reader: KafkaReader) -> None:
    reader.assigned({TEXTS.name: [1], RETRAIN.name: []})
    assert (reader.partitions(TEXTS.name), reader.partitions(RETRAIN.name)) == ([1], [])
    assert reader.partitions(MODELS.name) == [0]
    reader.append(numbered(TEXTS, 9))
    assert reader.count(TEXTS.name) == 9


async def test_a_group_stands_where_it_has_committed_and_the_rest_waits(
    reader: KafkaReader, connection: Connection
) -> None:
    reader.append(numbered(TEXTS, 30))
    ends = [reader.end(TEXTS.name, part) for part in range(PARTITIONS)]
    assert reader.position("classify", TEXTS.name, 0) == 0
    assert reader.waiting("classify", [TEXTS.name, RETRAIN.name]) == 30
    group = AIOKafkaConsumer(**connection.client(), group_id=connection.group("classify"))
    await group.start()
    at = [min(2, end) for end in ends]
    name = connection.topic(TEXTS.name)
    group.assign([TopicPartition(name, part) for part in range(PARTITIONS)])
    await group.commit({TopicPartition(name, part): offset for part, offset in enumerate(at)})
    await group.stop()
    assert [reader.position("classify", TEXTS.name, part) for part in range(PARTITIONS)] == at
    assert reader.position("judge", TEXTS.name, 0) == 0
    assert reader.waiting("judge", [TEXTS.name]) == 30
    assert reader.waiting("classify", [TEXTS.name]) in (30, 30 - sum(at))  # as of a second ago
    time.sleep(1.1)  # noqa: ASYNC251 - nothing else is going on
    assert reader.waiting("classify", [TEXTS.name]) == 30 - sum(at)


def test_the_newest_under_a_key(reader: KafkaReader) -> None:
    marks = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"gone", b"4"), (b"gone", None)]
    reader.append([Outgoing(MARKS.name, key, value) for key, value in marks])
    newest = reader.newest(MARKS.name, b"a")
    assert newest is not None
    assert (newest.value, newest.offset) == (b"3", 2)
    assert reader.newest(MARKS.name, b"gone") is None
    assert reader.newest(MARKS.name, b"never") is None


async def test_bytes_and_headers_that_are_not_utf_8_travel_on_as_they_came(
    reader: KafkaReader, connection: Connection
) -> None:
    headers = [("trace", b"\xff\xfe\x00"), ("ünï", "✓".encode()), ("empty", b"")]
    producer = AIOKafkaProducer(**connection.client())
    await producer.start()
    name = connection.topic(RETRAIN.name)
    await producer.send_and_wait(name, b"\x80 value", b"\xff key", headers=headers)
    await producer.stop()
    (came,) = reader.read_from(RETRAIN.name, 0, 10)
    assert (came.key, came.value) == (b"\xff key", b"\x80 value")
    reader.append([Outgoing(RETRAIN.name, came.key, came.value, came.headers)])
    consumer = AIOKafkaConsumer(**connection.client(), auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(name, 0)])
    raw = [await consumer.getone() for _ in range(2)]
    await consumer.stop()
    assert [(one.key, one.value, list(one.headers)) for one in raw] == [
        (b"\xff key", b"\x80 value", headers)
    ] * 2


async def test_the_mark_of_a_transaction_is_no_record(
    reader: KafkaReader, connection: Connection, kafka: AnyBroker
) -> None:
    await published(connection, b"1", b"2")
    assert reader.end(RETRAIN.name) == 4
    found = reader.read_from(RETRAIN.name, 0, 100)
    assert [(one.offset, one.value) for one in found] in ([(0, b"1"), (2, b"2")], [(0, b"1")])
    assert [one.value for part in chunks(reader, RETRAIN) for one in part] == [b"1", b"2"]
    assert reader.read_from(RETRAIN.name, 3, 100) == []


async def test_the_mark_of_a_transaction_is_nothing_that_waits(
    reader: KafkaReader, connection: Connection, kafka: AnyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.kafka.reader.LOOK_SECONDS", -1.0)
    await published(connection, b"1", b"2")
    name = connection.topic(RETRAIN.name)
    waiting = []
    async with AsyncExitStack() as stack:
        group = AIOKafkaConsumer(**connection.client(), group_id=connection.group("train"))
        stack.push_async_callback(group.stop)
        await group.start()
        group.assign([TopicPartition(name, 0)])
        for at in (0, 1, 2, 3):  # as workers do it: one behind the last record handled
            await group.commit({TopicPartition(name, 0): at})
            waiting.append(await asyncio.to_thread(reader.waiting, "train", [RETRAIN.name]) > 0)
    assert waiting == [True, True, True, False]


async def test_what_an_owner_took_back_is_no_record(
    reader: KafkaReader, connection: Connection, kafka: AnyBroker
) -> None:
    publisher = Publisher(connection, "train")
    bad = [Outgoing(RETRAIN.name, b"key", value) for value in (b"bad", b"x" * (LARGEST + 1))]
    with pytest.raises(Permanent):
        await publisher.publish(bad)
    await publisher.publish([Outgoing(RETRAIN.name, b"key", b"7")])
    await publisher.close()
    assert [one.value for part in chunks(reader, RETRAIN) for one in part] == [b"7"]


def test_a_followed_topic_is_read_to_its_end_and_then_followed(
    reader: KafkaReader, reading: Callable[..., KafkaReader]
) -> None:
    reader.append(numbered(MODELS, 20))
    follower = reading(MODELS.name)
    assert numbers(follower.read_from(MODELS.name, 0, 15)) == list(range(15))
    assert numbers(follower.read_from(MODELS.name, 15, 100)) == list(range(15, 20))
    assert follower.read_from(MODELS.name, 20, 100) == []
    reader.append(numbered(MODELS, 5, first=20))
    follower.level()
    assert numbers(follower.read_from(MODELS.name, 20, 100)) == list(range(20, 25))
    assert numbers(follower.read_from(MODELS.name, 2, 3)) == [2, 3, 4]  # no longer held here


def test_who_follows_hears_of_news_without_asking_the_brokers(
    reader: KafkaReader, reading: Callable[..., KafkaReader]
) -> None:
    follower = reading(MODELS.name)
    reader.append(numbered(MODELS, 1))
    latest = time.monotonic() + 30
    while not (found := follower.read_from(MODELS.name, 0, 10)):
        assert time.monotonic() < latest
        time.sleep(0.01)
    assert numbers(found) == [0]


async def test_an_owner_reads_what_it_has_just_published(
    connection: Connection, reading: Callable[..., KafkaReader], kafka: AnyBroker
) -> None:
    """What is committed is seen a moment later: the trainer builds on its last version."""
    async with AsyncExitStack() as stack:
        publisher = Publisher(connection, "train")
        stack.push_async_callback(publisher.close)
        await publisher.publish(numbered(MODELS, 3))
        follower, at = reading(MODELS.name), 0
        for number in range(3, 40):
            mark = Outgoing(MARKS.name, b"mark", b"%d" % number)
            await publisher.publish([*numbered(MODELS, 1, first=number), mark])
            await asyncio.to_thread(follower.level)
            last = follower.read_from(MODELS.name, at, 100)[-1]
            at = last.offset
            newest = follower.newest(MARKS.name, b"mark")
            assert newest is not None
            assert numbers([last, newest]) == [number, number]


def test_brokers_that_never_answered_may_come_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.reader.TRIES", 2)
    away = Connection(f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(Transient, match=f"Kafka at {away.bootstrap}: "):
        KafkaReader(away)


def test_brokers_that_went_away_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.reader.PATIENCE", 2.0)
    broker = MockBroker()
    there = Connection(broker.bootstrap)
    broker.create(there, declared(there, 1, 1))
    reader = KafkaReader(there, follow=[MODELS.name])
    reader.append(numbered(RETRAIN, 3))
    broker.close()
    for ask in (reader.end, reader.count, reader.partitions):
        with pytest.raises(Transient, match=f"Kafka at {there.bootstrap}: "):
            ask(RETRAIN.name)
    reader.close()
