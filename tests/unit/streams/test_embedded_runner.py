"""The embedded runner where its own disk fails it, and what it does when nothing is left."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable

import pytest

from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.stage import Outgoing
from streams.topology import LABELED, TEXTS
from tests.contract.runner_stages import copy, some


class Full:
    """A source of two records, and a disk that is full the first few times it is written."""

    def __init__(self, log: SqliteLog, monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
        self.failures, self.exhausted = failures, False
        self._commit = log.commit
        monkeypatch.setattr(log, "commit", self.commit)

    def commit(self, group: str, batch: object, outputs: Iterable[Outgoing]) -> None:
        if self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("database or disk is full")
        self._commit(group, batch, outputs)  # type: ignore[arg-type]

    def take(self, limit: int) -> list[Outgoing]:
        taken = [] if self.exhausted else [Outgoing(TEXTS.name, k, v, h) for k, v, h in some(2)]
        self.exhausted = True
        return taken

    def close(self) -> None: ...


@pytest.mark.parametrize("lockstep", [True, False])
async def test_a_full_disk_is_waited_for(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, lockstep: bool
) -> None:
    monkeypatch.setattr("streams.embedded.runner.LONGEST_BACKOFF", 0.01)
    source = Full(log, monkeypatch, failures=3)
    assert await EmbeddedRunner(log, [copy()], source).run(lockstep=lockstep)
    assert [record.value for record in log.read_from(LABELED.name, 0, 9)] == [
        b"value 0",
        b"value 1",
    ]


@pytest.mark.parametrize("lockstep", [True, False])
async def test_a_stop_does_not_wait_for_a_full_disk(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, lockstep: bool
) -> None:
    runner = EmbeddedRunner(log, [copy()], Full(log, monkeypatch, failures=10**9))
    asyncio.get_running_loop().call_later(0.2, runner.stop)
    assert await asyncio.wait_for(runner.run(lockstep=lockstep), timeout=5) is False
    assert log.end(TEXTS.name) == 0


class Restless:
    """Has more to do, so many times, when nothing is left; notes what lay there each time."""

    def __init__(self, log: SqliteLog, times: int) -> None:
        self._log, self._times = log, times
        self.asked: list[int] = []

    def __call__(self) -> list[Outgoing]:
        self.asked.append(self._log.end(LABELED.name))
        more = len(self.asked) <= self._times
        return [Outgoing(TEXTS.name, None, b"more", {})] if more else []


@pytest.mark.parametrize("lockstep", [True, False])
async def test_it_is_asked_for_more_whenever_nothing_is_left_and_not_before(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, lockstep: bool
) -> None:
    rest = Restless(log, 2)
    source = Full(log, monkeypatch, failures=0)
    runner = EmbeddedRunner(log, [copy()], source, at_rest=rest)
    assert await asyncio.wait_for(runner.run(lockstep=lockstep), timeout=5)
    assert rest.asked == [2, 3, 4]


@pytest.mark.parametrize("lockstep", [True, False])
async def test_a_source_that_may_go_on_is_no_rest(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, lockstep: bool
) -> None:
    rest = Restless(log, 10**9)
    runner = EmbeddedRunner(log, [copy()], Waiting(), at_rest=rest)
    asyncio.get_running_loop().call_later(0.2, runner.stop)
    assert await asyncio.wait_for(runner.run(lockstep=lockstep), timeout=5) is False
    assert rest.asked == []


class Waiting:
    """A source that has nothing now."""

    exhausted = False

    def take(self, limit: int) -> list[Outgoing]:
        return []

    def close(self) -> None: ...


class Open:
    """A source that has nothing and stays open until it is told otherwise."""

    exhausted = False

    def take(self, limit: int) -> list[Outgoing]:
        return []

    def close(self) -> None: ...


@pytest.mark.parametrize("lockstep", [True, False])
async def test_what_another_process_appends_is_noticed_by_a_run_that_waits(
    log: SqliteLog, open_log: Callable[[], SqliteLog], lockstep: bool
) -> None:
    source, handled = Open(), asyncio.Event()
    runner = EmbeddedRunner(log, [copy()], source, on_commit=lambda stage: handled.set())
    running = asyncio.create_task(runner.run(lockstep=lockstep))
    await asyncio.sleep(0.1)
    assert not handled.is_set()
    other = open_log()
    other.append([Outgoing(TEXTS.name, b"k", b"from elsewhere")])
    await asyncio.wait_for(handled.wait(), timeout=5)
    source.exhausted = True
    assert await asyncio.wait_for(running, timeout=5)
    assert [record.value for record in log.read_from(LABELED.name, 0, 9)] == [b"from elsewhere"]


async def test_two_writers_number_their_records_one_behind_the_other(
    log: SqliteLog, open_log: Callable[[], SqliteLog]
) -> None:
    other = open_log()
    for _ in range(3):
        for writer in (log, other):
            writer.append([Outgoing(TEXTS.name, b"k", b"v")])
    assert [record.offset for record in log.read_from(TEXTS.name, 0, 9)] == [0, 1, 2, 3, 4, 5]
    assert log.appended_elsewhere()
    assert not log.appended_elsewhere()
    log.append([Outgoing(TEXTS.name, b"k", b"v")])
    assert not log.appended_elsewhere()
    assert other.appended_elsewhere()
