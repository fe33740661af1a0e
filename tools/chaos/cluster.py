"""Workers on a broker, started as a user would start them; each has a port that tells how it is."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import declared
from tools.broker import Broker, free_ports
from tools.chaos.texts import EXAMPLES, LABELS, Row, published

ROOT = Path(__file__).resolve().parents[2]

Team = tuple[str, ...]
"""The stages that run in one process."""

STOP_SECONDS = 15.0

PARTITIONS, MANY = 6, 500
"""Where work is shared out; texts that are published at a time."""


@dataclass
class Place:
    """One worker's place: what it works on, where it tells how it is, and who has the place now.

    `root`: the folder of the code that it runs.
    """

    team: Team
    port: int
    process: subprocess.Popen[bytes] | None = None
    root: Path = ROOT

    @property
    def name(self) -> str:
        """Return what it is called in reports."""
        return "+".join(self.team)

    @property
    def running(self) -> bool:
        """Tell whether somebody is there."""
        return self.process is not None and self.process.poll() is None


class Cluster:
    """The program over topics of its own, with encoder and judge that need no weights."""

    def __init__(
        self,
        broker: Broker,
        folder: Path,
        teams: Sequence[Team],
        settings: Mapping[str, str] | None = None,
        *,
        before: str = "",
    ) -> None:
        """`settings` beside the usual ones; `before` is run in a worker's process first."""
        self.broker = broker
        self.folder = folder
        self.prefix = f"c{uuid.uuid4().hex[:10]}."
        self._program = f"{before}from streams.program.cli import main; main()"
        self.environment = {
            **os.environ,
            "REDSTREAM_KAFKA": broker.bootstrap,
            "REDSTREAM_KAFKA_PREFIX": self.prefix,
            "REDSTREAM_KAFKA_SESSION": "10",
            "REDSTREAM_VAR": str(folder / "var"),
            "REDSTREAM_ENCODER": "hashing",
            "REDSTREAM_JUDGE": "simulated",
            "REDSTREAM_GOLD": str(folder / "gold.jsonl"),
            "OMP_NUM_THREADS": "1",
            **(settings or {}),
        }
        if self.environment["REDSTREAM_JUDGE"] != "simulated":
            self.environment.pop("REDSTREAM_GOLD")
        ports = free_ports(len(teams))
        self.places = [Place(team, port) for team, port in zip(teams, ports, strict=True)]

    def command(self, *arguments: str, root: Path = ROOT, check: bool = True) -> None:
        """Run the program of a code to its end; with `check` it has to end well."""
        subprocess.run(
            [sys.executable, "-m", "streams.program", *arguments],
            env=self.environment,
            cwd=root,
            check=check,
            stdout=subprocess.DEVNULL,
        )

    def prepare(self) -> None:
        """Create the topics, and fit the example."""
        self.broker.create(self.connection, declared(self.connection, PARTITIONS, 1))
        self.command("fit", str(EXAMPLES), "--labels", str(LABELS))

    def produce(self, rows: Sequence[Row]) -> None:
        """Publish texts."""
        with closing(self.reader()) as reader:
            for first in range(0, len(rows), MANY):
                reader.append([published(one) for one in rows[first : first + MANY]])

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Have all of them at work; started again with `revive`."""
        try:
            self.revive()
            yield
        finally:
            for place in self.places:
                if place.process is not None:
                    place.process.kill()
                    place.process.wait()

    def revive(self) -> list[str]:
        """Start whoever is not there; return who was not."""
        gone = [place for place in self.places if not place.running]
        for place in gone:
            place.process = self.begin(
                self._program, place.team, place.root, REDSTREAM_METRICS_PORT=str(place.port)
            )
        return [place.name for place in gone]

    def begin(
        self, program: str, team: Team, root: Path = ROOT, **more: str
    ) -> subprocess.Popen[bytes]:
        """Start a program of Python as a worker of these stages, with more in its environment."""
        with (self.folder / "errors").open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-c", program, "worker", *team],
                env={**self.environment, **more},
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def stop(self) -> None:
        """Tell all to stop, and wait until they have."""
        for place in self.places:
            if place.process is not None:
                place.process.terminate()
        for place in self.places:
            if place.process is not None:
                place.process.wait(STOP_SECONDS)

    def ended(self) -> list[str]:
        """Return who ended by itself, and with what status."""
        return [
            f"{place.name} ended with {place.process.returncode}"
            for place in self.places
            if place.process is not None and not place.running
        ]

    def kill(self, dice: random.Random) -> str:
        """Kill one at random; return which."""
        place = self.places[dice.randrange(len(self.places))]
        assert place.process is not None
        place.process.send_signal(signal.SIGKILL)
        place.process.wait()
        return place.name

    def kill_broker(self, seconds: float) -> None:
        """Kill the broker, and start it again after a while."""
        self.broker.kill()
        time.sleep(seconds)
        self.broker.revive()

    def ledgers(self) -> list[Path]:
        """The files of all ledgers' workers."""
        var = Path(self.environment["REDSTREAM_VAR"])
        return [
            p
            for p in [var / "ledger.sqlite", *var.glob("workers/ledger-*/ledger.sqlite")]
            if p.exists()
        ]

    def held(self) -> set[str]:
        """What is held, by the ledger that knows most."""
        found: set[str] = set()
        most = -1
        for path in self.ledgers():
            with closing(sqlite3.connect(path, timeout=30)) as db:
                (known,) = db.execute("SELECT COALESCE(SUM(next), 0) FROM progress").fetchone()
                if known > most:
                    most = known
                    found = {one for (one,) in db.execute("SELECT id FROM held")}
        return found

    @property
    def connection(self) -> Connection:
        """Return where its topics and groups are."""
        return Connection(self.broker.bootstrap, self.prefix)

    def reader(self) -> KafkaReader:
        """Look things up."""
        return KafkaReader(self.connection)
