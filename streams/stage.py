"""What a stage is, what it is given, and what becomes of a record it cannot use."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, TypeVar, runtime_checkable

from models.errors import Permanent, RedstreamError
from streams.records import DeadLetter
from streams.topology import DEADLETTERS, TOPICS, StageSpec, Topic
from streams.wire import Record

T = TypeVar("T")

REMOVING = frozenset(topic.name for topic in TOPICS if topic.removes)

ERASED = "redstream-erased"
"""Header of a record in a folder's log of which nothing else is left."""

LONGEST_REASON = 500
"""Characters of the reason in a dead letter: what it quotes may be of any length."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One record as a log delivers it: raw bytes and where they lie."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)
    at: float = 0.0

    @property
    def position(self) -> str:
        """Return topic/partition/offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to publish; a `value` of None removes the key from a compacted topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


APART = b"\x1f"
"""Between a key's own part and what makes it one of its record only: in no id of a text."""


def outgoing(topic: Topic, key: str, record: Record) -> Outgoing:
    """Return the record ready to publish."""
    value = record.encode()
    if topic.erasable:
        return Outgoing(topic.name, key.encode() + APART + _digest(value), value)
    return Outgoing(topic.name, key.encode(), value)


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=8).hexdigest().encode()


def own_part(key: bytes | None) -> bytes:
    """Return a key without what makes it one of its record only."""
    key = key or b""
    return key.rpartition(APART)[0] or key


def text_of(key: bytes | None) -> str:
    """Return the id of the text that the key of a record about one names."""
    return own_part(key).decode(errors="replace")


class Marks(Protocol):
    """Looking up what was noted last."""

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        """Return the newest record under a key of a compacted topic."""


class Reader(Marks, Protocol):
    """Reading without a group: what a stage may look up in the log by itself.

    Offsets are those of one partition; `partitions` are the reader's: all, or those assigned.
    """

    def partitions(self, topic: str) -> Sequence[int]:
        """Return the partitions of a topic that concern who reads."""

    def read_from(self, topic: str, offset: int, limit: int, partition: int = 0) -> list[Delivered]:
        """Return up to `limit` records of a topic from `offset` on, in order; none: its end."""

    def end(self, topic: str, partition: int = 0) -> int:
        """Return the offset that the next record of the topic will get."""

    def begin(self, topic: str, partition: int = 0) -> int:
        """Return the offset before which all that was in the topic is gone."""

    def position(self, group: str, topic: str, partition: int = 0) -> int:
        """Return the offset up to which the group has committed."""

    def waiting(self, group: str, topics: Sequence[str]) -> int:
        """Return how many records lie before the group in all partitions, as of a second ago."""

    def count(self, topic: str) -> int:
        """Return how many records ever came into all partitions of a topic."""


@runtime_checkable
class Distant(Protocol):
    """A log at the other end of a network: who must not stand still asks it in a thread."""

    distant: bool


class Log(Reader, Protocol):
    """All that a command needs: to look things up, and to publish what no stage answered."""

    def keys(self, topic: str, beginning: str) -> list[bytes]:
        """Return the keys of a compacted topic that begin so, in the order of their records."""

    def append(self, outputs: Iterable[Outgoing]) -> None:
        """Publish without moving any position; durable when it returns."""

    def close(self) -> None:
        """Let go of it."""


class Stage(Protocol):
    """A name, the topics it reads, and a coroutine from a batch to what it publishes."""

    spec: StageSpec

    async def start(self, reader: Reader) -> None:
        """Bring what the stage derives from the log up to its committed position."""

    async def handle(self, batch: Sequence[Delivered]) -> Sequence[Outgoing]:
        """Return what to publish. May be called again with the same batch after a crash."""

    async def close(self) -> None:
        """Let go of files and connections."""


@runtime_checkable
class Shares(Protocol):
    """A stage that spends what all its workers have together."""

    def share(self, part: float) -> None:
        """Spend this part of it, above 0 and up to 1, until told otherwise."""


@runtime_checkable
class Derives(Protocol):
    """A stage that keeps what it derives from the log in a file of its own."""

    def settle(self) -> bool:
        """Put on the disk what it has derived so far; tell whether it is there."""


def dead_letter(delivered: Delivered, stage: str, error: Exception, attempt: int = 1) -> Outgoing:
    """Return the dead letter of a record, with its original bytes and where they came from."""
    from importlib.metadata import version  # here: it takes longer to load than all of this

    kind = type(error).__name__
    message = str(error) if isinstance(error, RedstreamError) else f"{kind}: {error}"
    if len(message) > LONGEST_REASON:
        message = f"{message[: LONGEST_REASON - 1]}…"
    unread = {name: raw for name, raw in delivered.headers.items() if not _is_unicode(raw)}
    letter = DeadLetter(
        topic=delivered.topic,
        partition=delivered.partition,
        offset=delivered.offset,
        stage=stage,
        error=kind,
        message=_unicode(message),
        attempt=attempt,
        version=version("redstream"),
        value=base64.b64encode(delivered.value or b"").decode(),
        key=None if delivered.key is None else base64.b64encode(delivered.key).decode(),
        headers={_unicode(name): _unicode(raw) for name, raw in delivered.headers.items()},
        unread={
            _unicode(name): base64.b64encode(raw.encode("utf-8", "surrogateescape")).decode()
            for name, raw in unread.items()
        }
        or None,
        at=time.time(),
    )
    return outgoing(DEADLETTERS, letter.position, letter)


def _is_unicode(text: str) -> bool:
    return text.isascii() or _unicode(text) == text


def _unicode(text: str) -> str:
    """Return a text without the surrogates that stand for bytes which are none."""
    return text.encode("utf-8", "replace").decode()


def _erased(delivered: Delivered) -> bool:
    """Tell whether nothing is left of a record, or it takes away what is under its key. A text
    that came without a value was sent so.
    """
    return delivered.value is None and (ERASED in delivered.headers or delivered.topic in REMOVING)


def sort_out(
    batch: Iterable[Delivered], stage: str, read: Callable[[Delivered], T]
) -> tuple[list[tuple[Delivered, T]], list[Outgoing]]:
    """Read every record of a batch; what cannot be read comes back as dead letters.

    What is left of an erased one is passed over.
    """
    readable, dead = [], []
    for delivered in batch:
        if _erased(delivered):
            continue
        try:
            readable.append((delivered, read(delivered)))
        except Permanent as error:
            dead.append(dead_letter(delivered, stage, error))
    return readable, dead
