"""What holds for every test: no network beyond this machine, few threads, an own state folder."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.provided import AnyBroker, prepared, provided
from tools.jars import Unavailable

# Read by numpy and torch when they are first imported, which is later. Small fits gain nothing
# from more threads, and lose much where other programs want the cores too.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, str(min(2, os.cpu_count() or 1)))
os.environ.setdefault("HF_HUB_OFFLINE", "1")


class NetworkRefused(AssertionError):
    """A test reached for another machine. Not an OSError: no retry or fallback may swallow it."""


def is_here(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    if isinstance(host, bytes):
        host = host.decode()
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:  # a name
        return False


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections and look-ups leave this process for loopback and Unix sockets only."""

    def guarded_method(method: Callable[..., Any]) -> Callable[..., Any]:
        def guard(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(address[0]):
                raise NetworkRefused(f"a test connects to {address}")
            return method(self, address)

        return guard

    def guarded_lookup(lookup: Callable[..., Any]) -> Callable[..., Any]:
        def guard(host: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_here(host):
                raise NetworkRefused(f"a test looks up {host!r}")
            return lookup(host, *args, **kwargs)

        return guard

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded_method(getattr(socket.socket, name)))
        for name in ("getaddrinfo", "gethostbyname"):
            patch.setattr(socket, name, guarded_lookup(getattr(socket, name)))
        yield


@pytest.fixture
def tmp_var(tmp_path: Path) -> Path:
    """An empty state folder, as `var/` is to a program."""
    var = tmp_path / "var"
    var.mkdir()
    return var


WHY = pytest.StashKey[str]()
"""Why the tests of Kafka have no Kafka."""

INSTEAD = pytest.StashKey[str]()

LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch what a broker needs while no test's time is running."""
    if any(item.get_closest_marker("kafka") for item in session.items):
        prepared()


@pytest.fixture(scope="session")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AnyBroker]:
    """Kafka, one for all tests, or librdkafka's mock of it."""
    try:
        made, why = provided(tmp_path_factory.mktemp("kafka"))
    except Unavailable as error:
        request.config.stash[WHY] = str(error)
        request.config.stash[INSTEAD] = "no test of the runner on Kafka has run"
        pytest.skip(f"no Kafka: {error}")
    if why:
        request.config.stash[WHY] = why
        request.config.stash[INSTEAD] = "librdkafka's mock broker stood in for it"
    yield made
    made.close()


@pytest.fixture
def kafka(broker: AnyBroker, request: pytest.FixtureRequest) -> AnyBroker:
    """Apache Kafka itself, for what the mock broker cannot do."""
    if not broker.real:
        request.config.stash.setdefault(LEFT_OUT, []).append(request.node.nodeid)
        pytest.skip(f"needs Apache Kafka itself: {request.config.stash[WHY]}")
    return broker


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say plainly what was not tried on Apache Kafka."""
    if why := config.stash.get(WHY, None):
        left_out = len(config.stash.get(LEFT_OUT, []))
        terminalreporter.write_line(
            f"Nothing was tried on Apache Kafka ({why}): {config.stash[INSTEAD]};"
            f" {left_out} tests of what only Kafka itself can show were left out.",
            yellow=True,
        )
