"""A long stream through Kafka: memory of each worker, bytes of the ledger and of the logs.

Texts come as fast as the workers take them, never more than a few thousand ahead; most are like an
example, as in a stream that is well known. The encoder is the one without weights, the judge the
simulated one, so that what is measured is our own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from streams.kafka.reader import KafkaReader
from streams.topology import CLASSIFY, JUDGE, LATER, LEDGER, NOTICE, REMEMBER, TEXTS, TRAIN
from tools.broker import Broker
from tools.chaos import texts as given_texts
from tools.chaos.cluster import Cluster, Place
from tools.chaos.outcome import outcome, settled

TEAMS = (
    (CLASSIFY.name,),
    (JUDGE.name, REMEMBER.name, LATER.name),
    (TRAIN.name,),
    (NOTICE.name,),
    (LEDGER.name,),
)

SETTINGS = {"REDSTREAM_TARGET": "0.85"}
"""The judge errs in a tenth of its answers: it cannot witness the usual .95, and would be asked
about everything for long."""

MANY, AHEAD, MOST_AHEAD = 500, 3_000, 3_000
"""Texts published at a time; records that may wait for classify, and for all others."""

SAMPLE, WARM = 2_000, 20_000
"""Texts between two samples; those after which memory is to be flat."""

MIB = 2**20
FLAT = 0.05
"""Share that memory may grow from the first to the last quarter of what comes after `WARM`."""


@dataclass
class Soaked:
    """What was measured. Memory in MiB, `growth` of it in MiB per 100,000 texts."""

    texts: int
    seconds: float = 0.0
    per_second: float = 0.0
    anonymous: dict[str, list[float]] = field(default_factory=dict)
    resident: dict[str, list[float]] = field(default_factory=dict)
    at: list[int] = field(default_factory=list)
    growth: dict[str, float] = field(default_factory=dict)
    not_flat: dict[str, float] = field(default_factory=dict)
    ledger_bytes_per_text: float = 0.0
    log_bytes_per_text: dict[str, float] = field(default_factory=dict)
    held: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost and no worker grew."""
        return not (self.lost or self.wrong or self.not_flat)


def soaked(
    broker: Broker, folder: Path, *, texts: int, say: Callable[[str], None] = print
) -> Soaked:
    """Stream so many texts, and measure."""
    rows = given_texts.familiar(texts)
    given_texts.write_gold(folder / "gold.jsonl", rows)
    cluster = Cluster(broker, folder, TEAMS, SETTINGS)
    cluster.prepare()
    report = Soaked(texts)
    with cluster.workers(), closing(cluster.reader()) as reader:
        began = time.monotonic()
        for done in _streamed(reader, rows):
            _sample(cluster, report, done)
            memory = {name: values[-1] for name, values in report.anonymous.items()}
            rate = done / (time.monotonic() - began)
            say(f"{done} texts, {rate:.0f} a second; anonymous MiB {memory}")
        settled(cluster, lambda _: None)
        report.seconds = round(time.monotonic() - began, 1)
        report.per_second = round(texts / report.seconds, 1)
        _sample(cluster, report, texts)
        report.ledger_bytes_per_text = round(sum(map(_sizes, cluster.ledgers())) / texts, 1)
        found = outcome(cluster, rows)
    report.lost, report.wrong, report.held = found.lost, found.wrong, len(found.held)
    report.log_bytes_per_text = _logs(broker, cluster.prefix, texts)
    for name, values in report.anonymous.items():
        grown(report, name, values)
    return report


def _streamed(reader: KafkaReader, rows: Sequence[given_texts.Row]) -> Iterator[int]:
    """Publish all; yield how many are classified, every so many of them."""
    sent, due = 0, SAMPLE
    while (done := _classified(reader)) < len(rows):
        if done >= due:
            due = done - done % SAMPLE + SAMPLE
            yield done
        before = [(JUDGE, 1), (LEDGER, 4), (TRAIN, 4), (NOTICE, 4), (LATER, 1)]
        room = all(
            reader.waiting(spec.name, [topic.name for topic in spec.reads]) < times * MOST_AHEAD
            for spec, times in before
        )
        if sent < len(rows) and sent - done < AHEAD and room:
            part = rows[sent : sent + MANY]
            reader.append([given_texts.published(one) for one in part])
            sent += len(part)
        else:
            time.sleep(0.2)


def _classified(reader: KafkaReader) -> int:
    parts = reader.partitions(TEXTS.name)
    return sum(reader.position(CLASSIFY.name, TEXTS.name, part) for part in parts)


def _sample(cluster: Cluster, report: Soaked, done: int) -> None:
    report.at.append(done)
    for place in cluster.places:
        anonymous, resident = _memory(place)
        report.anonymous.setdefault(place.name, []).append(anonymous)
        report.resident.setdefault(place.name, []).append(resident)


def _memory(place: Place) -> tuple[float, float]:
    """Return the anonymous and the resident memory of a worker, in MiB."""
    assert place.process is not None
    lines = Path(f"/proc/{place.process.pid}/status").read_text().splitlines()
    known = dict(line.split(":", 1) for line in lines)
    anonymous, resident = (int(known[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS"))
    return round(anonymous, 1), round(resident, 1)


def grown(report: Soaked, name: str, values: Sequence[float]) -> None:
    """Note how a worker's memory grew once it was warm."""
    late = [(at, value) for at, value in zip(report.at, values, strict=True) if at >= WARM]
    if len(late) < 8:
        return
    at, value = np.array(late).T
    report.growth[name] = round(float(np.polyfit(at, value, 1)[0]) * 100_000, 2)
    quarter = len(late) // 4
    first, last = value[:quarter].mean(), value[-quarter:].mean()
    if last > first * (1 + FLAT):
        report.not_flat[name] = round(float(last / first - 1), 3)


def _sizes(ledger: Path) -> int:
    return sum(one.stat().st_size for one in ledger.parent.glob(f"{ledger.name}*"))


def _logs(broker: Broker, prefix: str, texts: int) -> dict[str, float]:
    """Return the bytes that lie in the segments of each topic, for each text."""
    sizes: dict[str, int] = defaultdict(int)
    assert broker.folder is not None
    for path in broker.folder.glob(f"data/{prefix}*/*.log"):
        topic = path.parent.name.removeprefix(prefix).rsplit("-", 1)[0]
        sizes[topic] += path.stat().st_size
    return {topic: round(size / texts, 1) for topic, size in sorted(sizes.items()) if size}
