"""Our topics on a broker: created as they are declared, and never altered or deleted."""

from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from models.errors import Fatal, Transient
from streams.kafka.connection import Connection
from streams.kafka.topics import Declared, create, declared, differences
from streams.topology import MODELS, TEXTS, TOPICS, VERDICTS
from tests.kafka.provided import AnyBroker
from tools.broker import free_ports

pytestmark = pytest.mark.kafka


@pytest.fixture
def wanted(kafka: AnyBroker, empty: Connection) -> Iterator[list[Declared]]:
    topics = declared(empty, 2, 1)
    yield topics
    kafka.remove([one.name for one in topics])


async def admin(connection: Connection) -> AIOKafkaAdminClient:
    made = AIOKafkaAdminClient(**connection.client())
    await made.start()
    return made


def test_work_is_shared_out_and_what_builds_on_one_order_is_not() -> None:
    found = {one.name: one for one in declared(Connection("", "p."), 6, 3)}
    assert len(found) == len(TOPICS)
    texts, verdicts, models = (found[f"p.{one.name}"] for one in (TEXTS, VERDICTS, MODELS))
    assert (texts.partitions, verdicts.partitions, models.partitions) == (6, 1, 1)
    assert {one.replication for one in found.values()} == {3}
    assert {one.config["min.insync.replicas"] for one in found.values()} == {"2"}
    assert declared(Connection("", "p."), 6, 1)[0].config["min.insync.replicas"] == "1"
    week = str(7 * 24 * 3_600 * 1_000)
    assert (texts.config["cleanup.policy"], texts.config["retention.ms"]) == ("delete", week)
    assert verdicts.config["retention.ms"] == "-1"
    assert (models.config["cleanup.policy"], models.config["retention.ms"]) == ("compact", "-1")


async def test_what_is_created_is_as_declared(empty: Connection, wanted: list[Declared]) -> None:
    assert await differences(empty, wanted) == [f"{one.name} is not there" for one in wanted]
    assert await create(empty, wanted) == [one.name for one in wanted]
    assert await differences(empty, wanted) == []


async def test_created_again_only_what_is_missing_is_made(
    empty: Connection, wanted: list[Declared]
) -> None:
    assert await create(empty, wanted[:3]) == [one.name for one in wanted[:3]]
    assert await create(empty, wanted) == [one.name for one in wanted[3:]]
    assert await create(empty, wanted) == []


async def test_what_differs_is_named_and_left_as_it_is(
    empty: Connection, wanted: list[Declared]
) -> None:
    name, stranger = empty.topic(TEXTS.name), empty.topic("somebody-elses")
    config = {"retention.ms": "60000", "cleanup.policy": "compact"}
    client = await admin(empty)
    try:
        await client.create_topics([NewTopic(name, 5, 1, topic_configs=config)])
        await client.create_topics([NewTopic(stranger, 1, 1)])
        await create(empty, wanted)
        (is_,) = [one for one in wanted if one.name == name]
        expected = [
            f"{name} has 5 partitions, declared are 2",
            f"{name} has cleanup.policy=compact, declared is delete",
            f"{name} has retention.ms=60000, declared is {is_.config['retention.ms']}",
            f"{name} has max.message.bytes=1048588, declared is {is_.config['max.message.bytes']}",
        ]
        for _ in range(2):  # naming them has changed nothing
            assert await differences(empty, wanted) == expected
        assert stranger in await client.list_topics()
    finally:
        await client.delete_topics([stranger])
        await client.close()


async def test_copies_that_the_brokers_cannot_hold_are_refused(
    empty: Connection, wanted: list[Declared]
) -> None:
    (texts,) = declared(empty, 2, 3, [TEXTS])
    with pytest.raises(Fatal, match=rf"topic {texts.name} cannot be created: .*replication"):
        await create(empty, [texts])
    await create(empty, wanted)
    found = await differences(empty, [texts])
    assert found == [
        f"{texts.name} has 1 replicas, declared are 3",
        f"{texts.name} has min.insync.replicas=1, declared is 2",
    ]


async def test_brokers_that_are_away_may_come_back() -> None:
    away = Connection(f"127.0.0.1:{free_ports(1)[0]}")
    for ask in (create, differences):
        with pytest.raises(Transient, match=f"Kafka at {away.bootstrap}: "):
            await ask(away, declared(away, 1, 1))
