"""Logs, ledgers and indexes in a folder of their own, closed when the test is over."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import structlog

from streams.embedded.log import SqliteLog
from streams.program.settings import Settings
from tests.unit.streams import reviewed_folder, tiny


@pytest.fixture
def open_log(tmp_var: Path) -> Iterator[Callable[..., SqliteLog]]:
    """Open the log of this test's folder, as often as wanted."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(closing(SqliteLog(tmp_var / "log.sqlite", **how)))


@pytest.fixture
def log(open_log: Callable[..., SqliteLog]) -> SqliteLog:
    return open_log()


@pytest.fixture
def own_logs() -> Iterator[None]:
    """The program sends its log to this test's standard error, which is closed behind it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.fit_folder(tmp_path_factory.mktemp("fitted"))


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reviewed_folder.run_folder(tmp_path_factory.mktemp("ran"))


@pytest.fixture
def settings(fitted: Path, tmp_path: Path) -> Settings:
    """Of a fitted folder of its own."""
    shutil.copytree(fitted, tmp_path / "var")
    return Settings(var=tmp_path / "var", encoder="hashing")
