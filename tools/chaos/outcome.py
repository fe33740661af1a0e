"""What became of every text, once nothing waits any more.

A text is lost if it has neither a label nor a place among the held when all is quiet; it is wrong
if the newest event that was told of it is not the one that the order of authority gives among all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from models.errors import Transient
from streams.derived import backlog, everything
from streams.kafka.reader import KafkaReader
from streams.records import Labeled
from streams.topology import LABELED, LABELED_LATEST, Topic
from tools.chaos.cluster import Cluster
from tools.chaos.texts import Row

PATIENCE = 1_800.0
"""Seconds without anything being decided, after which something hangs."""

QUIET, LOOK_SECONDS = 3, 1.0
"""Looks in a row that find nothing waiting, after which all is quiet; the pause between two."""


@dataclass
class Outcome:
    """`twice` of the `events` were delivered again; `labels` are the final ones."""

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    twice: int = 0
    events: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    @property
    def good(self) -> bool:
        """Whether nothing was lost and every newest truth is the right one."""
        return not self.lost and not self.wrong


def settled(cluster: Cluster, say: Callable[[str], None], patience: float = PATIENCE) -> float:
    """Wait until nothing waits for a stage that is worked on, starting again whoever ended; return
    how many seconds it took.
    """
    stages = {stage for place in cluster.places for stage in place.team}
    began, last, quiet, changed = time.monotonic(), -1, 0, time.monotonic()
    with closing(cluster.reader()) as reader:
        while quiet < QUIET:
            cluster.revive()
            try:
                left = sum(many for name, many in backlog(reader).items() if name in stages)
            except Transient:  # groups that are just being formed
                left = last
            quiet = 0 if left else quiet + 1
            if left != last:
                last, changed = left, time.monotonic()
                say(f"{left} records are still with the workers")
            if time.monotonic() - changed > patience:
                say("nothing moves any more")
                break
            time.sleep(LOOK_SECONDS)
    return round(time.monotonic() - began, 1)


def outcome(cluster: Cluster, given: Sequence[Row]) -> Outcome:
    """Look for every text, and compare."""
    found = Outcome()
    with closing(cluster.reader()) as reader:
        truth: dict[str, Labeled] = {}
        seen: set[str] = set()
        for event in events(reader, LABELED):
            found.events += 1
            found.twice += event.event in seen
            seen.add(event.event)
            if event.id not in truth or event.order > truth[event.id].order:
                truth[event.id] = event
        newest = {event.id: event for event in events(reader, LABELED_LATEST)}
    found.held = cluster.held()
    found.lost = sorted({one.id for one in given} - newest.keys() - found.held)
    found.wrong = sorted(
        one for one in truth if one not in newest or newest[one].event != truth[one].event
    )
    found.labels = {one: f"{event.label} by {event.authority}" for one, event in newest.items()}
    return found


def events(reader: KafkaReader, topic: Topic) -> Iterator[Labeled]:
    """All of a topic, partition by partition."""
    for records in everything(reader, topic):
        yield from (Labeled.decode(one.value) for one in records if one.value is not None)
