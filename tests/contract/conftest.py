"""Every runner the contract is run over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.kafka_harness import KafkaHarness
from tests.contract.runner_harness import EmbeddedHarness, EmbeddedLockstepHarness, Harness

HARNESSES: list[Callable[..., Harness]] = [EmbeddedHarness, EmbeddedLockstepHarness, KafkaHarness]


@pytest.fixture(
    params=[
        pytest.param(made, marks=[pytest.mark.kafka] if made is KafkaHarness else [])
        for made in HARNESSES
    ],
    ids=lambda made: made.__name__,
)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    broker = [request.getfixturevalue("broker")] if request.param is KafkaHarness else []
    made: Harness = request.param(tmp_path, *broker)
    yield made
    made.close()
