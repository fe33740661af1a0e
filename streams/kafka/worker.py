"""A stage on Kafka: a Faust app that loses nothing (docs/kafka.md says which ways of Faust's do).

Batches are events of `take_events` with concurrency 1. When the body of its loop ends, Faust counts
the batch as done whatever happened, so the body ends in one way only: what the stage answered is on
the brokers. Where that cannot be (the run ends while a server is away, Faust cancels the loop), the
worker commits nothing any more, and the batch is delivered again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import faust
import structlog

from models.errors import Fatal, Permanent, Transient
from streams.delivery import LONGEST_BACKOFF, deliver
from streams.errors import Fenced, NotYet
from streams.forgotten import GoneNow
from streams.kafka.app import faust_app
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.reader import KafkaReader
from streams.stage import Delivered, Outgoing, Shares, Stage, dead_letter
from streams.topology import FORGOTTEN
from streams.trace import carried
from streams.watch import Watch

WITHIN = 0.02
"""Seconds that a batch waits for more records."""

FINISH_SECONDS, LEAVE_SECONDS = 5.0, 4.0
"""How long a worker that is told to stop works on the batch in hand, and then takes to leave."""

ACK_SECONDS = 0.05
"""After the body of its loop has ended Faust still has to note that the batch is done."""

GIVEN_UP = 75
"""Exit status of a worker that ends itself with a batch in hand: start it again."""

log = structlog.get_logger()

T = TypeVar("T")


def _give_up(status: int) -> None:
    os._exit(status)


class Worker:
    """Runs one stage until it is stopped or fails for good."""

    def __init__(
        self,
        stage: Stage,
        connection: Connection,
        reader: KafkaReader,
        *,
        folder: Path,
        batch: int | None = None,
        alone: bool = False,
        watch: Watch | None = None,
        give_up: Callable[[int], None] = _give_up,
    ) -> None:
        """`alone`: one worker has the whole stage and others stand by; it publishes as the owner
        that fences off a late one. `give_up` ends the process, where nothing else does.
        """
        self._stage = stage
        self._connection = connection
        self._reader = reader
        self._limit = min(batch or stage.spec.batch, stage.spec.batch)
        self._alone = alone
        self._publisher = Publisher(connection, stage.spec.name if alone else None)
        self._watch = watch or Watch()
        self._give_up = give_up
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._assignment = 0
        self._started = -1
        self._one = asyncio.Lock()
        self._early: set[asyncio.Task[None]] = set()
        self._last = 0.0
        self._gone = GoneNow()
        self.failure: BaseException | None = None
        self._app = self._faust(folder)

    def _faust(self, folder: Path) -> faust.App:
        app, topic = faust_app(
            self._connection, self._stage.spec, folder, limit=self._limit, alone=self._alone
        )

        async def assigned(sender: Any, assigned: Any = (), **_: Any) -> None:
            self._assignment += 1
            mine: dict[str, list[int]] = {topic.name: [] for topic in self._stage.spec.reads}
            for part in assigned:
                mine[self._connection.name(part.topic)].append(part.partition)
            self._reader.assigned({name: sorted(parts) for name, parts in mine.items()})
            self._watch.assigned(self._stage.spec.name, has := sum(map(len, mine.values())))
            if has:
                self._early.add(early := asyncio.create_task(self._begin_early()))
                early.add_done_callback(self._early.discard)

        app.on_partitions_assigned.connect(assigned)  # type: ignore[arg-type]

        @app.agent(topic, name=self._stage.spec.name, concurrency=1)
        async def work(stream: Any) -> None:
            async for events in stream.take_events(self._limit, within=WITHIN):
                await self._batch([_delivered(self._connection, event) for event in events])

        return app

    def stop(self) -> None:
        """Finish the batch in hand, if that does not take long, then return from `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Work until stopped.

        Raises:
            Fatal: the stage cannot go on.
            Transient: the brokers do not answer, or another owner of the stage has begun.
        """
        await self._app.start()
        crashed = asyncio.create_task(self._app.wait_until_stopped())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not self._stop.is_set():
                self.failure = self.failure or self._app.crash_reason
                log.error("the worker stops", stage=self._stage.spec.name, why=str(self.failure))
                self._stop.set()
            await self._leave()
        finally:
            for task in (crashed, stopped):
                task.cancel()
        if isinstance(self.failure, Fatal | Transient):
            raise self.failure
        if self.failure is not None:
            raise Transient(f"stage {self._stage.spec.name!r}: {self.failure}")

    async def _leave(self) -> None:
        """Let the batch in hand end, if it does, commit what is done, and leave the group."""
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await self._idle.wait()
                await asyncio.sleep(ACK_SECONDS)
                if not self._app.should_stop:
                    await self._app.consumer.commit()
        except TimeoutError:
            log.warning("a batch is left to be delivered again", stage=self._stage.spec.name)
        self._commit_nothing()
        for task in tuple(self._early):
            task.cancel()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._stage.close()
                await self._publisher.close()
                await self._app.stop()
        except TimeoutError:
            self._give_up(GIVEN_UP if self.failure else 0)

    def _commit_nothing(self) -> None:
        """From now on what is in hand counts as not done, whatever Faust makes of it."""

        async def nothing(offsets: object) -> bool:
            return False

        self._app.consumer._commit = nothing  # type: ignore[attr-defined]

    async def _never(self) -> None:
        """Wait, with a batch that is not done, until `_leave` has gone."""
        self._idle.set()
        await asyncio.Event().wait()

    async def _batch(self, batch: Sequence[Delivered]) -> None:
        if self._stop.is_set():
            await self._never()
        self._idle.clear()
        try:
            async with self._one:
                await self._handled(batch)
        except (Fatal, Fenced) as error:
            self.failure = error
            self._stop.set()
            await self._never()
        except BaseException as error:  # Faust ends the loop: it would count the batch as done
            self._commit_nothing()
            log.error("a batch is given up", stage=self._stage.spec.name, why=repr(error))
            raise
        self._idle.set()

    async def _handled(self, batch: Sequence[Delivered]) -> None:
        await self._begin()
        if self._alone:  # what it published last must be what it builds on
            await self._until(lambda: asyncio.to_thread(self._reader.level))
        pause = self._last + self._stage.spec.pause - time.monotonic()
        if pause > 0:
            await self._rest(pause)
        began = time.monotonic()
        answers = await self._until(
            lambda: deliver(self._stage, batch, rest=self._rest, again=self._again)
        )
        name, seconds = self._stage.spec.name, time.monotonic() - began
        traced = self._watch.traced(name, batch, answers, seconds)
        outputs = await self._until(lambda: self._published(batch, traced))
        self._last = time.monotonic()
        self._watch.handled(name, batch, outputs, self._last - began)

    async def _begin_early(self) -> None:
        """Begin before there is a batch: a lost ledger is whole again though nothing comes."""
        try:
            async with self._one:
                await self._begin()
        except Exception as error:
            self.failure = error
            self._stop.set()

    async def _begin(self) -> None:
        """Bring what the stage derives up to what others did while it had fewer partitions."""
        while self._started != (now := self._assignment):
            if self._alone:  # not before it has the stage: it would end who has it now
                await self._publisher.close()
                await self._until(self._publisher.start)
            if isinstance(self._stage, Shares):
                self._stage.share(await self._until(lambda: asyncio.to_thread(self._reader.part)))
            await self._until(lambda: self._stage.start(self._reader))
            self._started = now

    async def _published(
        self, batch: Sequence[Delivered], outputs: Sequence[Outgoing]
    ) -> list[Outgoing]:
        if self._reader.follows(FORGOTTEN.name):
            await asyncio.to_thread(self._gone.news, self._reader)
            outputs = self._gone.without(outputs)
        try:
            await self._publisher.publish(outputs)
            return list(outputs)
        except Permanent as error:  # an answer that is too large: as if the record were unusable
            name = self._stage.spec.name
            log.error("an answer cannot be published", stage=name, error=str(error))
            dead = carried(batch, [dead_letter(one, name, error) for one in batch])
            await self._publisher.publish(dead)
            return dead

    async def _until(self, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step, however long what it needs is away; never return without having."""
        wait = 0.1
        while True:
            try:
                return await step()
            except NotYet as later:
                await self._rest(later.delay)
            except Fenced:
                raise
            except Transient as error:
                log.warning("trying again", stage=self._stage.spec.name, error=str(error))
                self._again(str(error))
                await self._rest(wait)
                wait = min(LONGEST_BACKOFF, 2 * wait)
            if self._stop.is_set():
                await self._never()

    def _again(self, why: str) -> None:
        self._watch.again(self._stage.spec.name, why)

    async def _rest(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return not self._stop.is_set()


def _delivered(connection: Connection, event: Any) -> Delivered:
    return connection.delivered(event.message, event.message.timestamp)
