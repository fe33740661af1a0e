"""Every runner the contract is run over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.runner_harness import EmbeddedHarness, EmbeddedLockstepHarness, Harness

HARNESSES: list[Callable[[Path], Harness]] = [EmbeddedHarness, EmbeddedLockstepHarness]


@pytest.fixture(params=HARNESSES, ids=lambda made: made.__name__)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    made: Harness = request.param(tmp_path)
    yield made
    made.close()
