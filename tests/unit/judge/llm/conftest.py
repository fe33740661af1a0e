"""A loopback server for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from tests.loopback.server import Loopback
from tests.unit.judge.llm import make


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    """Answers rightly until a test says otherwise."""
    made = await Loopback(right=make.RIGHT).start()
    yield made
    await made.stop()


@pytest.fixture(autouse=True)
def plain_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy of this machine between test and loopback; structlog as it comes."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
