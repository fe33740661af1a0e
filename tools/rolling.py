"""Workers of two versions on the same topics: an upgrade while a stream flows, and the way back.

    git worktree add /tmp/before v0.1.0
    python -m tools.rolling /tmp/before

Workers of the version before label a third of the texts; one after the other they are stopped and
started with the code here, under the second third, and back again under the last. Then every text
has to be there, as in `tools.chaos`, nothing among the dead letters, and nobody died.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from streams.derived import everything
from streams.kafka.reader import KafkaReader
from streams.records import DeadLetter
from streams.topology import DEADLETTERS, LABELED, MANIFEST, MODELS
from tools.broker import Broker, start
from tools.chaos import HELPDESK, ROOT, Chaos, Report, judged, write_texts
from tools.jars import fetched

TEAMS = (
    ("ledger",),
    ("train", "drift"),
    ("judge", "remember", "later"),
    ("classify",),
    ("classify",),
)
"""What runs in one process, in the order in which it is upgraded: who reads before who writes."""

STEP_SECONDS = 120.0


@dataclass
class Rolled(Report):
    """What came of it: `dead` letters, workers that `died`, newest version of the model by phase.

    `prefix` begins the names of the topics.
    """

    prefix: str = ""
    dead: list[str] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, refused or wrong, and nobody died."""
        return super().good and not self.dead and not self.died


class Cluster(Chaos):
    """Workers that are started from this code or another."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        super().__init__(broker, folder, 0)
        self._teams = list(TEAMS)
        self._running = [None] * len(TEAMS)

    def run(self, root: Path, *arguments: str, check: bool = True) -> None:
        """Run a command of one code to its end; with `check` it has to end well."""
        subprocess.run(
            self._program(*arguments), env=self.environment, cwd=root, check=check, timeout=300
        )

    def begin(self, place: int, root: Path) -> None:
        """Start one worker with the code in a folder."""
        with (self._folder / "errors").open("ab") as errors:
            self._running[place] = subprocess.Popen(
                self._program("worker", *TEAMS[place]),
                env=self.environment,
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def end(self, place: int) -> int:
        """Tell one to stop; return its exit status."""
        process = self._running[place]
        assert process is not None
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def revive(self) -> None:
        """Nobody dies here."""

    def died(self) -> list[str]:
        """Return who is not there any more."""
        found = zip(TEAMS, self._running, strict=True)
        return ["+".join(team) for team, one in found if one is not None and one.poll() is not None]

    @contextmanager
    def working(self, root: Path) -> Iterator[None]:
        """Have all of them at work, and end whoever is there in the end."""
        try:
            for place in range(len(TEAMS)):
                self.begin(place, root)
            yield
        finally:
            for process in self._running:
                if process is not None:
                    process.kill()
                    process.wait()


def played(
    broker: Broker,
    folder: Path,
    before: Path,
    after: Path,
    *,
    texts: int,
    say: Callable[[str], None] = print,
) -> Rolled:
    """Stream texts through an upgrade and back, and return what came of it."""
    began, report = time.monotonic(), Rolled(texts)
    write_texts(folder, texts, 0)
    thirds = _thirds(folder / "texts.jsonl")
    cluster = Cluster(broker, folder)
    report.prefix = cluster.environment["REDSTREAM_KAFKA_PREFIX"]
    cluster.run(before, "topics", "create")
    fit = ("fit", str(HELPDESK / "examples.jsonl"), "--labels", str(HELPDESK / "labels.jsonl"))
    cluster.run(before, *fit)
    with cluster.working(before), closing(cluster.reader()) as reader:
        for name, root, part in (("before", before, 0), ("after", after, 1), ("back", before, 2)):
            # Status 1 also where what is there is declared otherwise by now: it stays as it is.
            cluster.run(root, "topics", "create", check=False)
            cluster.run(root, "produce", str(thirds[part]))
            events = reader.end(LABELED.name)
            _until(lambda: reader.end(LABELED.name) > events + texts // 30, cluster)  # noqa: B023
            if part:
                for place, team in enumerate(TEAMS):
                    status = cluster.end(place)
                    if status:
                        report.died.append(f"{'+'.join(team)} ends with {status}")
                    cluster.begin(place, root)
                    say(f"{name}: {'+'.join(team)}")
                    time.sleep(1)
                events = reader.end(LABELED.name)
            report.models[name] = _newest(reader)
        judged(cluster, texts, report, say)
        report.models["end"] = _newest(reader)
        report.died += cluster.died()
        report.dead = [
            DeadLetter.decode(one.value).message
            for records in everything(reader, DEADLETTERS)
            for one in records
        ]
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _until(done: Callable[[], bool], cluster: Cluster) -> None:
    until = time.monotonic() + STEP_SECONDS
    while not done():
        if time.monotonic() > until or cluster.died():
            raise TimeoutError(f"nothing is labelled any more; died: {cluster.died()}")
        time.sleep(0.5)


def _newest(reader: KafkaReader) -> int:
    numbers = [key.decode().removeprefix(MANIFEST) for key in reader.keys(MODELS.name, MANIFEST)]
    return max(map(int, numbers), default=0)


def _thirds(path: Path) -> list[Path]:
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    size = -(-len(rows) // 3)
    found = []
    for number in range(3):
        part = path.with_name(f"texts-{number + 1}.jsonl")
        part.write_text("".join(rows[number * size : (number + 1) * size]), encoding="utf-8")
        found.append(part)
    return found


def main() -> int:
    """Exit status 1 where it did not go well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="folder with the code of the version before")
    parser.add_argument("--texts", type=int, default=900)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redstream-rolling-")))
        (folder / "broker").mkdir()
        broker = stack.enter_context(closing(start(fetched(), folder / "broker")))
        report = played(broker, folder, given.before.resolve(), ROOT, texts=given.texts)
        if not report.good:
            print((folder / "errors").read_text(errors="replace")[-4_000:])
    print(json.dumps({**asdict(report), "good": report.good}, indent=1))
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
