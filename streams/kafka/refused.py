"""Why brokers do not let us in. aiokafka says of any reason only that it did not connect.

Who is refused stops and is told what to do; who meets nobody waits. So brokers are asked once more,
one by one, and what is wrong with each attempt is looked at.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from models.errors import Fatal, Transient
from streams.kafka.connection import Connection
from streams.kafka.security import MECHANISMS, Security

LOOK_SECONDS = 5.0
"""For one broker: who does not answer in that time is away."""

CLOSE_SECONDS = 1.0

FORBIDDEN = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

ALERTS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "UNKNOWN_CA")
"""What a broker says that misses a certificate of ours, or does not accept it."""


async def started(connection: Connection, client: Any) -> None:
    """Start a client of aiokafka.

    Raises:
        Fatal: the brokers are there, and refuse us.
        KafkaError: they do not answer.
    """
    try:
        await client.start()
    except (KafkaError, ValueError):
        if refused := await refusal(connection):
            raise refused from None
        raise


async def meaning(connection: Connection, error: Exception) -> Fatal | Transient:
    """Return what an error of a client means: to stop, or to try again."""
    if isinstance(error, FORBIDDEN):
        return Fatal(
            f"Kafka at {connection.bootstrap} forbids this to {_who(connection)}"
            f" ({type(error).__name__}): topics, groups and transactional ids that begin with"
            f" {connection.prefix} have to be allowed to it, by kafka-acls"
        )
    if refused := await refusal(connection):
        return refused
    return Transient(f"Kafka at {connection.bootstrap}: {str(error) or 'no answer'}")


async def refusal(connection: Connection) -> Fatal | None:
    """Return why a broker refuses us, those included that the named ones name; None: none does."""
    asked = [(host, port) for host, port, _ in collect_hosts(connection.bootstrap)]
    for host, port in asked:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                asked += [one for one in await _named(connection, host, port) if one not in asked]
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            if why := await _why(connection, host, port, error):
                return Fatal(f"Kafka at {host}:{port}: {why}")
    return None


@asynccontextmanager
async def _opened(
    connection: Connection, host: str, port: int
) -> AsyncIterator[AIOKafkaConnection]:
    """Connect as every client does, and leave nothing open, also where that does not succeed."""
    settings = connection.security.client()
    patience = int(LOOK_SECONDS * 1_000)
    opened = AIOKafkaConnection(host, port, **settings, request_timeout_ms=patience)
    try:
        await opened.connect()
        yield opened
    finally:
        closed = opened.close()
        if opened._protocol is not None:  # else there was no connection, and none is closed
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS)


async def _named(connection: Connection, host: str, port: int) -> list[tuple[str, int]]:
    """Return the brokers that this one names."""
    async with _opened(connection, host, port) as opened:
        found = await opened.send(MetadataRequest([]))
    return [(broker[1], broker[2]) for broker in found.brokers]


async def _why(connection: Connection, host: str, port: int, error: Exception) -> str | None:
    security = connection.security
    match error:
        case ConnectionRefusedError() | TimeoutError() | socket.gaierror():
            return None  # away
        case SaslAuthenticationFailed() | AuthenticationFailedError():
            return (
                f"{_who(connection)} is not let in: check REDSTREAM_KAFKA_USER,"
                " REDSTREAM_KAFKA_PASSWORD (or _FILE) and REDSTREAM_KAFKA_SASL"
            )
        case UnsupportedSaslMechanismError():
            return (
                f"{security.mechanism} is not among what it offers:"
                " set REDSTREAM_KAFKA_SASL to one that is"
            )
        case IllegalSaslStateError():
            return "it lets nobody log in: unset REDSTREAM_KAFKA_SASL, or is it another listener?"
        case ssl.SSLCertVerificationError():
            return _certificate(error, host)
        case ValueError():  # of SCRAM: the broker proves that it knows the password as well
            return "it does not prove who it is: is this your broker?"
    if _of_our_certificate(error):
        return (
            "it wants a certificate of ours that it accepts: check REDSTREAM_KAFKA_CERT_FILE and"
            " REDSTREAM_KAFKA_KEY_FILE"
        )
    if security.tls is not None and await _speaks_plainly(connection, host, port):
        return "it does not speak TLS: unset REDSTREAM_KAFKA_TLS, or is it another listener?"
    if security.tls is None and await _speaks_tls(host, port):
        return "it speaks TLS: set REDSTREAM_KAFKA_TLS=true, or is it another listener?"
    if security.mechanism is None and await _wants_a_user(connection, host, port):
        return "it wants a user: set REDSTREAM_KAFKA_SASL, or is it another listener?"
    return None


def _who(connection: Connection) -> str:
    user = connection.security.user
    return f"user {user!r}" if user else "who has no name"


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    said = error.verify_message
    if "ostname" in said or "IP address" in said:
        return (
            f"its certificate is not made out to {host} ({said}): name it in REDSTREAM_KAFKA as its"
            " certificate does, or have one made for this name (advertised.listeners as well)"
        )
    return (
        f"its certificate cannot be verified ({said}): name the file of who signed it by"
        " REDSTREAM_KAFKA_CA_FILE"
    )


def _of_our_certificate(error: BaseException | None) -> bool:
    """Whether a broker complains of our certificate, or of its absence."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return any(name in (error.reason or "") for name in ALERTS)
        error = error.__cause__ or error.__context__
    return False


async def _speaks_plainly(connection: Connection, host: str, port: int) -> bool:
    """Whether Kafka is spoken there without TLS: nothing is sent but the question."""
    try:
        async with _opened(replace(connection, security=Security()), host, port):
            return True
    except (KafkaError, OSError, TimeoutError):
        return False


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether TLS is spoken there, whoever it is: nothing is sent."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=anybody)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def _wants_a_user(connection: Connection, host: str, port: int) -> bool:
    """Whether a broker that does not answer nobody would let somebody log in."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            async with _opened(connection, host, port) as opened:
                answer = await opened.send(SaslHandShakeRequest(MECHANISMS["plain"]))
    except (KafkaError, OSError, TimeoutError):
        return False
    return bool(answer.enabled_mechanisms)
