"""A log for each test that wants one; what commands set up for log lines ends with the test."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from streams.embedded.log import SqliteLog


@pytest.fixture
def log(tmp_var: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_var / "log.sqlite")) as made:
        yield made


@pytest.fixture(autouse=True)
def own_log_lines() -> Iterator[None]:
    """Commands send their log lines to the test's standard error, which is closed behind it."""
    yield
    structlog.reset_defaults()
