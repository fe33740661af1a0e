"""The runner on Kafka under the contract of the runners: workers until nothing is left."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from streams.embedded.runner import Source
from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import declared
from streams.kafka.worker import Worker
from streams.stage import Delivered, Outgoing, Stage
from tests.contract.runner_harness import Produced
from tests.kafka.provided import AnyBroker

PARTITIONS = 3
LONGEST_RUN = 60.0
"""Seconds: a group forms, is read to its end, and is left again."""

QUIET = 3
"""Looks in a row at which nothing waits, after which nothing is left."""


class KafkaHarness:
    """One worker per stage, in one loop; topics of its own on a broker."""

    longest_start = 20.0
    many = 20

    def __init__(self, folder: Path, broker: AnyBroker) -> None:
        self._folder = folder
        self._broker = broker
        self._connection = Connection(broker.bootstrap, f"t{uuid.uuid4().hex[:12]}.", session=6.0)
        self._topics = declared(self._connection, PARTITIONS, 1)
        broker.create(self._connection, self._topics)
        self._log = KafkaReader(self._connection)

    async def produce(self, topic: str, records: Sequence[Produced]) -> None:
        await asyncio.to_thread(self._log.append, [Outgoing(topic, *one) for one in records])

    async def run(
        self,
        stages: Sequence[Stage],
        source: Source | None = None,
        *,
        started: Callable[[Callable[[], None]], None] = lambda stop: None,
    ) -> bool:
        stopped = asyncio.Event()
        readers = [KafkaReader(self._connection) for _ in stages]
        workers = [
            Worker(
                stage, self._connection, reader, folder=self._folder, give_up=lambda status: None
            )
            for stage, reader in zip(stages, readers, strict=True)
        ]

        def stop() -> None:
            stopped.set()
            for worker in workers:
                worker.stop()

        started(stop)
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        try:
            async with asyncio.timeout(LONGEST_RUN):
                while source is not None and not source.exhausted:
                    await asyncio.to_thread(self._log.append, source.take(8))
                finished = await self._drained(stages, tasks, stopped)
        finally:
            stop()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            for reader in readers:
                await asyncio.to_thread(reader.close)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return finished

    async def _drained(
        self, stages: Sequence[Stage], tasks: Sequence["asyncio.Task[None]"], stopped: asyncio.Event
    ) -> bool:
        quiet = 0
        while quiet < QUIET and not stopped.is_set() and not any(task.done() for task in tasks):
            left = [
                await asyncio.to_thread(self._left, stage.spec.name, topic.name)
                for stage in stages
                for topic in stage.spec.reads
            ]
            quiet = 0 if sum(left) else quiet + 1
            await asyncio.sleep(0.1)
        return quiet == QUIET

    def _left(self, group: str, topic: str) -> int:
        return sum(
            self._log.end(topic, part) - self._log.position(group, topic, part)
            for part in self._log.partitions(topic)
        )

    def read(self, topic: str) -> list[Delivered]:
        found = []
        for part in self._log.partitions(topic):
            at = 0
            while records := self._log.read_from(topic, at, 1_000, part):
                found += records
                at = records[-1].offset + 1
        return found

    def position(self, group: str, topic: str) -> int:
        return max(self._log.position(group, topic, part) for part in self._log.partitions(topic))

    def restart(self) -> None:
        """Nothing is kept beside the brokers."""

    def close(self) -> None:
        self._log.close()
        self._broker.remove([one.name for one in self._topics])
