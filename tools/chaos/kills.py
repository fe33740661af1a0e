"""Workers killed at random moments, the broker too.

Workers are two of each stage, and are started again when they die. Without a Qdrant server the
examples lie in a folder, which only one process can open: of that team there is one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streams.topology import TEXTS
from tools.broker import Broker
from tools.chaos import texts as given_texts
from tools.chaos.cluster import Cluster
from tools.chaos.outcome import outcome, settled

TEAMS = (
    *2 * (("classify",),),
    ("judge", "remember", "later"),
    *2 * (("train",), ("drift",), ("ledger",)),
)


@dataclass
class Killed:
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
    good: bool = False


def killed(
    broker: Broker,
    folder: Path,
    *,
    texts: int,
    kills: int,
    broker_kills: int,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Killed:
    """Stream texts while workers and broker are killed, and return what came of it."""
    began = time.monotonic()
    report = Killed(texts)
    rows = given_texts.rows(texts, seed)
    given_texts.write_gold(folder / "gold.jsonl", rows)
    cluster = Cluster(broker, folder, TEAMS)
    cluster.prepare()
    with cluster.workers():
        cluster.produce(rows)
        with closing(cluster.reader()) as reader:
            while not reader.position("classify", TEXTS.name):
                time.sleep(1)
        dice = random.Random(seed + 1)
        at = sorted(dice.sample(range(kills), broker_kills))
        for number in range(kills):
            time.sleep(dice.uniform(0.5, 6))
            name = cluster.kill(dice)
            report.kills[name] = report.kills.get(name, 0) + 1
            if number in at:
                cluster.kill_broker(dice.uniform(1, 5))
                report.broker_kills += 1
                say(f"the broker was killed ({report.broker_kills} of {broker_kills})")
            time.sleep(dice.uniform(0, 3))
            cluster.revive()
            if (number + 1) % 10 == 0:
                say(f"{number + 1} of {kills} kills")
        report.settle_seconds = settled(cluster, say)
        found = outcome(cluster, rows)
    report.lost, report.wrong = found.lost, found.wrong
    report.twice, report.events, report.good = found.twice, found.events, found.good
    report.seconds = round(time.monotonic() - began, 1)
    return report
