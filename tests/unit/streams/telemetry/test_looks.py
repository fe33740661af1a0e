"""What is looked at: what waits, how old it is, the ledger, the store, the LLM."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import Transient
from streams.ledger import Ledger
from streams.records import Authority, Contender, Labeled, Text, Uncertain
from streams.stage import Delivered
from streams.telemetry.health import Health
from streams.telemetry.looks import BrokerLooks, LoopLooks
from streams.telemetry.metrics import Metrics
from streams.topology import JUDGE, LEDGER, StageSpec
from streams.wire import Vector


def uncertain(received: float) -> bytes:
    text = Text(id="T1", text="no sound", received=received)
    embedding = Vector.of(np.ones(3, np.float32), "e")
    contenders = [Contender(label="a", probability=0.5)]
    return Uncertain(text=text, embedding=embedding, contenders=contenders, model=1).encode()


class Brokers:
    """Two partitions, each with what lies before the group."""

    def __init__(self, *values: bytes | None) -> None:
        self.values = values
        self.away = False

    def waiting(self, group: str, topics: Sequence[str]) -> int:
        if self.away:
            raise Transient("Kafka at x: no answer")
        return 12

    def partitions(self, topic: str) -> Sequence[int]:
        return range(len(self.values))

    def position(self, group: str, topic: str, partition: int = 0) -> int:
        return 5

    def read_from(self, topic: str, offset: int, limit: int, partition: int = 0) -> list[Delivered]:
        value = self.values[partition]
        return [] if value is None else [Delivered(topic, partition, offset, b"T1", value)]


def looks(
    brokers: Brokers, spec: StageSpec, health: Health, ledger: Path = Path("none")
) -> tuple[BrokerLooks, Metrics]:
    metrics = Metrics()
    readers: Any = [(spec, brokers)]
    return BrokerLooks(metrics, health, readers, ledger), metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"redstream_{name}", labels)


def test_lag_and_the_age_of_the_oldest_uncertain_text_are_told() -> None:
    health, now = Health(), time.time()
    health.joined("judge", 3)
    brokers = Brokers(None, uncertain(now - 100), uncertain(now - 700), b"\xff")
    looking, metrics = looks(brokers, JUDGE, health)
    looking.look()
    assert value(metrics, "lag_records", stage="judge") == 12
    assert value(metrics, "oldest_uncertain_age_seconds", stage="judge") == pytest.approx(
        700, abs=5
    )
    assert health.kafka == ""
    assert health.asked is None
    health.joined("judge", 0)
    looking.look()
    assert value(metrics, "oldest_uncertain_age_seconds", stage="judge") == 0


def test_brokers_that_are_away_are_noted_and_so_is_their_return() -> None:
    health, brokers = Health(), Brokers()
    looking, _ = looks(brokers, JUDGE, health)
    brokers.away = True
    looking.look()
    assert health.brokers == "Kafka at x: no answer"
    brokers.away = False
    looking.look()
    assert health.brokers == ""


def test_only_a_ledger_that_works_is_counted(tmp_path: Path) -> None:
    path, health = tmp_path / "ledger.sqlite", Health()
    ledger = Ledger(path)
    text = Text(id="T1", text="no sound", received=1.0)
    event = Labeled.make(text, "a", Authority.JUDGE, 1, "x", 1)
    ledger.apply([(Delivered("labeled", 0, 0, b"T1", b""), event)])
    ledger.close()
    looking, metrics = looks(Brokers(), LEDGER, health, path)
    looking.look()
    assert value(metrics, "labeled_texts", authority="judge") is None
    health.joined("ledger", 6)
    looking.look()
    assert value(metrics, "labeled_texts", authority="judge") == 1
    assert value(metrics, "held_texts") == 0


class Store:
    def __init__(self) -> None:
        self.away = False

    async def count(self) -> int:
        if self.away:
            raise Transient("the Qdrant server: no answer")
        return 3


class Llm:
    """As much of a judge that is asked over a network as is looked at."""

    signature, teaches, resumes_in = "m", True, 4.0
    calls = 0

    def status(self) -> dict[str, object]:
        return {
            "model": "m",
            "retries": 2 * self.calls,
            "tokens_in": 70 * self.calls,
            "money": 0.5 * self.calls,
            "circuit": "open",
            "resumes_in": 4.0,
            "budget": {"day": {"calls": [self.calls, 10]}},
            "budget_full": "day",
        }

    def share(self, part: float) -> None: ...

    def forget_words(self, forgotten: int) -> None: ...

    async def close(self) -> None: ...

    async def verify(self, *asked: object) -> None: ...

    async def choose(self, *asked: object) -> None: ...


async def test_store_and_llm_are_asked_in_the_loop() -> None:
    metrics, health, store, llm = Metrics(), Health(), Store(), Llm()
    looking = LoopLooks(metrics, health, lambda: [store], lambda: [llm])  # type: ignore[arg-type,list-item]
    for calls in (4, 4, 6):
        llm.calls = calls
        await looking.look()
    assert health.store == ""
    assert value(metrics, "llm_retries_total") == 12
    assert value(metrics, "llm_tokens_total", direction="in") == 420
    assert value(metrics, "llm_money_total") == 3
    assert value(metrics, "llm_budget_left", window="day", unit="calls") == 4
    assert value(metrics, "llm_budget_full") == value(metrics, "llm_circuit_open") == 1
    store.away = True
    await looking.look()
    assert health.store == "the example store: the Qdrant server: no answer"


async def test_a_judge_that_cannot_tell_how_it_stands_does_not_end_the_looks() -> None:
    again = asyncio.Event()

    class Broken(Llm):
        def status(self) -> dict[str, object]:
            self.calls += 1
            if self.calls == 3:
                again.set()
            raise ValueError("no status")

    llm, health = Broken(), Health()
    looking = LoopLooks(Metrics(), health, list, lambda: [llm], every=0.001)  # type: ignore[arg-type,list-item]
    task = asyncio.create_task(looking.run())
    async with asyncio.timeout(10):
        await again.wait()
    assert not task.done()
    task.cancel()


def test_a_ledger_that_cannot_be_read_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    path, health = tmp_path / "ledger.sqlite", Health()
    path.write_bytes(b"no database at all" * 100)
    health.joined("ledger", 6)
    looking, metrics = looks(Brokers(), LEDGER, health, path)
    looking.look()
    assert value(metrics, "lag_records", stage="ledger") == 12
    assert health.kafka == ""
