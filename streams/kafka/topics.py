"""Our topics on the brokers: from the one declaration in `streams.topology`; never deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from models.errors import Fatal, Transient
from streams.kafka.connection import Connection
from streams.kafka.publisher import LARGEST
from streams.kafka.refused import meaning, started
from streams.topology import TOPICS, Topic

DAY_MS = 24 * 60 * 60 * 1_000

COMPACTED_DAYS = 7
"""After how long what is overwritten or erased in a compacted topic goes, at the latest (KIP-354):
as long as texts are kept."""

TRIES = 200


@dataclass(frozen=True)
class Declared:
    """A topic as it is to be on the brokers."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def declared(
    connection: Connection, partitions: int, replication: int, topics: Sequence[Topic] = TOPICS
) -> list[Declared]:
    """Return our topics; `partitions` for those whose work is shared out."""
    return [
        Declared(
            connection.topic(topic.name),
            topic.partitions or partitions,
            replication,
            _config(topic, replication),
        )
        for topic in topics
    ]


def _config(topic: Topic, replication: int) -> dict[str, str]:
    kept = -1 if topic.keep_days is None or topic.removes else topic.keep_days * DAY_MS
    # By itself Kafka compacts when half of a topic is overwritten, which may be never.
    soon = {"max.compaction.lag.ms": str(COMPACTED_DAYS * DAY_MS)} if topic.removes else {}
    return {
        "cleanup.policy": "compact" if topic.removes else "delete",
        "retention.ms": str(kept),
        "max.message.bytes": str(LARGEST),
        # What is acknowledged lies on all replicas that keep up: with one of three away, on two.
        "min.insync.replicas": str(max(1, replication - 1)),
        **soon,
    }


async def create(connection: Connection, wanted: Sequence[Declared]) -> list[str]:
    """Create what is not there; return the names of what was created. The rest stays as it is.

    Raises:
        Transient: the brokers do not answer.
        Fatal: they refuse.
    """
    async with _Admin(connection) as admin:
        there = set(await admin.list_topics())
        new = [one for one in wanted if one.name not in there]
        if not new:
            return []
        answer = await admin.create_topics(
            [
                NewTopic(one.name, one.partitions, one.replication, topic_configs=one.config)
                for one in new
            ]
        )
        for name, code, *message in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise Fatal(f"topic {name} cannot be created: {message[0] or error.__name__}")
        await _listed(admin, {one.name for one in new})
        return [one.name for one in new]


async def _listed(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until the brokers know of topics that their controller has created."""
    for _ in range(TRIES):
        if names <= set(await admin.list_topics()):
            return
        await asyncio.sleep(0.05)
    raise Transient("the brokers do not show the topics that they have created: check again")


async def differences(connection: Connection, wanted: Sequence[Declared]) -> list[str]:
    """Return what is not as declared, a line each; nothing is changed.

    Raises:
        Transient: the brokers do not answer.
    """
    async with _Admin(connection) as admin:
        there = set(await admin.list_topics())
        missing = [one for one in wanted if one.name not in there]
        found = [f"{one.name} is not there" for one in missing]
        known = [one for one in wanted if one.name in there]
        described = await admin.describe_topics([one.name for one in known]) if known else []
        parts = {one["topic"]: one["partitions"] for one in described}
        configs = await _configs(admin, [one.name for one in known])
        for one in known:
            has = len(parts[one.name])
            if has != one.partitions:
                found.append(f"{one.name} has {has} partitions, declared are {one.partitions}")
            copies = min(len(part["replicas"]) for part in parts[one.name])
            if copies != one.replication:
                found.append(f"{one.name} has {copies} replicas, declared are {one.replication}")
            for key, value in one.config.items():
                if (is_ := configs[one.name].get(key)) != value:
                    found.append(f"{one.name} has {key}={is_}, declared is {value}")
        return found


async def configured(connection: Connection, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return how these topics, as they are called on the brokers, are configured there.

    Raises:
        Transient: the brokers do not answer.
    """
    async with _Admin(connection) as admin:
        there = set(await admin.list_topics())
        return await _configs(admin, [one for one in topics if one in there])


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for resource in answer.resources:
            found[resource[3]] = {entry[0]: entry[1] for entry in resource[4]}
    return found


class _Admin:
    """A connected administrator; what goes wrong comes as our own errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = AIOKafkaAdminClient(**connection.client())

    async def __aenter__(self) -> AIOKafkaAdminClient:
        try:
            await started(self._connection, self._client)
        except Fatal:
            await self._client.close()
            raise
        except KafkaError as error:
            await self._client.close()
            raise await meaning(self._connection, error) from error
        return self._client

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._client.close()
        if isinstance(error, KafkaError):
            raise await meaning(self._connection, error) from error
