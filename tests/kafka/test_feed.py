"""The model over a compacted topic of a broker: whole versions, also after compaction has run."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from streams.derived import chunks
from streams.feed import KEPT, MANIFEST, Feed
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import declared
from streams.repository import unpin
from streams.stage import Delivered, Outgoing
from streams.topology import MODELS
from tests.kafka.provided import AnyBroker
from tests.unit.streams import tiny

pytestmark = pytest.mark.kafka

LONGEST = 90.0
"""Seconds until a broker has compacted: one of a person's looks every fifteen."""

EAGER = {
    "segment.ms": "50",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "0",
}


@pytest.fixture
def log(kafka: AnyBroker, empty: Connection) -> Iterator[KafkaReader]:
    """The topic of the model, with a broker that is eager to compact it."""
    (models,) = declared(empty, 1, 1, [MODELS])
    kafka.create(empty, [replace(models, config={**models.config, **EAGER})])
    with closing(KafkaReader(empty)) as reader:
        yield reader
    kafka.remove([models.name])


@pytest.fixture
def follower(log: KafkaReader, empty: Connection) -> Iterator[Callable[[], Feed]]:
    """Starts workers: what each of them serves."""
    opened: list[KafkaReader] = []

    def start() -> Feed:
        opened.append(KafkaReader(empty, follow=[MODELS.name]))
        return Feed(opened[-1])

    yield start
    for one in opened:
        one.close()


def lying(log: KafkaReader) -> list[Delivered]:
    return [record for part in chunks(log, MODELS) for record in part]


def compact(log: KafkaReader) -> None:
    """Wait until nothing is left of what later records removed."""
    latest = time.monotonic() + LONGEST
    gone = f"{MANIFEST}1".encode()
    while any(record.key == gone for record in lying(log)):
        assert time.monotonic() < latest, "the broker has not compacted"
        time.sleep(0.2)
        log.append([unpin(999)])  # what is written last is in a segment that stays as it is


def manifest_last(records: list[Outgoing]) -> tuple[list[Outgoing], list[Outgoing]]:
    """What publishes a version, parted before its manifest."""
    (at,) = [n for n, one in enumerate(records) if (one.key or b"").startswith(MANIFEST.encode())]
    return records[:at], records[at:]


def test_after_compaction_every_kept_version_is_whole_and_a_rollback_is_served(
    log: KafkaReader, follower: Callable[[], Feed]
) -> None:
    trainer = Feed(log)
    log.append(trainer.publish(tiny.classifier(), applied=0, learnt=0, touched=()))
    early = follower()
    assert early.newest().number == 1
    for lessons in range(1, KEPT + 4):
        time.sleep(0.06)  # a segment of its own: only closed ones are compacted
        tiny.publish(log, trainer, lessons)
    before = log.end(MODELS.name)
    compact(log)
    assert len(lying(log)) < before

    late = follower()
    assert late.newest().number == KEPT + 4
    assert late.newest().classifier.hash() == tiny.taught(KEPT + 3).hash()
    for number in range(5, KEPT + 5):
        assert late.load(number).classifier.hash() == tiny.taught(number - 1).hash()

    older = late.load(7)
    trainer.newest()
    log.append(trainer.restore(older.manifest, older.classifier, older.manifest.learnt))
    compact(log)
    for feed in (early, late, follower()):
        latest = time.monotonic() + LONGEST
        while (serving := feed.newest()).number != KEPT + 5:
            assert time.monotonic() < latest
            time.sleep(0.05)
        assert serving.classifier.hash() == tiny.taught(6).hash()
        assert serving.manifest.restores == 7


def test_a_worker_that_starts_in_the_middle_of_an_update_serves_the_older_version(
    log: KafkaReader, follower: Callable[[], Feed]
) -> None:
    trainer = Feed(log)
    log.append(trainer.publish(tiny.classifier(), applied=0, learnt=0, touched=()))
    trainer.newest()
    records = trainer.publish(tiny.taught(1), applied=1, learnt=1, touched=["travel"])
    half, rest = manifest_last(records)
    assert len(half) > 1
    log.append(half)
    worker = follower()
    assert worker.newest().classifier.hash() == tiny.classifier().hash()
    log.append(rest)
    latest = time.monotonic() + LONGEST
    while worker.newest().number == 1:
        assert time.monotonic() < latest
        time.sleep(0.05)
    assert worker.newest().classifier.hash() == tiny.taught(1).hash()


async def test_a_version_in_a_transaction_is_seen_whole_or_not_at_all(
    log: KafkaReader, follower: Callable[[], Feed], empty: Connection
) -> None:
    trainer = Feed(log)
    owner = Publisher(empty, "train")
    await owner.publish(trainer.publish(tiny.classifier(), applied=0, learnt=0, touched=()))
    trainer.newest()
    await owner.publish(trainer.publish(tiny.taught(1), applied=1, learnt=1, touched=["travel"]))
    await owner.close()
    assert follower().newest().classifier.hash() == tiny.taught(1).hash()
