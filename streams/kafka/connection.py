"""Where the brokers are, what our topics and groups are called there, and records on their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from streams.kafka.security import Security
from streams.stage import Delivered

RETRY_MS = 300
"""Between two tries of whatever a client does: brokers that are away are asked by dozens."""


class Received(Protocol):
    """A record as a client hands it out (aiokafka's, or Faust's message)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any
    timestamp: Any


@dataclass(frozen=True)
class Connection:
    """One Kafka cluster. Topics and consumer groups are called `prefix` and their name.

    `session` is after how many seconds without a heartbeat a worker counts as dead: what a killed
    one held stands still for as long.
    """

    bootstrap: str
    prefix: str = "redstream."
    session: float = 10.0
    security: Security = field(default_factory=Security)

    def topic(self, name: str) -> str:
        """Return what a topic of ours is called on the brokers."""
        return self.prefix + name

    def name(self, topic: str) -> str:
        """Return what a topic on the brokers is called here."""
        return topic.removeprefix(self.prefix)

    def group(self, stage: str) -> str:
        """Return the consumer group of a stage."""
        return self.prefix + stage

    def client(self) -> dict[str, Any]:
        """Return what every client of aiokafka is made with."""
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": "redstream",
            "retry_backoff_ms": RETRY_MS,
            **self.security.client(),
        }

    def delivered(self, record: Received, seconds: float) -> Delivered:
        """Return a record as stages see it, stamped with its time in seconds."""
        return Delivered(
            self.name(record.topic),
            record.partition,
            record.offset,
            record.key,
            record.value,
            headers_of(record.headers),
            seconds,
        )


def headers_of(headers: Any) -> dict[str, str]:
    """Return headers by name; bytes that are no UTF-8 travel on as escapes, to the same bytes."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return {
        name: (value or b"").decode("utf-8", "surrogateescape")
        if isinstance(value, bytes | None)
        else str(value)
        for name, value in pairs
    }


def headers_to(headers: Any) -> Sequence[tuple[str, bytes]]:
    """Return headers as they travel."""
    return [(name, value.encode("utf-8", "surrogateescape")) for name, value in headers.items()]
