"""The embedded runner: gives every stage its batches and commits what it answers.

Free running, each stage is a task and they overlap; in lockstep one stage at a time runs, in an
order that depends on the log alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from streams.delivery import LONGEST_BACKOFF, deliver
from streams.embedded.log import SqliteLog
from streams.errors import NotYet
from streams.retention import floors
from streams.stage import Delivered, Derives, Outgoing, Stage

log = structlog.get_logger()

BACKLOG_BATCHES = 4
"""How many batches the source may be ahead of the first stage."""


TRIM_STEPS = 16
"""Batches of a stage between two looks at what the log can let go of."""

POLL_SECONDS = 0.02
"""How often the source is asked again when it has nothing."""


class Source(Protocol):
    """Where texts come from; its own position travels as a mark among what it returns."""

    @property
    def exhausted(self) -> bool:
        """Tell whether nothing more will come."""

    def take(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` further records and the mark that moves past them."""

    def close(self) -> None:
        """Let go of what is read."""


class NoSource:
    """Nothing new: only what lies in the log is worked on."""

    exhausted = True

    def take(self, limit: int) -> list[Outgoing]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Nothing is held."""


class EmbeddedRunner:
    """Runs stages (in the order of the flow) over the embedded log until nothing is left."""

    def __init__(
        self,
        log: SqliteLog,
        stages: Sequence[Stage],
        source: Source | None = None,
        *,
        batch: int | None = None,
        on_commit: Callable[[str], None] = lambda stage: None,
        at_rest: Callable[[], Sequence[Outgoing]] = lambda: (),
    ) -> None:
        """`at_rest` is asked when the source is exhausted and nothing waits: what it returns is
        published and worked on; nothing ends the run.
        """
        self._log = log
        self._stages = list(stages)
        self._source = source or NoSource()
        self._batch = batch
        self._on_commit = on_commit
        self._at_rest = at_rest
        self._stop = asyncio.Event()
        self._failure: Exception | None = None
        self._idle: set[str] = set()
        self._steps: Counter[str] = Counter()
        self._durable: dict[str, dict[str, int]] = {}
        self._wake = {stage.spec.name: asyncio.Event() for stage in self._stages}

    def stop(self) -> None:
        """Finish the batches in hand, then return from `run`."""
        self._stop.set()
        self._wake_all()

    def _wake_all(self) -> None:
        for wake in self._wake.values():
            wake.set()

    async def run(self, *, lockstep: bool = False) -> bool:
        """Work until the source is exhausted and nothing waits; True if so, False if stopped."""
        try:
            for stage in self._stages:
                await stage.start(self._log)
            finished = await (self._lockstep() if lockstep else self._free())
            self._trim(self._stages)
            return finished
        finally:
            for stage in self._stages:
                await stage.close()

    def _limit(self, stage: Stage) -> int:
        return min(self._batch or stage.spec.batch, stage.spec.batch)

    async def _step(self, stage: Stage) -> bool:
        """Give a stage one batch and commit its answer; False where nothing waits for it."""
        topics = [topic.name for topic in stage.spec.reads]
        batch = self._log.read(stage.spec.name, topics, self._limit(stage))
        if not batch:
            return False
        self._idle.discard(stage.spec.name)
        outputs = await deliver(stage, batch, rest=self._rest)
        await self._commit(stage.spec.name, batch, outputs)
        self._on_commit(stage.spec.name)
        self._steps[stage.spec.name] += 1
        if self._steps[stage.spec.name] % TRIM_STEPS == 0:
            self._trim([stage])
        return True

    def _trim(self, stages: Sequence[Stage]) -> None:
        """Note how far these stages are, which are between two batches, and let go of what nobody
        needs; what cannot go now goes later.
        """
        with suppress(sqlite3.OperationalError):
            for stage in stages:
                name = stage.spec.name
                now = {t.name: self._log.position(name, t.name) for t in stage.spec.reads}
                if not isinstance(stage, Derives) or stage.settle():
                    self._durable[name] = now
            self._log.trim(floors(self._log, self._durable))

    async def _commit(
        self, group: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing]
    ) -> None:
        """Commit, and where the disk is full or the file busy, again until it is not."""
        while True:
            try:
                return self._log.commit(group, batch, outputs)
            except sqlite3.OperationalError as error:
                log.warning("cannot write the log, trying again", error=str(error))
                if not await self._rest(LONGEST_BACKOFF):
                    raise NotYet("the run ends", delay=0.0) from error

    async def _feed_source(self) -> bool:
        return await self._publish(self._source.take(self._batch or self._stages[0].spec.batch))

    async def _publish(self, records: Sequence[Outgoing]) -> bool:
        """Publish what no stage answered; False where it is nothing or the run is stopped."""
        try:
            if records:
                await self._commit("", (), records)
        except NotYet:  # not in the log: the next run comes to the same
            return False
        return bool(records)

    async def _lockstep(self) -> bool:
        while not self._stop.is_set():
            moved, delay = False, None
            for stage in reversed(self._stages):
                try:
                    moved = await self._step(stage)
                except NotYet as wait:
                    delay = min(delay or wait.delay, wait.delay)
                if moved:
                    break
            if not moved and not await self._feed_source():
                if delay is None and self._source.exhausted:
                    if not await self._publish(self._at_rest()):
                        return not self._stop.is_set()
                else:
                    await self._rest(delay or POLL_SECONDS)
            await asyncio.sleep(0)  # lets the progress line and signals in
        return False

    async def _free(self) -> bool:
        workers = [asyncio.create_task(self._work(stage)) for stage in self._stages]
        finished = False
        try:
            while not (self._stop.is_set() or finished):
                moved = self._backlog() < BACKLOG_BATCHES and await self._feed_source()
                if not moved and self._source.exhausted and self._drained():
                    moved = await self._publish(self._at_rest())
                    finished = not (moved or self._stop.is_set())
                if moved or self._log.appended_elsewhere():
                    self._wake_all()
                await asyncio.sleep(0 if moved else POLL_SECONDS)
        finally:
            self.stop()
            await asyncio.gather(*workers)
        if self._failure is not None:
            raise self._failure
        return finished

    def _backlog(self) -> float:
        first = self._stages[0]
        waiting = self._log.waiting(first.spec.name, [topic.name for topic in first.spec.reads])
        return waiting / self._limit(first)

    def _drained(self) -> bool:
        if len(self._idle) < len(self._stages):
            return False
        return not any(
            self._log.waiting(stage.spec.name, [topic.name for topic in stage.spec.reads])
            for stage in self._stages
        )

    async def _work(self, stage: Stage) -> None:
        """Give one stage its batches until the run stops."""
        name = stage.spec.name
        try:
            while not self._stop.is_set():
                self._wake[name].clear()
                try:
                    moved = await self._step(stage)
                except NotYet as wait:
                    await self._rest(wait.delay)
                    continue
                if moved:
                    self._wake_all()
                    await self._rest(stage.spec.pause)
                else:
                    self._idle.add(name)
                    await self._wake[name].wait()
        except Exception as error:
            self._failure = self._failure or error
            self.stop()

    async def _rest(self, seconds: float) -> bool:
        """Wait, but not past a stop; False if the run is stopped."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return not self._stop.is_set()
