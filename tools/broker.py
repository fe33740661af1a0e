"""A broker of Apache Kafka for tests and benchmarks: one node on loopback, gone when they are."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.kafka.connection import Connection
from streams.kafka.topics import Declared, create
from tools.jars import Unavailable

LONGEST_START, LONGEST_STOP = 60.0, 15.0

STARTS = 3
"""Between finding a free port and its use another program may take it."""

JAVA = [
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.net.preferIPv4Stack=true",
]

# Whatever ends this process, also SIGKILL, closes the pipe that is the shell's input.
GUARDED = """
exec 3<&0
"$@" 3<&- </dev/null & broker=$!
{ cat <&3 >/dev/null; kill $broker 2>/dev/null; } &
wait $broker
"""

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{others}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{others}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{kinds}
log.dirs={folder}/data
num.network.threads=2
num.io.threads=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.load.buffer.size=65536
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=8388608
"""

LOGGING = """
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


class Broker:
    """A broker that was started here, or one that a person has named."""

    real = True

    def __init__(
        self,
        bootstrap: str,
        started: "subprocess.Popen[bytes] | None" = None,
        again: "Callable[[], subprocess.Popen[bytes]] | None" = None,
    ) -> None:
        """`again` starts it a second time, with what it had written."""
        self.bootstrap = bootstrap
        self.listeners: Mapping[str, int] = {}
        self.folder: Path | None = None
        """Where it keeps its logs (`data`), if it was started here."""
        self._started = started
        self._again = again

    def kill(self) -> None:
        """End it at once, as a crash does; it must have been started here."""
        assert self._started is not None
        assert self._started.stdin is not None
        os.killpg(self._started.pid, signal.SIGKILL)
        self._started.wait()
        self._started.stdin.close()

    def revive(self) -> None:
        """Start it again after a `kill`, and wait until it answers.

        Raises:
            Unavailable: it does not.
        """
        assert self._again is not None
        self._started = self._again()
        if not _answers(self, self._started):
            raise Unavailable("the broker does not come back")

    def create(self, connection: Connection, wanted: list[Declared]) -> None:
        """Create topics."""
        asyncio.run(create(connection, wanted))

    def remove(self, names: list[str]) -> None:
        """Delete topics that a test has created: they take memory, and may be on a broker of
        somebody's.
        """
        asyncio.run(self._remove(names))

    async def _remove(self, names: list[str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            await admin.start()
            await admin.delete_topics(names)
        finally:
            await admin.close()

    def close(self) -> None:
        """Stop it, if it was started here."""
        started = self._started
        if started is None:
            return
        assert started.stdin is not None
        started.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            started.wait(LONGEST_STOP)
        with suppress(ProcessLookupError):  # a broker that hangs, and the shell around it
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@dataclass(frozen=True)
class Secured:
    """Listeners beside the plain one, by the protocol that each speaks; `properties` say how.

    `scram` are users as `StorageTool format --add-scram` takes them.
    """

    protocols: Sequence[str] = ()
    properties: str = ""
    scram: Sequence[str] = ()


def start(jars: Path, folder: Path, secured: Secured = Secured()) -> Broker:
    """Start a broker in an empty folder, and wait until it answers.

    Raises:
        Unavailable: it does not.
    """
    said = ""
    for number in range(STARTS):
        place = folder / str(number)
        place.mkdir()
        port, controller, *others = free_ports(2 + len(secured.protocols))
        listeners = dict(zip(secured.protocols, others, strict=True))
        _configure(place, port, controller, listeners, secured.properties)
        started = _launch(jars, place, secured.scram)
        broker = Broker(f"127.0.0.1:{port}", started, partial(_run, jars, place))
        broker.listeners, broker.folder = listeners, place
        if _answers(broker, started):
            return broker
        broker.close()
        said = (place / "log").read_text(errors="replace")[-2_000:]
    raise Unavailable(f"Apache Kafka does not start here:\n{said}")


def _configure(
    folder: Path, port: int, controller: int, listeners: Mapping[str, int], more: str
) -> None:
    others = "".join(f",{name}://127.0.0.1:{at}" for name, at in listeners.items())
    kinds = "".join(f",{name}:{name}" for name in listeners)
    config = PROPERTIES.format(
        folder=folder, port=port, controller=controller, others=others, kinds=kinds
    )
    (folder / "server.properties").write_text(config + more)


def _launch(jars: Path, folder: Path, scram: Sequence[str]) -> "subprocess.Popen[bytes]":
    config = folder / "server.properties"
    (folder / "log4j2.properties").write_text(LOGGING)
    form = ["kafka.tools.StorageTool", "format", "-t", "A" * 22, "-c", str(config)]
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [
                *_java(jars, folder),
                *form,
                *(word for user in scram for word in ("--add-scram", user)),
            ],
            stdout=log,
            stderr=log,
            timeout=LONGEST_START,
        )
    return _run(jars, folder)


def _java(jars: Path, folder: Path) -> list[str]:
    logging = folder / "log4j2.properties"
    return [
        str(shutil.which("java")),
        *JAVA,
        f"-Dlog4j2.configurationFile={logging}",
        *("-cp", f"{jars}/*"),
    ]


def _run(jars: Path, folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("ab") as log:
        command = [*_java(jars, folder), "kafka.Kafka", str(folder / "server.properties")]
        return guarded(command, log)


def guarded(command: list[str], log: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start what ends when its input is closed, which is also when this process ends."""
    return subprocess.Popen(
        ["sh", "-c", GUARDED, "sh", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C is for the tests, which still need it to tidy up
    )


def _answers(broker: Broker, started: "subprocess.Popen[bytes]") -> bool:
    latest = time.monotonic() + LONGEST_START
    while time.monotonic() < latest and started.poll() is None:
        if asyncio.run(answers(broker.bootstrap)):
            return True
        time.sleep(0.2)
    return False


async def answers(bootstrap: str) -> bool:
    """Whether a broker there answers what it is asked."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nothing listens on."""
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports
