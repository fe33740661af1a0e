"""Logs, ledgers and indexes in a folder of their own, closed when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from streams.embedded.log import SqliteLog


@pytest.fixture
def open_log(tmp_var: Path) -> Iterator[Callable[..., SqliteLog]]:
    """Open the log of this test's folder, as often as wanted."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(closing(SqliteLog(tmp_var / "log.sqlite", **how)))


@pytest.fixture
def log(open_log: Callable[..., SqliteLog]) -> SqliteLog:
    return open_log()
