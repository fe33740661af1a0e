"""What a worker shows of itself: nothing, unless a port for metrics is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from judge.examples import ExampleStore
from judge.port import Judge
from streams.errors import Fenced, NoModel
from streams.feed import Version
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.stage import Reader
from streams.topology import JUDGE, REMEMBER, StageSpec
from streams.watch import Watch

if TYPE_CHECKING:
    from streams.telemetry.health import Health
    from streams.telemetry.metrics import Metrics

NEEDING_STORE = (JUDGE.name, REMEMBER.name)


class Unobserved:
    """Shows nothing."""

    watch = Watch()

    async def turning(self) -> None:
        """Note that the worker's loop turns, until cancelled."""

    def waits(self, why: Exception) -> None:
        """The worker cannot begin, or go on: why."""

    def serving(self, version: Version) -> None:
        """A version of the model comes into service."""

    def behind(self, why: str) -> None:
        """The newest version cannot be served here: why; "" when it is."""

    @contextmanager
    def looking(
        self,
        readers: Sequence[tuple[StageSpec, Reader]],
        stores: Callable[[], Sequence[ExampleStore]],
        judges: Callable[[], Sequence[Judge]],
    ) -> Iterator[None]:
        """Look at what nothing passes through the worker to tell, while it works."""
        yield


class Observed(Unobserved):
    """Counts, looks, and is ready to tell."""

    def __init__(
        self, settings: Settings, stages: Sequence[StageSpec], metrics: Metrics, health: Health
    ) -> None:
        from streams.telemetry.counting import Counting

        self._settings = settings
        self._stages = stages
        self._metrics = metrics
        self._health = health
        self.watch = Counting(metrics, health)
        self._begin()

    async def turning(self) -> None:
        """Note it every second."""
        while True:
            self._health.turn()
            await asyncio.sleep(1)

    def waits(self, why: Exception) -> None:
        """Note why nothing is worked on here."""
        self._begin()
        self._health.waits = str(why)
        # Who knows that there is no model, or that another has begun, was answered.
        self._health.kafka = "" if isinstance(why, NoModel | Fenced) else str(why)

    def _begin(self) -> None:
        names = [spec.name for spec in self._stages]
        self._health.begin(names, [name for name in names if name in NEEDING_STORE])
        for name in names:
            self._metrics.active.labels(name).set(0)
            self._metrics.partitions.labels(name).set(0)

    def serving(self, version: Version) -> None:
        """Note version, certificate and target."""
        from streams.telemetry.serving import tell_version

        self._health.serves(version.number, version.manifest.at)
        tell_version(self._metrics, version.manifest, version.terms.threshold)

    def behind(self, why: str) -> None:
        """Note it: an older version serves meanwhile."""
        self._health.behind = why
        self._metrics.behind.set(bool(why))

    @contextmanager
    def looking(
        self,
        readers: Sequence[tuple[StageSpec, Reader]],
        stores: Callable[[], Sequence[ExampleStore]],
        judges: Callable[[], Sequence[Judge]],
    ) -> Iterator[None]:
        """Ask brokers and ledger in a thread, store and LLM in this loop."""
        from streams.telemetry.looks import BrokerLooks, LoopLooks

        self._health.waits = ""
        self._begin()
        brokers = BrokerLooks(
            self._metrics, self._health, readers, Folder(self._settings.var).ledger
        )
        brokers.start()
        asking = asyncio.create_task(LoopLooks(self._metrics, self._health, stores, judges).run())
        try:
            yield
        finally:
            asking.cancel()
            brokers.stop()


@contextmanager
def observing(settings: Settings, stages: Sequence[StageSpec]) -> Iterator[Unobserved]:
    """Serve metrics and health while the block runs, where a port is set.

    Raises:
        Fatal: the address cannot be had.
    """
    if settings.metrics_port is None:
        yield Unobserved()
        return
    from streams.telemetry.health import Health  # here: only who asks for it waits for it
    from streams.telemetry.metrics import Metrics
    from streams.telemetry.server import serving

    metrics, health = Metrics(), Health()
    with serving(metrics, health, settings.metrics_host, settings.metrics_port):
        yield Observed(settings, stages, metrics, health)
