"""The same texts with and without a disturbance: the final labels are the same.

- `clock`: the clocks of all workers go an hour ahead in mid-stream, an hour behind, then right;
- `twice`: all workers stop in mid-stream, every group is set back to the beginning of everything it
  reads, and all begin again; and once more at the end, when all is done;
- `reassigned`: beside every worker another one joins its group and leaves it again every few
  seconds, so that partitions are given out anew each time.

What is compared hangs on whether lessons are learnt meanwhile. Without a trainer the model stays as
it was fitted, and every text has to come to the very same label, by the same authority. With one it
depends on timing which version a text meets; then every text has to have a label or be held, the
newest truth has to be the one of the order of authority, and no lesson may be learnt twice.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streams.feed import Feed
from streams.kafka.reader import KafkaReader
from streams.topology import (
    CLASSIFY,
    JUDGE,
    LATER,
    LEDGER,
    MODELS,
    NOTICE,
    REMEMBER,
    TEXTS,
    TRAIN,
)
from tools.broker import Broker
from tools.chaos import texts as given_texts
from tools.chaos.clock import VARIABLE as CLOCK
from tools.chaos.cluster import Cluster
from tools.chaos.groups import set_back
from tools.chaos.outcome import Outcome, outcome, settled
from tools.chaos.stand_ins import Qdrant, standing
from tools.chaos.told import Telling, scraped

DISTURBANCES = ("clock", "twice", "reassigned")

HOUR = 3_600.0
"""Brokers refuse records that are more than an hour ahead of them (docs/chaos.md)."""

TEAMS = ((CLASSIFY.name,), (JUDGE.name, REMEMBER.name), (LATER.name, NOTICE.name), (LEDGER.name,))

SETTINGS = {"REDSTREAM_KAFKA_SESSION": "6"}
FROZEN = {"REDSTREAM_CERTIFY": "false"}
"""Without a trainer nobody can certify anything; which sure texts are judged is drawn by their ids
alone."""

PARTS = 3

LONGEST_READY, LONGEST_PART, COUNT_SECONDS = 120.0, 60.0, 0.5


@dataclass
class Compared:
    """A disturbed run beside an undisturbed one; `others` have another label, or none. `times` it
    was disturbed by the clock or by setting back, `reassigned` how often a worker had other
    partitions than half a second before.
    """

    disturbance: str
    learning: bool
    texts: int
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    learnt_twice: list[str] = field(default_factory=list)
    labelled: int = 0
    held: int = 0
    events: int = 0
    twice: int = 0
    times: int = 0
    reassigned: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the two are the same."""
        return bool(self.times or self.reassigned) and not (
            self.lost or self.wrong or self.others or self.learnt_twice
        )


class Run:
    """One run of the texts, disturbed or not."""

    def __init__(
        self,
        broker: Broker,
        folder: Path,
        rows: Sequence[given_texts.Row],
        *,
        learning: bool,
        say: Callable[[str], None],
    ) -> None:
        self._rows, self._say, self._learning = rows, say, learning
        folder.mkdir()
        self._clock = folder / "clock"
        self._clock.write_text("0.0")
        self._qdrant = Qdrant()
        given_texts.write_gold(folder / "gold.jsonl", rows)
        settings = {**SETTINGS, **self._qdrant.settings, CLOCK: str(self._clock)}
        teams = (*TEAMS, (TRAIN.name,)) if learning else TEAMS
        self.cluster = Cluster(
            broker,
            folder,
            teams,
            settings if learning else settings | FROZEN,
            before="import tools.chaos.clock; ",
        )
        self.times = self.reassigned = 0

    def played(self, disturbances: str = "", seconds: float = 0.0, stay: float = 2.5) -> Outcome:
        """Stream all texts in parts, disturbed meanwhile; `reassigned` lasts so many seconds."""
        given = disturbances.split("+")
        size = -(-len(self._rows) // PARTS)
        with ExitStack() as stack:
            stack.enter_context(standing(self._qdrant))
            self.cluster.prepare()
            stack.enter_context(self.cluster.workers())
            Telling(self.cluster).all_ready(LONGEST_READY)
            churn = self._churning(stay) if "reassigned" in given else _nothing()
            with churn:
                began = time.monotonic()
                for part in range(PARTS):
                    if "clock" in given:
                        self._set_clock((0.0, HOUR, -HOUR)[part])
                    self.cluster.produce(self._rows[part * size : (part + 1) * size])
                    self._classified()
                    if "twice" in given and part == PARTS // 2:
                        self._from_the_beginning()
                    if "reassigned" in given:
                        until = began + seconds * (part + 1) / PARTS
                        time.sleep(max(0.0, until - time.monotonic()))
            if "clock" in given:
                self._set_clock(0.0)
            settled(self.cluster, self._say)
            if "twice" in given:
                self._from_the_beginning()
                settled(self.cluster, self._say)
            found = outcome(self.cluster, self._rows)
            with closing(KafkaReader(self.cluster.connection, follow=[MODELS.name])) as reader:
                self.learnt_twice = learnt_twice(reader) if self._learning else []
            return found

    def _set_clock(self, wrong: float) -> None:
        """Let everybody's clock jump."""
        before = self._clock.read_text()
        self._clock.write_text(str(wrong))
        self.times += before != str(wrong)

    def _classified(self) -> None:
        """Wait until classify has taken what there is; the others are in the midst of it."""
        until = time.monotonic() + LONGEST_PART
        with closing(self.cluster.reader()) as reader:
            while time.monotonic() < until and reader.waiting(CLASSIFY.name, [TEXTS.name]):
                time.sleep(0.2)

    def _from_the_beginning(self) -> None:
        """Have every group read everything again."""
        self.cluster.stop()
        asyncio.run(set_back(self.cluster.connection))
        self.cluster.revive()
        self.times += 1

    @contextmanager
    def _churning(self, stay: float) -> Iterator[None]:
        """Have a second worker of each team join and leave, over and over."""
        members = [
            self.cluster.begin(
                "from tools.chaos.churn import main; main()", place.team, CHAOS_STAY=str(stay)
            )
            for place in self.cluster.places
        ]
        over = threading.Event()
        counting = threading.Thread(target=self._count, args=(over,))
        counting.start()
        try:
            self._until_first()
            yield
        finally:
            over.set()
            counting.join()
            for one in members:
                one.kill()
                one.wait()

    def _count(self, over: threading.Event) -> None:
        """Count how often the workers had other partitions than just before."""
        before: dict[tuple[str, str], float] = {}
        while not over.wait(COUNT_SECONDS):
            for place in self.cluster.places:
                for one in scraped(place):
                    if one.name == "redstream_partitions":
                        key = (place.name, one.labels["stage"])
                        self.reassigned += before.get(key, one.value) != one.value
                        before[key] = one.value

    def _until_first(self) -> None:
        until = time.monotonic() + LONGEST_READY
        while not self.reassigned and time.monotonic() < until:
            time.sleep(COUNT_SECONDS)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def learnt_twice(reader: KafkaReader) -> list[str]:
    """Return the lessons that the model has twice among its examples, or counts as two."""
    classifier = Feed(reader).newest().classifier
    used = Counter(id_ for shelf in classifier.shelves.values() for id_ in shelf.ids)
    return sorted(id_ for id_, times in used.items() if times > 1)


def compared(
    broker: Broker,
    folder: Path,
    disturbances: Sequence[str],
    *,
    texts: int,
    learning: bool,
    seconds: float,
    stay: float,
    say: Callable[[str], None] = print,
) -> list[Compared]:
    """Run the texts undisturbed, and with each disturbance; "clock+twice" is both at once."""
    rows = given_texts.rows(texts)

    def run(name: str) -> Run:
        return Run(broker, folder / name, rows, learning=learning, say=say)

    usual = Outcome()
    if not learning:  # else there is nothing to compare with
        say("undisturbed")
        usual = run("undisturbed").played()
    reports = []
    for name in disturbances:
        say(name)
        report, began = Compared(name, learning, texts), time.monotonic()
        disturbed = run(name)
        found = disturbed.played(name, seconds, stay)
        report.lost, report.wrong = found.lost, found.wrong
        if not learning:
            report.others = others(usual, found)
        report.learnt_twice, report.times = disturbed.learnt_twice, disturbed.times
        report.reassigned = disturbed.reassigned
        report.labelled, report.held = len(found.labels), len(found.held)
        report.events, report.twice = found.events, found.twice
        report.seconds = round(time.monotonic() - began, 1)
        say(f"{name}: {'well' if report.good else report}")
        reports.append(report)
    return reports


def others(usual: Outcome, found: Outcome) -> list[str]:
    """Return the texts that came to something else, and to what."""
    a = {**dict.fromkeys(usual.held, "held"), **usual.labels}
    b = {**dict.fromkeys(found.held, "held"), **found.labels}
    return [
        f"{one}: {a.get(one)} became {b.get(one)}"
        for one in sorted(a.keys() | b.keys())
        if a.get(one) != b.get(one)
    ]
