"""Topics copied into a file and filled from it again: every record where it lay."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from models.errors import Fatal, Transient
from streams.derived import everything
from streams.kafka.connection import Connection
from streams.kafka.consumer import opened, stopped
from streams.kafka.copyfile import CopyFile, Position
from streams.kafka.export import export
from streams.kafka.publisher import Publisher
from streams.kafka.reader import KafkaReader
from streams.kafka.refill import AT_ONCE, refill
from streams.kafka.topics import declared
from streams.stage import Delivered, Outgoing
from streams.topology import (
    CLASSIFY,
    DRIFT,
    LABELED,
    LABELS,
    LEDGER,
    MODELS,
    RECHECK,
    RETRAIN,
    TEXTS,
    TOPICS,
    VERDICTS,
    Topic,
)
from tests.kafka.conftest import PARTITIONS
from tests.kafka.provided import AnyBroker

pytestmark = pytest.mark.kafka


@pytest.fixture
def full(kafka: AnyBroker, connection: Connection) -> Connection:
    """Our topics; only Kafka itself has offsets that transactions use up."""
    return connection


@pytest.fixture
def other(kafka: AnyBroker) -> Iterator[Connection]:
    """Our topics once more, as on another cluster."""
    made = Connection(kafka.bootstrap, f"t{uuid.uuid4().hex[:12]}.", session=6.0)
    topics = declared(made, PARTITIONS, 1)
    kafka.create(made, topics)
    yield made
    kafka.remove([one.name for one in topics])


async def published(connection: Connection, *batches: list[Outgoing]) -> None:
    """Publish each batch in a transaction of its own."""
    publisher = Publisher(connection, "train")
    for batch in batches:
        await publisher.publish(batch)
    await publisher.close()


def lessons(*values: bytes) -> list[Outgoing]:
    return [Outgoing(RETRAIN.name, b"key", value, {"füll": "\udcff"}) for value in values]


def copied(connection: Connection, path: Path) -> int:
    with closing(KafkaReader(connection)) as reader, closing(CopyFile(path)) as file:
        return export(reader, file)


def filled(connection: Connection, path: Path) -> int:
    with closing(CopyFile(path, read_only=True)) as file:
        return asyncio.run(refill(connection, file))


def records(connection: Connection) -> dict[str, list[Delivered]]:
    with closing(KafkaReader(connection)) as reader:
        return {
            topic.name: [one for some in everything(reader, topic) for one in some]
            for topic in TOPICS
        }


def ends(connection: Connection) -> dict[str, list[int]]:
    with closing(KafkaReader(connection)) as reader:
        return {
            topic.name: [reader.end(topic.name, part) for part in reader.partitions(topic.name)]
            for topic in TOPICS
            if not topic.compacted
        }


def test_records_keep_place_time_key_and_headers_over_what_transactions_used_up(
    full: Connection, other: Connection, tmp_path: Path
) -> None:
    with closing(KafkaReader(full)) as reader:
        reader.append([Outgoing(TEXTS.name, b"%d" % n, b"text %d" % n) for n in range(30)])
        reader.append([Outgoing(TEXTS.name, b"\xff", None, {"h": "v"})])
        reader.append(lessons(b"0"))
    asyncio.run(published(full, lessons(b"1"), lessons(b"3", b"4"), lessons(b"6")))
    with closing(KafkaReader(full)) as reader:
        reader.append(lessons(b"8"))
    before = records(full)
    assert [one.offset for one in before[RETRAIN.name]] == [0, 1, 3, 4, 6, 8]
    count = copied(full, tmp_path / "copy.sqlite")
    assert count == filled(other, tmp_path / "copy.sqlite") == sum(map(len, before.values()))
    assert records(other) == before
    assert ends(other) == ends(full)
    # Copied once more, it is the same: also what begins after something that was let go of.
    again = tmp_path / "again.sqlite"
    assert copied(other, again) == count


def test_a_place_after_a_gap_is_the_place_it_was(other: Connection, tmp_path: Path) -> None:
    path = tmp_path / "copy.sqlite"
    gaps = {VERDICTS: 1, RETRAIN: 2, LABELS: 3, DRIFT: 1_000, LABELED: AT_ONCE + 1}
    kept: dict[str, list[Delivered]] = {}
    with closing(CopyFile(path)) as file:
        for topic, gap in gaps.items():
            places = [gap, gap + 1, gap + 2, 2 * gap + 3]
            kept[topic.name] = [
                Delivered(topic.name, 0, at, b"k", b"%d" % at, {}, 1.5e9) for at in places
            ]
            file.add(file.begin(topic.name, 0, 3 * gap + 4), kept[topic.name])
    filled(other, path)
    found, behind = records(other), ends(other)
    for topic, gap in gaps.items():
        assert [one for one in found[topic.name] if one.value is not None] == kept[topic.name]
        assert behind[topic.name] == [3 * gap + 4]


async def worked_off(connection: Connection, topic: Topic, offsets: dict[int, int]) -> None:
    """Have classify be so far in each partition of a topic."""
    consumer = await opened(connection, group_id=connection.group(CLASSIFY.name))
    at = {TopicPartition(connection.topic(topic.name), n): to for n, to in offsets.items()}
    consumer.assign(list(at))
    await consumer.commit(at)
    await stopped(consumer)


def test_stages_go_on_where_they_were_and_what_is_done_on_the_way_is_left_out(
    full: Connection, other: Connection, tmp_path: Path
) -> None:
    keys = [b"%d" % n for n in range(12)]
    asyncio.run(published(full, *[[Outgoing(RECHECK.name, key, b"again")] for key in keys]))
    lying = records(full)[RECHECK.name]
    half = {n: sum(one.partition == n for one in lying) for n in range(PARTITIONS)}
    assert all(half.values())
    asyncio.run(worked_off(full, RECHECK, half))  # as many again are marks of transactions
    copied(full, tmp_path / "copy.sqlite")
    filled(other, tmp_path / "copy.sqlite")
    left = [one for one in lying if one.offset >= half[one.partition]]
    assert records(other)[RECHECK.name] == left
    assert ends(other) == ends(full)
    with closing(KafkaReader(other)) as reader:
        assert {
            n: reader.position(CLASSIFY.name, RECHECK.name, n) for n in range(PARTITIONS)
        } == half
        assert reader.position(CLASSIFY.name, TEXTS.name) == 0


def test_of_a_compacted_topic_positions_move(
    full: Connection, other: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "copy.sqlite"
    kept = [Delivered(MODELS.name, 0, 10 * n, b"%d" % n, b"x", {}, 1.5e9) for n in range(4)]
    with closing(CopyFile(path)) as file:
        file.add(file.begin(MODELS.name, 0, 50), kept)
        file.note([Position(LEDGER.name, MODELS.name, 0, 15)])
    filled(other, path)
    with closing(KafkaReader(other)) as reader:
        at = reader.position(LEDGER.name, MODELS.name)
        assert [one.key for one in reader.read_from(MODELS.name, at, 9)] == [b"2", b"3"]


def test_topics_that_are_not_empty_are_left_alone(
    full: Connection, other: Connection, tmp_path: Path
) -> None:
    with closing(KafkaReader(other)) as reader:
        reader.append(lessons(b"of somebody"))
    copied(full, tmp_path / "copy.sqlite")
    with pytest.raises(Fatal, match=r"retrain is not empty.*REDSTREAM_KAFKA_PREFIX"):
        filled(other, tmp_path / "copy.sqlite")
    assert len(records(other)[RETRAIN.name]) == 1


def test_topics_with_other_partitions_are_not_filled(
    full: Connection, other: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "copy.sqlite"
    with closing(CopyFile(path)) as file:
        for part in range(PARTITIONS + 1):
            file.begin(TEXTS.name, part, 0)
    with pytest.raises(Fatal, match=r"texts has 3 partitions, in the backup it has 4"):
        filled(other, path)


def test_a_copy_that_the_brokers_do_not_hand_out_is_none(
    full: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_yet(
        self: KafkaReader, part: TopicPartition, at: int, end: int, limit: int
    ) -> list[Delivered]:
        self._consumer.seek(part, at)
        await asyncio.sleep(0.5)
        return []

    monkeypatch.setattr(KafkaReader, "_fetched", nothing_yet)
    with closing(KafkaReader(full)) as reader:
        reader.append(lessons(b"0"))
    with pytest.raises(Transient, match="do not hand out"):
        copied(full, tmp_path / "copy.sqlite")


def test_what_an_owner_has_not_committed_is_not_waited_for(
    full: Connection, tmp_path: Path
) -> None:
    with closing(KafkaReader(full)) as reader:
        reader.append(lessons(b"0"))

    async def opened_and_left() -> int:
        producer = AIOKafkaProducer(
            bootstrap_servers=full.bootstrap, transactional_id=full.group("train")
        )
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(full.topic(RETRAIN.name), b"open", b"key", partition=0)
            return await asyncio.to_thread(copied, full, tmp_path / "copy.sqlite")
        finally:
            await producer.abort_transaction()
            await producer.stop()

    assert asyncio.run(opened_and_left()) == 1
