"""`make chaos`: workers on Kafka killed at random moments, the broker too; then every text counts.

Workers run as a user would run them, two of each stage, and are started again when they die. A
text is lost if it has neither a label nor a place among the held when all is quiet; it is wrong if
the newest event that was told of it is not the one that the order of authority gives among all of
them. Encoder and judge are the ones without weights and with gold (`hashing`, `simulated`): what is
tried is the way, not the labels.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from streams.derived import backlog, everything
from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.records import Labeled
from streams.topology import LABELED, LABELED_LATEST, TEXTS, Topic
from tools.broker import Broker, start
from tools.jars import fetched

ROOT = Path(__file__).resolve().parents[1]
HELPDESK = ROOT / "examples" / "helpdesk"

TEAMS = (("classify",), ("judge", "remember", "later"), ("train",), ("drift",), ("ledger",))
"""What runs in one process. Without a Qdrant server the examples lie in a folder, which only one
process can open: of that team there is one, of the others two."""

PATIENCE = 1_800.0
"""Seconds without anything being decided, after which something hangs."""


@dataclass
class Report:
    """What was done, and what came of it."""

    texts: int
    kills: dict[str, int] = field(default_factory=dict)
    broker_kills: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    twice: int = 0
    events: int = 0
    seconds: float = 0.0
    settle_seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing was lost and every newest truth is the right one."""
        return not self.lost and not self.wrong


class Chaos:
    """A cluster of workers on a broker, and someone who kills them."""

    def __init__(self, broker: Broker, folder: Path, seed: int) -> None:
        self._broker = broker
        self._folder = folder
        self._random = random.Random(seed)
        self._prefix = f"c{uuid.uuid4().hex[:10]}."
        self.environment = {
            **os.environ,
            "REDSTREAM_KAFKA": broker.bootstrap,
            "REDSTREAM_KAFKA_PREFIX": self._prefix,
            "REDSTREAM_KAFKA_SESSION": "10",
            "REDSTREAM_VAR": str(folder / "var"),
            "REDSTREAM_ENCODER": "hashing",
            "REDSTREAM_JUDGE": "simulated",
            "REDSTREAM_GOLD": str(folder / "gold.jsonl"),
            "OMP_NUM_THREADS": "1",
        }
        self._teams = [team for team in TEAMS for _ in range(1 if "remember" in team else 2)]
        self._running: list[subprocess.Popen[bytes] | None] = [None] * len(self._teams)

    def command(self, *arguments: str) -> None:
        """Run the program to its end."""
        subprocess.run(self._program(*arguments), env=self.environment, cwd=ROOT, check=True)

    def _program(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "streams.program", *arguments]

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Have all of them at work; started again with `revive`."""
        try:
            self.revive()
            yield
        finally:
            for process in self._running:
                if process is not None:
                    process.kill()
                    process.wait()

    def revive(self) -> None:
        """Start whoever is not there."""
        for place, process in enumerate(self._running):
            if process is None or process.poll() is not None:
                with (self._folder / "errors").open("ab") as errors:
                    self._running[place] = subprocess.Popen(
                        self._program("worker", *self._teams[place]),
                        env=self.environment,
                        cwd=ROOT,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=errors,
                    )

    def kill(self) -> str:
        """Kill one at random; return which."""
        place = self._random.randrange(len(self._running))
        process = self._running[place]
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        return "+".join(self._teams[place])

    def kill_broker(self) -> None:
        """Kill the broker, and start it again a little later."""
        self._broker.kill()
        time.sleep(self._random.uniform(1, 5))
        self._broker.revive()

    def ledgers(self) -> list[Path]:
        """The files of both ledgers' workers."""
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

    def reader(self) -> KafkaReader:
        """Look things up."""
        return KafkaReader(Connection(self._broker.bootstrap, self._prefix))


def events(reader: KafkaReader, topic: Topic) -> Iterator[Labeled]:
    """All of a topic, partition by partition."""
    for records in everything(reader, topic):
        yield from (Labeled.decode(one.value) for one in records if one.value is not None)


def write_texts(folder: Path, count: int, seed: int) -> None:
    """Texts of the example, as often as needed, under ids of their own, and their gold labels."""
    rows = _rows(HELPDESK / "texts.jsonl")
    gold = {row["id"]: row["label"] for row in _rows(HELPDESK / "gold.jsonl")}
    chosen = random.Random(seed).choices(rows, k=count)
    with (folder / "texts.jsonl").open("w") as texts, (folder / "gold.jsonl").open("w") as known:
        for number, row in enumerate(chosen):
            name = f"C{number:06d}"
            texts.write(json.dumps({"id": name, "text": f"{row['text']} ({number})"}) + "\n")
            known.write(json.dumps({"id": name, "label": gold[row["id"]]}) + "\n")


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def judged(chaos: Chaos, count: int, report: Report, say: Callable[[str], None]) -> None:
    """Wait until nothing waits, and compare."""
    ids = {f"C{number:06d}" for number in range(count)}
    began, last, quiet = time.monotonic(), -1, 0
    with closing(chaos.reader()) as reader:
        while quiet < 3:
            chaos.revive()
            left = sum(backlog(reader).values())
            quiet = 0 if left else quiet + 1
            if left != last:
                last, changed = left, time.monotonic()
                say(f"{left} records are still with the workers")
            if time.monotonic() - changed > PATIENCE:
                say("nothing moves any more")
                break
            time.sleep(2)
        report.settle_seconds = round(time.monotonic() - began, 1)
        truth: dict[str, Labeled] = {}
        seen: set[str] = set()
        for event in events(reader, LABELED):
            report.events += 1
            report.twice += event.event in seen
            seen.add(event.event)
            if event.id not in truth or event.order > truth[event.id].order:
                truth[event.id] = event
        newest: dict[str, Labeled] = {}
        for event in events(reader, LABELED_LATEST):
            newest[event.id] = event
    report.lost = sorted(ids - newest.keys() - chaos.held())
    report.wrong = sorted(
        one for one in truth if one not in newest or newest[one].event != truth[one].event
    )


def played(
    broker: Broker,
    folder: Path,
    *,
    texts: int,
    kills: int,
    broker_kills: int,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Report:
    """Stream texts while workers and broker are killed, and return what came of it."""
    began = time.monotonic()
    report = Report(texts)
    write_texts(folder, texts, seed)
    chaos = Chaos(broker, folder, seed)
    chaos.command("topics", "create")
    chaos.command(
        *("fit", str(HELPDESK / "examples.jsonl"), "--labels", str(HELPDESK / "labels.jsonl"))
    )
    with chaos.workers():
        chaos.command("produce", str(folder / "texts.jsonl"))
        with closing(chaos.reader()) as reader:
            while not reader.position("classify", TEXTS.name):
                time.sleep(1)
        dice = random.Random(seed + 1)
        at = sorted(dice.sample(range(kills), broker_kills))
        for number in range(kills):
            time.sleep(dice.uniform(0.5, 6))
            killed = chaos.kill()
            report.kills[killed] = report.kills.get(killed, 0) + 1
            if number in at:
                chaos.kill_broker()
                report.broker_kills += 1
                say(f"the broker was killed ({report.broker_kills} of {broker_kills})")
            time.sleep(dice.uniform(0, 3))
            chaos.revive()
            if (number + 1) % 10 == 0:
                say(f"{number + 1} of {kills} kills")
        judged(chaos, texts, report, say)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def main() -> int:
    """Exit status 1 where something was lost or is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100, help="of workers, at random")
    parser.add_argument("--broker-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write what came of it into this JSON file")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redstream-chaos-")))
        (folder / "broker").mkdir()
        broker = stack.enter_context(closing(start(fetched(), folder / "broker")))
        report = played(
            broker,
            folder,
            texts=given.texts,
            kills=given.kills,
            broker_kills=given.broker_kills,
            seed=given.seed,
        )
    told = {**asdict(report), "good": report.good}
    print(json.dumps(told, indent=1))
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
