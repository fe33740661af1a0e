"""Workers of two versions on the same topics: an upgrade while a stream flows, and the way back.

    git worktree add /tmp/before v0.1.0
    python -m tools.rolling /tmp/before

Workers of the version before label a third of the texts; one after the other they are stopped and
started with the code here, under the second third, and back again under the last. Then every text
has to be there, as in `make chaos`, nothing among the dead letters, and nobody died.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from streams.derived import everything
from streams.kafka.reader import KafkaReader
from streams.records import DeadLetter
from streams.topology import DEADLETTERS, LABELED, MANIFEST, MODELS
from tools.broker import Broker, start
from tools.chaos import texts as given_texts
from tools.chaos.cluster import ROOT, Cluster, Place
from tools.chaos.outcome import outcome, settled
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
class Rolled:
    """What came of it: `dead` letters, workers that `died`, newest version of the model by phase.

    `prefix` begins the names of the topics.
    """

    texts: int
    prefix: str = ""
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    twice: int = 0
    events: int = 0
    dead: list[str] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing was lost, refused or wrong, and nobody died."""
        return not (self.lost or self.wrong or self.dead or self.died)


class Rolling(Cluster):
    """Workers that are started from this code or another; who dies is remembered."""

    def __init__(self, broker: Broker, folder: Path, before: Path) -> None:
        super().__init__(broker, folder, TEAMS)
        self.died: list[str] = []
        for place in self.places:
            place.root = before

    def revive(self) -> list[str]:
        """Start whoever is not there."""
        self.died += self.ended()
        return super().revive()

    def move(self, place: Place, root: Path) -> None:
        """Tell a worker to stop, and start it again with the code in another folder."""
        assert place.process is not None
        place.process.terminate()
        if status := place.process.wait(STEP_SECONDS):
            self.died.append(f"{place.name} ends with {status}")
        place.process, place.root = None, root
        self.revive()


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
    rows = given_texts.rows(texts)
    given_texts.write_gold(folder / "gold.jsonl", rows)
    third = -(-len(rows) // 3)
    cluster = Rolling(broker, folder, before)
    report.prefix = cluster.prefix
    cluster.command("topics", "create", root=before)
    fit = ("fit", str(given_texts.EXAMPLES), "--labels", str(given_texts.LABELS))
    cluster.command(*fit, root=before)
    with cluster.workers(), closing(cluster.reader()) as reader:
        phases = (("before", before), ("after", after), ("back", before))
        for number, (name, root) in enumerate(phases):
            # Status 1 also where what is there is declared otherwise by now: it stays as it is.
            cluster.command("topics", "create", root=root, check=False)
            events = reader.end(LABELED.name)
            cluster.produce(rows[number * third : (number + 1) * third])
            _until(lambda: reader.end(LABELED.name) > events + texts // 30, cluster)  # noqa: B023
            for place in cluster.places if number else ():
                cluster.move(place, root)
                say(f"{name}: {place.name}")
                time.sleep(1)
            report.models[name] = _newest(reader)
        settled(cluster, say)
        found = outcome(cluster, rows)
        report.models["end"] = _newest(reader)
        report.died = cluster.died + cluster.ended()
        report.dead = [
            DeadLetter.decode(one.value).message
            for records in everything(reader, DEADLETTERS)
            for one in records
        ]
    report.lost, report.wrong = found.lost, found.wrong
    report.twice, report.events = found.twice, found.events
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _until(done: Callable[[], bool], cluster: Rolling) -> None:
    until = time.monotonic() + STEP_SECONDS
    while not done():
        if time.monotonic() > until or cluster.ended():
            raise TimeoutError(f"nothing is labelled any more; died: {cluster.ended()}")
        time.sleep(0.5)


def _newest(reader: KafkaReader) -> int:
    numbers = [key.decode().removeprefix(MANIFEST) for key in reader.keys(MODELS.name, MANIFEST)]
    return max(map(int, numbers), default=0)


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
