"""What the contract of the runners needs from a runner, and the two embedded ones.

A runner for another log passes the same suite with one more class here.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner, Source
from streams.stage import Delivered, Outgoing, Stage

Produced = tuple[bytes | None, bytes | None, dict[str, str]]
"""Key, value and headers of a record."""

LONGEST_RUN = 10.0
"""Seconds after which a run that should have ended is a failure (as is one that cannot stop)."""


class Harness(Protocol):
    """A log with the real topics, empty at first, and a runner over it.

    `longest_start`: seconds until a run has begun to work and until it has ended, at most; `many`:
    how many records a test may use whose runs die again and again.
    """

    longest_start: float
    many: int

    async def produce(self, topic: str, records: Sequence[Produced]) -> None:
        """Publish from outside of any stage."""
        ...

    async def run(
        self,
        stages: Sequence[Stage],
        source: Source | None = None,
        *,
        started: Callable[[Callable[[], None]], None] = lambda stop: None,
    ) -> bool:
        """Run until nothing is left; `started` is given the runner's `stop`.

        Returns whether it ran to the end. What makes the run fail is raised.
        """
        ...

    def read(self, topic: str) -> list[Delivered]:
        """All that lies in a topic, in order."""
        ...

    def position(self, group: str, topic: str) -> int:
        """Where a group stands in a topic."""
        ...

    def restart(self) -> None:
        """A fresh runner over the same log, as after a crash."""
        ...

    def close(self) -> None: ...


class EmbeddedHarness:
    """The embedded runner with its stages side by side."""

    lockstep = False
    longest_start = 0.0
    many = 100

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log.sqlite"
        self._log = SqliteLog(self._path)

    async def produce(self, topic: str, records: Sequence[Produced]) -> None:
        self._log.append([Outgoing(topic, *record) for record in records])

    async def run(
        self,
        stages: Sequence[Stage],
        source: Source | None = None,
        *,
        started: Callable[[Callable[[], None]], None] = lambda stop: None,
    ) -> bool:
        runner = EmbeddedRunner(self._log, stages, source)
        started(runner.stop)
        async with asyncio.timeout(LONGEST_RUN):
            return await runner.run(lockstep=self.lockstep)

    def read(self, topic: str) -> list[Delivered]:
        return self._log.read_from(topic, 0, 1_000_000)

    def position(self, group: str, topic: str) -> int:
        return self._log.position(group, topic)

    def restart(self) -> None:
        self._log.close()
        self._log = SqliteLog(self._path)

    def close(self) -> None:
        self._log.close()


class EmbeddedLockstepHarness(EmbeddedHarness):
    """The embedded runner with one stage at a time."""

    lockstep = True
