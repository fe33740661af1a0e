"""How `remember` starts: a store that was lost is filled again, one that is away is waited for."""

import numpy as np
import pytest
from structlog.testing import capture_logs

from judge.memory_store import MemoryExampleStore
from models.errors import Fatal, Transient
from streams.embedded.log import SqliteLog
from streams.stage import Outgoing
from streams.stages.remember import Remember
from streams.topology import REMEMBER, RETRAIN
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
