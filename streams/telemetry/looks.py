"""What nothing passes through a worker to tell: it is looked at every few seconds.

Brokers are asked by a thread of its own, since each answer is waited for; store and LLM by the
worker's loop, where their clients live. A metric that cannot be had now keeps its last value.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import Counter

from judge.examples import ExampleStore
from judge.port import Judge, RemoteJudge
from models.errors import RedstreamError
from streams.errors import Unreadable
from streams.figures import Figures
from streams.program.judge_state import JudgeState
from streams.records import Uncertain
from streams.stage import Reader
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.topology import JUDGE, LATER, LEDGER, StageSpec

EVERY = 5.0
"""Seconds between two looks: half of what Prometheus usually takes between two scrapes."""

STORE_SECONDS = 5.0

log = structlog.get_logger()


class BrokerLooks:
    """Asks the brokers, and the ledger's file, in a thread."""

    def __init__(
        self,
        metrics: Metrics,
        health: Health,
        readers: Sequence[tuple[StageSpec, Reader]],
        ledger: Path,
        *,
        every: float = EVERY,
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._readers = readers
        self._ledger = ledger
        self._every = every
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._run, name="looks", daemon=True).start()

    def stop(self) -> None:
        """Stop looking; a question that is out is left, it may take a minute to fail."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as error:  # a figure that cannot be had must not end all others
                log.warning("metrics are not all there", why=repr(error))
            self._stop.wait(self._every)

    def look(self) -> None:
        """Look at everything once."""
        self._health.asked = time.monotonic()
        told = ""
        for spec, reader in self._readers:
            try:
                self._waiting(spec, reader)
            except (RedstreamError, RuntimeError) as error:  # the loop of a closed one is none
                told = str(error)
        if not self._stop.is_set():
            self._health.kafka, self._health.asked = told, None
            if any(spec.name == LEDGER.name for spec, _ in self._readers):
                self._counts()

    def _waiting(self, spec: StageSpec, reader: Reader) -> None:
        topics = [topic.name for topic in spec.reads]
        self._metrics.lag.labels(spec.name).set(reader.waiting(spec.name, topics))
        if spec.name in (JUDGE.name, LATER.name):
            works = bool(self._health.stages.get(spec.name))
            age = oldest(spec, reader) if works else 0.0
            self._metrics.oldest.labels(spec.name).set(age)

    def _counts(self) -> None:
        """Tell what the ledger counts; one that stands by has only an old one."""
        if not self._health.stages.get(LEDGER.name):
            ledger_counts(self._metrics, None)
            return
        with (
            suppress(RedstreamError, OSError, sqlite3.Error),
            closing(Figures(self._ledger)) as figures,
        ):
            ledger_counts(self._metrics, figures)


def oldest(spec: StageSpec, reader: Reader) -> float:
    """Return the age in seconds of the oldest text before a stage that reads `Uncertain`."""
    since = []
    [topic] = spec.reads
    for part in reader.partitions(topic.name):
        at = reader.position(spec.name, topic.name, part)
        for record in reader.read_from(topic.name, at, 1, part):
            with suppress(Unreadable):
                since.append(Uncertain.decode(record.value).text.received or record.at)
    return max(0.0, time.time() - min(since)) if since else 0.0


def ledger_counts(metrics: Metrics, figures: Figures | None) -> None:
    """Set what the ledger counts; all to 0 without one."""
    counts = figures.counts() if figures else None
    metrics.held.set(counts.held if counts else 0)
    metrics.person.set(counts.for_a_person if counts else 0)
    metrics.judged.set(counts.asked if counts else 0)
    metrics.judged_share.set(counts.asked / max(1, counts.decided) if counts else 0)
    metrics.open_dead.set(counts.dead if counts else 0)
    since = figures.held_since() if figures else None
    metrics.oldest_held.set(max(0.0, time.time() - since) if since else 0)
    for authority, many in (counts.labeled if counts else {}).items():
        metrics.texts.labels(authority.value).set(many)


@dataclass
class LoopLooks:
    """Asks the store and the LLM, in the worker's loop."""

    metrics: Metrics
    health: Health
    stores: Callable[[], Sequence[ExampleStore]]
    judges: Callable[[], Sequence[Judge]]
    every: float = EVERY

    def __post_init__(self) -> None:
        self._before: dict[tuple[int, str], float] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.warning("metrics are not all there", why=repr(error))
            await asyncio.sleep(self.every)

    async def look(self) -> None:
        """Look once."""
        for judge in self.judges():
            if isinstance(judge, RemoteJudge):
                self._llm(judge)
        for store in self.stores():
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    await store.count()
                self.health.store = ""
            except (RedstreamError, TimeoutError) as error:
                told = str(error) or f"no answer for {STORE_SECONDS:.0f} s"
                self.health.store = f"the example store: {told}"

    def _llm(self, judge: RemoteJudge) -> None:
        state = JudgeState.model_validate({"at": 0.0, "began": 0.0, **judge.status()})
        told = self.metrics
        for counter, name, value in (
            (told.llm_retries, "retries", state.retries),
            (told.llm_tokens.labels("in"), "in", state.tokens_in),
            (told.llm_tokens.labels("out"), "out", state.tokens_out),
            (told.llm_money, "money", state.money),
            (told.llm_hits, "hits", state.cache_hits),
        ):
            self._raised(counter, (id(judge), name), value)
        told.budget_full.set(state.budget_full is not None)
        away = state.circuit != "closed"
        self.health.judge = (
            f"the LLM is away, asked again in {state.resumes_in:.0f} s" if away else ""
        )
        told.circuit.set(away)
        told.resumes.set(state.resumes_in)
        for window, limits in state.budget.items():
            for unit, (used, limit) in limits.items():
                told.budget_used.labels(window, unit).set(used)
                told.budget_limit.labels(window, unit).set(limit)
                told.budget_left.labels(window, unit).set(max(0.0, limit - used))

    def _raised(self, counter: Counter, name: tuple[int, str], value: float) -> None:
        counter.inc(max(0.0, value - self._before.get(name, 0.0)))
        self._before[name] = value
