"""`redstream worker`: stages on Kafka in one process, until stopped; what is away is waited for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache, partial

import structlog

from judge.examples import ExampleStore
from judge.policy import Policy
from judge.port import Judge, RemoteJudge
from models.encoder import Encoder
from models.errors import Fatal, Transient
from streams.embedded.lock import held
from streams.errors import Held, NoModel
from streams.feed import Feed, Version
from streams.kafka.reader import KafkaReader
from streams.kafka.worker import Worker
from streams.memory import giving_back, settled
from streams.program.assembly import BUILT, Parts, build_judge, open_store
from streams.program.encoding import encodings
from streams.program.folder import Folder
from streams.program.guides import path_of
from streams.program.judge_state import JudgeWatch
from streams.program.kafka_settings import connection
from streams.program.observing import Unobserved, observing
from streams.program.settings import Settings
from streams.stage import Delivered, Outgoing
from streams.stores import Stores
from streams.telemetry.spans import Spans, spans
from streams.topology import (
    CLASSIFY,
    DEADLETTERS,
    FORGOTTEN,
    JUDGE,
    LATER,
    MODELS,
    STAGES,
    StageSpec,
)
from streams.trace import about
from streams.watch import Watch

SHARED = frozenset({CLASSIFY.name, JUDGE.name, LATER.name})
"""Stages whose work is shared out by partitions; of the others one worker has all."""

AGAIN_SECONDS = 2.0
"""After which a worker whose brokers are away, or that has no model yet, tries again."""

FOLLOW_SECONDS = 0.25
"""How often a worker without work looks for a new version."""

MOST = 64

FOLLOWED = (MODELS.name, FORGOTTEN.name)
"""What every worker looks up for every batch."""

log = structlog.get_logger()


def stages_of(names: Sequence[str]) -> list[StageSpec]:
    """Return the stages of these names, in the order of the flow.

    Raises:
        Fatal: there is none of that name; the message has those there are.
    """
    strange = sorted(set(names) - BUILT.keys())
    if strange or not names:
        raise Fatal(f"there is no stage {', '.join(strange)}: they are {', '.join(BUILT)}")
    return [spec for spec in STAGES if spec.name in names]


@contextmanager
def slot(settings: Settings, stages: Sequence[StageSpec]) -> Iterator[Settings]:
    """Hold a folder for what a worker derives: the settings' own for the first on this machine.

    A second worker of a stage gets one beside it, and the same again when it is started again.
    """
    name = "-".join(spec.name for spec in stages)
    guides = path_of(settings)
    for number in range(1, MOST):
        var = settings.var if number == 1 else settings.var / "workers" / f"{name}-{number}"
        with ExitStack() as stack:
            try:
                for spec in stages:
                    stack.enter_context(held(var / "locks" / spec.name))
            except Held:
                continue
            yield settings.model_copy(update={"var": var, "guides": guides})
            return
    raise Fatal(f"{MOST} workers of {name} run on this machine already")


def work(
    settings: Settings,
    names: Sequence[str],
    *,
    on_commit: Callable[[str, int], None] = lambda stage, records: None,
    on_version: Callable[[Version], None] = lambda version: None,
    encoder: Encoder | None = None,
) -> None:
    """Run stages until the process is told to stop.

    `on_version` gets each version that comes into service; `encoder` is used, not the settings'.

    Raises:
        Fatal: there is no such stage, or it cannot go on.
    """
    stages = stages_of(names)
    with slot(settings, stages) as mine, observing(mine, stages) as observed:
        made = spans()
        told = _Told(on_commit, on_version, observed, made)
        try:
            asyncio.run(_until_stopped(lambda stop: _once(mine, stages, encoder, told, stop), told))
        finally:
            if made:
                made.close()


class _Told(Watch):
    """Who is told what happens: the caller, and who shows it."""

    def __init__(
        self,
        on_commit: Callable[[str, int], None],
        on_version: Callable[[Version], None],
        observed: Unobserved,
        spans: Spans | None,
    ) -> None:
        self._on_commit = on_commit
        self._on_version = on_version
        self.observed = observed
        self._spans = spans

    def assigned(self, stage: str, partitions: int) -> None:
        self.observed.watch.assigned(stage, partitions)

    def traced(
        self, stage: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing], seconds: float
    ) -> Sequence[Outgoing]:
        return self._spans.traced(stage, batch, outputs, seconds) if self._spans else outputs

    def again(self, stage: str, why: str) -> None:
        self.observed.watch.again(stage, why)

    def handled(
        self, stage: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing], seconds: float
    ) -> None:
        self._on_commit(stage, len(batch))
        dead = {one.key for one in outputs if one.topic == DEADLETTERS.name}
        for one in batch if dead else ():
            if one.position.encode() in dead:
                log.warning("a dead letter", stage=stage, **about(one))
        self.observed.watch.handled(stage, batch, outputs, seconds)

    def serving(self, version: Version) -> None:
        self._on_version(version)
        self.observed.serving(version)


async def _until_stopped(once: Callable[[asyncio.Event], Awaitable[None]], told: _Told) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
    turning = asyncio.create_task(told.observed.turning())
    try:
        await _again_and_again(once, told, stop)
    finally:
        turning.cancel()


async def _again_and_again(
    once: Callable[[asyncio.Event], Awaitable[None]], told: _Told, stop: asyncio.Event
) -> None:
    while not stop.is_set():
        try:
            await once(stop)
        except (Transient, NoModel) as error:
            if stop.is_set():
                return
            told.observed.waits(error)
            log.warning("waiting", why=str(error), seconds=AGAIN_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)


async def _once(
    settings: Settings,
    stages: Sequence[StageSpec],
    encoder: Encoder | None,
    told: _Told,
    stop: asyncio.Event,
) -> None:
    """Run the stages until stopped, or until one of them cannot go on."""
    with ExitStack() as stack:
        where = connection(settings)
        opened = _Opened(settings, encoder, told.observed.behind)
        workers, feeds, readers = [], [], []
        for spec in stages:
            reader = await asyncio.to_thread(KafkaReader, where, follow=FOLLOWED)
            stack.enter_context(closing(reader))
            feed = Feed(reader)
            feed.newest()
            feeds.append(feed)
            readers.append((spec, reader))
            stage = await asyncio.to_thread(BUILT[spec.name], opened.parts(reader, feed))
            workers.append(
                Worker(
                    stage,
                    where,
                    reader,
                    folder=settings.var,
                    batch=settings.batch,
                    alone=spec.name not in SHARED,
                    watch=told,
                )
            )
        stack.enter_context(settled())
        stack.enter_context(told.observed.looking(readers, opened.stores, opened.judges))
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        following = asyncio.create_task(_follow(feeds, told.serving))
        beside = [asyncio.create_task(giving_back()), following]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for worker in workers:
            worker.stop()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for task in (*beside, stopping):
            task.cancel()
        await opened.close()
    for one in sorted(ended, key=lambda one: not isinstance(one, Fatal)):
        if isinstance(one, BaseException):
            raise one


async def _follow(feeds: Sequence[Feed], on_version: Callable[[Version], None]) -> None:
    """Have the newest version in service also while there is no work."""
    serving = 0
    while True:
        for feed in feeds:
            version = feed.newest()
            if version.number > serving:
                serving = version.number
                log.info("serving", model=serving)
                on_version(version)
        await asyncio.sleep(FOLLOW_SECONDS)


class _Opened:
    """What the stages of one process share, each opened when it is first asked for."""

    def __init__(
        self, settings: Settings, encoder: Encoder | None, behind: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._encodings = encodings(settings, encoder)
        self._behind = behind
        self._stores = Stores(partial(open_store, settings))
        self._judges: list[Judge] = []

    def stores(self) -> Sequence[ExampleStore]:
        """Return the store in use, where it is open."""
        return self._stores.opened[-1:]

    def judges(self) -> Sequence[Judge]:
        """Return who judges, where there is one."""
        return self._judges

    def parts(self, reader: KafkaReader, feed: Feed) -> Parts:
        settings = self._settings

        @cache
        def judge() -> tuple[Judge, Callable[[], Policy]]:
            made, policy = build_judge(settings, reader, feed)
            self._judges.append(made)
            return made, policy

        return Parts(
            settings,
            reader,
            feed,
            teaches=settings.judge != "local",
            stores=self._stores,
            encodings=self._encodings,
            behind=self._behind,
            judge=judge,
        )

    async def close(self) -> None:
        for judge in self._judges:
            if isinstance(judge, RemoteJudge):
                JudgeWatch(judge, Folder(self._settings.var).judge).look()
                await judge.close()
        await self._stores.close()
