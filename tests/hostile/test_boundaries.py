"""Whatever comes in is answered: a value, a dead letter, or one of our own errors.

`make fuzz` does the same with ten thousand inputs and more (docs/hostile.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, given, settings

from tests.hostile.boundaries import BOUNDARIES
from tests.hostile.boundary import Boundary, quiet

SHORT = 12
"""Inputs of a boundary here, of which those of a topic are many records each."""


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    quiet()
    yield
    structlog.reset_defaults()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda one: one.name)
def test_whatever_comes_in_is_answered(boundary: Boundary) -> None:
    @settings(
        max_examples=SHORT,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(boundary.given)
    def answers(one: object) -> None:
        assert boundary.put(one)

    answers()


def test_every_boundary_is_here_once() -> None:
    names = [one.name for one in BOUNDARIES]
    assert len(names) == len({*names}) >= 35
