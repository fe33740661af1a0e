"""How `remember` starts: a store that was lost is filled again, one that is away is waited for."""

from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from judge.memory_store import MemoryExampleStore
from models.errors import Fatal, Transient
from streams.embedded.log import SqliteLog
from streams.errors import NotYet
from streams.records import LabelCommand
from streams.stage import Outgoing
from streams.stages.remember import Remember
from streams.topology import LABELS, REMEMBER, RETRAIN
from streams.wire import Vector
from tests.unit.streams import make


class Store(MemoryExampleStore):
    """Fails to count as told, and notes what was flushed."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(2)
        self.error = error
        self.flushed: set[str] = set()

    async def count(self, label: str | None = None) -> int:
        if self.error is not None:
            raise self.error
        return await super().count(label)

    async def flush(self) -> None:
        self.flushed = await self.ids()


LESSONS = [
    make.lesson("a"),
    make.lesson("b", "fire"),
    make.lesson("odd", embedding=Vector.of(np.ones(3, np.float32), "e")),
    make.lesson("a", kind="revoked", embedding=None),
    make.lesson("c"),
]


@pytest.fixture
def taught(log: SqliteLog) -> SqliteLog:
    """A log whose first four lessons were remembered, and whose last one waits."""
    log.append([Outgoing(RETRAIN.name, b"", lesson.encode()) for lesson in LESSONS])
    log.commit(REMEMBER.name, log.read(REMEMBER.name, [RETRAIN.name], 4), [])
    return log


async def test_an_empty_store_is_filled_with_what_was_remembered(taught: SqliteLog) -> None:
    store = Store()
    await Remember(store, make.feed()).start(taught)
    assert await store.ids() == store.flushed == {"b"}


async def test_a_store_that_holds_something_is_left_as_it_is(taught: SqliteLog) -> None:
    store = Store()
    await Remember(store, make.feed()).handle(make.batch(RETRAIN, make.lesson("z")))
    await Remember(store, make.feed()).start(taught)
    assert await store.ids() == {"z"}


async def test_a_store_that_is_away_does_not_keep_a_run_from_starting(taught: SqliteLog) -> None:
    with capture_logs() as logged:
        await Remember(Store(Transient("away")), make.feed()).start(taught)
    assert [(line["event"], line["error"]) for line in logged] == [
        ("the example store does not answer yet", "away")
    ]


async def test_a_store_that_cannot_be_used_stops_a_run_at_its_start(taught: SqliteLog) -> None:
    with pytest.raises(Fatal, match="wrong key"):
        await Remember(Store(Fatal("wrong key")), make.feed()).start(taught)


async def test_what_was_handled_is_flushed_before_it_is_committed() -> None:
    store = Store()
    await Remember(store, make.feed()).handle(
        make.batch(RETRAIN, make.lesson("a"), make.lesson("b"))
    )
    assert store.flushed == {"a", "b"}
    gone = make.lesson("a", kind="revoked", embedding=None)
    await Remember(store, make.feed()).handle(make.batch(RETRAIN, gone))
    assert store.flushed == {"b"}


# Label commands


def command(what: Any, label: str, into: str | None = None) -> LabelCommand:
    return LabelCommand(command=what, label=label, into=into, at=1.0)


async def labels_of(store: MemoryExampleStore) -> dict[str, str]:
    found = await store.nearest(np.array([1, 1], np.float32), 100)
    return {neighbour.id: neighbour.label for neighbour in found}


async def test_examples_follow_what_the_trainer_made_of_their_labels() -> None:
    store, feed = Store(), make.feed()
    stage = Remember(store, feed)
    lessons = (make.lesson("a", "oven"), make.lesson("b", "fire"), make.lesson("c"))
    await stage.handle(make.batch(RETRAIN, *lessons))
    batch = make.batch(LABELS, command("rename", "oven", "stove"), command("retire", "fire"))
    with pytest.raises(NotYet):
        await stage.handle(batch)
    assert await labels_of(store) == {"a": "oven", "b": "fire", "c": "printer"}
    feed.manifest = make.manifest(applied_labels=2, renamed={"oven": "stove"}, retired=["fire"])
    assert await stage.handle(batch) == []
    assert await labels_of(store) == {"a": "stove", "c": "printer"}
    assert store.flushed == {"a", "c"}


async def test_what_still_comes_under_an_old_label_is_kept_under_the_new_one() -> None:
    store = Store()
    stage = Remember(store, make.feed(renamed={"oven": "stove"}, retired=["fire"]))
    lessons = (make.lesson("a", "oven"), make.lesson("b", "fire"), make.lesson("c", "stove"))
    await stage.handle(make.batch(RETRAIN, *lessons))
    assert await labels_of(store) == {"a": "stove", "c": "stove"}
    await stage.handle(make.batch(RETRAIN, make.lesson("c", "fire"), first=3))
    assert await labels_of(store) == {"a": "stove"}


async def test_a_text_of_a_retired_label_that_is_taught_under_another_stays() -> None:
    store, feed = Store(), make.feed()
    await Remember(store, feed).handle(make.batch(RETRAIN, make.lesson("a", "fire")))
    feed.manifest = make.manifest(applied_labels=1, retired=["fire"])
    batch = make.batch(LABELS, command("retire", "fire"))
    batch += make.batch(RETRAIN, make.lesson("a", "oven"), first=1)
    await Remember(store, feed).handle(batch)
    assert await labels_of(store) == {"a": "oven"}


async def test_added_labels_and_unreadable_commands_are_not_waited_for() -> None:
    store = Store()
    batch = make.batch(LABELS, command("add", "oven"), b"no command")
    batch += make.batch(RETRAIN, make.lesson("a", "oven"))
    assert await Remember(store, make.feed()).handle(batch) == []
    assert await labels_of(store) == {"a": "oven"}


async def test_a_store_that_was_lost_is_filled_under_the_labels_of_now(taught: SqliteLog) -> None:
    store = Store()
    await Remember(store, make.feed(renamed={"fire": "blaze"})).start(taught)
    assert await labels_of(store) == {"b": "blaze"}
