"""A log for each test that wants one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.embedded.log import SqliteLog


@pytest.fixture
def log(tmp_var: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_var / "log.sqlite")) as made:
        yield made
