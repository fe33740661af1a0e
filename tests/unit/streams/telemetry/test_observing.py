"""What a worker that waits, works and is fenced off tells of itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.errors import Transient
from streams.errors import Fenced, NoModel
from streams.program.observing import Observed, Unobserved, observing
from streams.program.settings import Settings
from streams.program.up import environment
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.topology import JUDGE, TRAIN


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def observed(tmp_path: Path, metrics: Metrics, health: Health) -> Observed:
    return Observed(Settings(var=tmp_path), [JUDGE, TRAIN], metrics, health)


def test_one_that_waits_for_a_model_is_not_without_brokers(
    observed: Observed, health: Health
) -> None:
    observed.waits(NoModel("there is no model yet"))
    assert health.brokers == ""
    assert health.missing()[:2] == ["not in the group of judge", "not in the group of train"]
    assert "there is no model yet" in health.missing()
    observed.waits(Transient("Kafka at x: no answer"))
    assert health.brokers == "Kafka at x: no answer"
    assert health.missing().count("Kafka at x: no answer") == 1


def test_one_that_was_fenced_off_works_on_nothing(
    observed: Observed, metrics: Metrics, health: Health
) -> None:
    def active() -> float | None:
        return metrics.registry.get_sample_value("redstream_active", {"stage": "train"})

    assert active() == 0
    observed.watch.assigned("train", 5)
    assert active() == 1
    observed.waits(Fenced("another train has begun"))
    assert active() == 0
    assert health.brokers == ""


async def test_the_loop_turns_also_while_the_worker_waits(
    observed: Observed, health: Health
) -> None:
    health.turned -= 1_000
    assert not health.alive
    task = asyncio.create_task(observed.turning())
    await asyncio.sleep(0.01)
    assert health.alive
    task.cancel()


def test_without_a_port_nothing_is_served(tmp_path: Path) -> None:
    with observing(Settings(var=tmp_path), [JUDGE]) as found:
        assert type(found) is Unobserved


def test_workers_that_are_started_together_get_a_port_each(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, metrics_port=9600)
    ports = [environment(settings, place)["REDSTREAM_METRICS_PORT"] for place in range(3)]
    assert ports == ["9600", "9601", "9602"]
