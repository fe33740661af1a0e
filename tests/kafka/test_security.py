"""Brokers that ask who one is: every client gets in, and who does not is told why, in one line."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from models.errors import Fatal
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.reader import KafkaReader
from streams.kafka.refused import refusal
from streams.kafka.topics import create, declared, differences
from streams.kafka.worker import Worker
from streams.program.kafka_settings import connection
from streams.stage import Outgoing
from streams.topology import LABELED, MODELS, TEXTS
from tests.contract.runner_stages import copy
from tests.e2e import program
from tests.kafka.provided import AnyBroker
from tests.kafka.secured import NOBODY, PASSWORD, USER, WRONG, SecuredBroker, secured
from tools.jars import fetched

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def broker_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    made = secured(fetched(), tmp_path_factory.mktemp("secured"))
    yield made
    made.broker.close()


@pytest.fixture
def safe(kafka: AnyBroker, request: pytest.FixtureRequest) -> SecuredBroker:
    """Only where Kafka itself can be had."""
    made: SecuredBroker = request.getfixturevalue("broker_of")
    return made


async def through(where: Connection, folder: Path) -> None:
    """A record through each client: administrator, publisher, reader, tail, owner, Faust."""
    topics = declared(where, 1, 1, [TEXTS, LABELED, MODELS])
    assert set(await create(where, topics)) == {one.name for one in topics}
    assert await differences(where, topics) == []
    reader = await asyncio.to_thread(KafkaReader, where, follow=[MODELS.name])
    worker = Worker(copy(), where, reader, folder=folder, alone=True, give_up=lambda status: None)
    working = asyncio.create_task(worker.run())
    try:
        publisher = Publisher(where)
        await publisher.publish(
            [Outgoing(TEXTS.name, b"k", b"v"), Outgoing(MODELS.name, b"k", b"")]
        )
        await publisher.close()
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(reader.read_from, LABELED.name, 0, 1):
                assert not working.done()
        await asyncio.to_thread(reader.level)
        assert [one.key for one in reader.read_from(MODELS.name, 0, 1)] == [b"k"]
    finally:
        worker.stop()
        await working
        await asyncio.to_thread(reader.close)


@pytest.mark.parametrize(
    ("protocol", "more"),
    [
        ("SASL_SSL", {"kafka_sasl": "plain"}),
        ("SASL_SSL", {"kafka_sasl": "scram-sha-512"}),
        ("SSL", {"kafka_cert_file": "client.pem"}),
    ],
)
async def test_every_client_gets_in(
    safe: SecuredBroker, tmp_path: Path, protocol: str, more: dict[str, Any]
) -> None:
    if "kafka_cert_file" in more:
        more = {"kafka_cert_file": safe.folder / more["kafka_cert_file"]}
    settings = safe.settings(
        protocol, kafka_prefix=f"s{uuid.uuid4().hex[:12]}.", kafka_session=6.0, **more
    )
    await through(connection(settings), tmp_path)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("SASL_SSL", {"kafka_password": WRONG}, "user 'alice' is not let in: check REDSTREAM_KAFKA_U"),
    ("SASL_SSL", {"kafka_password": WRONG, "kafka_sasl": "plain"}, "'alice' is not let in"),
    ("SASL_SSL", {"kafka_user": "nobody"}, "user 'nobody' is not let in"),
    ("SASL_SSL", {"kafka_sasl": "scram-sha-256"}, "SCRAM-SHA-256 is not among what it offers"),
    ("SASL_SSL", {"kafka_ca_file": "other-ca.pem"}, "cannot be verified .*KAFKA_CA_FILE"),
    ("SASL_SSL", {"kafka_ca_file": None}, "cannot be verified .*KAFKA_CA_FILE"),
    ("SASL_SSL", {"kafka": "localhost"}, "is not made out to localhost"),
    (
        "SASL_SSL",
        {"kafka_sasl": None, "kafka_user": None, "kafka_password": None},
        "wants a user: set REDSTREAM_KAFKA_SASL",
    ),
    (
        "SASL_SSL",
        {"kafka_tls": False, "kafka_ca_file": None},
        "speaks TLS: set REDSTREAM_KAFKA_TLS",
    ),
    ("SSL", {}, "wants a certificate of ours that it accepts: check REDSTREAM_KAFKA_C"),
    ("PLAINTEXT", {"kafka_tls": True}, "does not speak TLS: unset REDSTREAM_KAFKA_TLS"),
    (
        "PLAINTEXT",
        {"kafka_sasl": "plain", "kafka_user": USER, "kafka_password": PASSWORD},
        "lets nobody log in: unset REDSTREAM_KAFKA_SASL",
    ),
]


@pytest.mark.parametrize(("protocol", "more", "says"), REFUSED)
def test_who_is_refused_is_told_at_once_what_to_do(
    safe: SecuredBroker, protocol: str, more: dict[str, Any], says: str
) -> None:
    if more.get("kafka_ca_file"):
        more = {**more, "kafka_ca_file": safe.folder / more["kafka_ca_file"]}
    if "kafka" in more:
        more = {**more, "kafka": safe.at(protocol, more["kafka"])}
    where = connection(safe.settings(protocol, **more))
    began = time.monotonic()
    with pytest.raises(Fatal, match=says) as told:
        KafkaReader(where)
    assert time.monotonic() - began < 20
    line = str(told.value)
    assert "\n" not in line
    assert PASSWORD not in line
    assert WRONG not in line
    with pytest.raises(Fatal, match=says):
        asyncio.run(create(where, declared(where, 1, 1, [TEXTS])))
    with pytest.raises(Fatal, match=says):
        asyncio.run(Publisher(where).start())


def test_who_may_not_is_told_what_to_allow(safe: SecuredBroker) -> None:
    login = {"kafka_sasl": "plain", "kafka_prefix": f"f{uuid.uuid4().hex[:12]}."}
    all_may = connection(safe.settings("SASL_SSL", **login))
    asyncio.run(create(all_may, declared(all_may, 1, 1)))
    where = connection(safe.settings("SASL_SSL", kafka_user=NOBODY, **login))
    says = f"forbids this to user '{NOBODY}' .* begin with {where.prefix} have to be allowed"
    with pytest.raises(Fatal, match=says):
        asyncio.run(published(where))
    with pytest.raises(Fatal, match=says):
        KafkaReader(where, follow=[MODELS.name])
    with closing(KafkaReader(where)) as reader, pytest.raises(Fatal, match=says):
        reader.partitions(TEXTS.name)


ALLOWED = {
    ResourceType.TOPIC: ("READ", "WRITE", "DESCRIBE", "CREATE", "DESCRIBE_CONFIGS"),
    ResourceType.GROUP: ("READ", "DESCRIBE"),
    ResourceType.TRANSACTIONAL_ID: ("WRITE", "DESCRIBE"),
}
"""As docs/kafka.md has it."""


async def test_what_the_page_has_allowed_is_enough_for_every_client(
    safe: SecuredBroker, tmp_path: Path
) -> None:
    prefix = f"a{uuid.uuid4().hex[:12]}."
    bindings = [
        AclBinding(
            kind,
            prefix,
            ResourcePatternType.PREFIXED,
            f"User:{NOBODY}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for kind, operations in ALLOWED.items()
        for operation in operations
    ]
    admin = AdminClient({"bootstrap.servers": safe.at("PLAINTEXT")})
    for done in admin.create_acls(bindings).values():
        await asyncio.to_thread(done.result, 30)
    login = {"kafka_sasl": "plain", "kafka_user": NOBODY, "kafka_session": 6.0}
    where = connection(safe.settings("SASL_SSL", kafka_prefix=prefix, **login))
    await through(where, tmp_path)


async def published(where: Connection) -> None:
    publisher = Publisher(where)
    try:
        await publisher.publish([Outgoing(TEXTS.name, b"k", b"v")])
    finally:
        await publisher.close()


def test_nobody_is_called_refused_who_is_let_in(safe: SecuredBroker) -> None:
    where = connection(safe.settings("SASL_SSL"))
    assert asyncio.run(refusal(where)) is None
    away = replace(where, bootstrap="127.0.0.1:1")
    assert asyncio.run(refusal(away)) is None


def test_a_worker_with_a_wrong_password_ends_with_a_line_and_the_right_one_is_read_from_a_file(
    safe: SecuredBroker, tmp_var: Path, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(WRONG + "\n")
    environment = {
        "REDSTREAM_KAFKA": safe.at("SASL_SSL"),
        "REDSTREAM_KAFKA_TLS": "true",
        "REDSTREAM_KAFKA_CA_FILE": str(safe.folder / "ca.pem"),
        "REDSTREAM_KAFKA_SASL": "plain",
        "REDSTREAM_KAFKA_USER": USER,
        "REDSTREAM_KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
        "REDSTREAM_VAR": str(tmp_var),
    }
    said = program.redstream("worker", "later", fails=True, **environment)
    assert f"user '{USER}' is not let in" in said.splitlines()[-1]
    assert WRONG not in said
    said = program.redstream("topics", "check", fails=True, **environment)
    assert said.count("\n") == 1, said
    (tmp_path / "password").write_text(PASSWORD + "\n")
    made = program.redstream("topics", "create", REDSTREAM_KAFKA_PREFIX="own.", **environment)
    assert "own.texts is created." in made
    with closing(KafkaReader(connection(safe.settings("SASL_SSL", kafka_prefix="own.")))) as log:
        assert log.end(TEXTS.name) == 0
