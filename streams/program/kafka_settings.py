"""The connection to Kafka that the settings name."""

from __future__ import annotations

import ssl

from pydantic import SecretStr

from judge.transport import is_loopback, trusting
from models.errors import Fatal
from streams.kafka.connection import Connection
from streams.kafka.security import MECHANISMS, Security
from streams.kafka.topics import Declared, declared
from streams.program.keys import password_of
from streams.program.settings import Settings


def connection(settings: Settings) -> Connection:
    """Return where the brokers are, and how they are spoken to.

    Raises:
        Fatal: no brokers are named, or settings that belong together are not.
    """
    if settings.kafka is None:
        raise Fatal("no brokers are named: set REDSTREAM_KAFKA, 127.0.0.1:9092 for one")
    return Connection(
        settings.kafka, settings.kafka_prefix, settings.kafka_session, _security(settings)
    )


def topics(settings: Settings) -> list[Declared]:
    """Return the topics as the settings want them."""
    return declared(connection(settings), settings.kafka_partitions, settings.kafka_replication)


def _security(settings: Settings) -> Security:
    password, tls = password_of(settings, "kafka"), _tls(settings)
    if settings.kafka_sasl is None:
        if password or settings.kafka_user:
            raise Fatal(
                "REDSTREAM_KAFKA_USER or its password is set, but not how to log in: set"
                f" REDSTREAM_KAFKA_SASL to one of {', '.join(MECHANISMS)}, or unset the others"
            )
        return Security(tls)
    if not (password and settings.kafka_user):
        raise Fatal(
            f"REDSTREAM_KAFKA_SASL={settings.kafka_sasl} needs REDSTREAM_KAFKA_USER and"
            " REDSTREAM_KAFKA_PASSWORD (or REDSTREAM_KAFKA_PASSWORD_FILE)"
        )
    if tls is None and not settings.kafka_plain_password:
        for host in _hosts(settings.kafka or ""):
            if not is_loopback(host):
                raise Fatal(
                    f"the password for Kafka would travel to {host} unencrypted: set"
                    " REDSTREAM_KAFKA_TLS=true, or say REDSTREAM_KAFKA_PLAIN_PASSWORD=true where"
                    " the network between is your own"
                )
    return Security(tls, MECHANISMS[settings.kafka_sasl], settings.kafka_user, SecretStr(password))


def _tls(settings: Settings) -> ssl.SSLContext | None:
    files = {
        "CA_FILE": settings.kafka_ca_file,
        "CERT_FILE": settings.kafka_cert_file,
        "KEY_FILE": settings.kafka_key_file,
    }
    if not settings.kafka_tls:
        for name, path in files.items():
            if path is not None:
                raise Fatal(
                    f"REDSTREAM_KAFKA_{name} is set, but brokers are spoken to in plain text: set"
                    " REDSTREAM_KAFKA_TLS=true as well, or unset it"
                )
        return None
    made = trusting(settings.kafka_ca_file, "REDSTREAM_KAFKA_CA_FILE")
    certificate, key = settings.kafka_cert_file, settings.kafka_key_file
    if certificate is None:
        if key is not None:
            raise Fatal("REDSTREAM_KAFKA_KEY_FILE is set, but no REDSTREAM_KAFKA_CERT_FILE")
        return made
    try:
        # A key that is encrypted would be asked about on the terminal.
        made.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        why = "they have to be PEM, the key of this certificate, and not encrypted"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            why = str(error.strerror)
        raise Fatal(
            f"cannot use REDSTREAM_KAFKA_CERT_FILE {certificate} with its key"
            f" {key or certificate}: {why}"
        ) from None
    return made


def _hosts(brokers: str) -> list[str]:
    """Return the hosts of `host:port,[::1]:port`."""
    return [one.strip().rpartition(":")[0].strip("[]") or one.strip() for one in brokers.split(",")]
