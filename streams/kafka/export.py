"""All topics into a file, while workers work: what is in it holds together.

What is derived from something else is looked at before it. So nothing in the copy names a place
that is not in it, and what a stage had worked off, what it published for it is there. The other
way round a stage may find what it has done already: that is a second delivery, as after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.kafka.copyfile import CopyFile, Position
from streams.kafka.reader import KafkaReader
from streams.snapshot import in_snapshot
from streams.topology import (
    LABELED,
    LABELED_LATEST,
    MARKS,
    MODELS,
    NOTICE,
    ROUNDS,
    STAGES,
    TOPICS,
    WRITE,
    Topic,
)

FIRST = (MARKS, ROUNDS, MODELS, LABELED_LATEST)
"""What names places in other topics, or follows from them."""

CHUNK = 2_000

Ends = Mapping[tuple[str, int], int]


def export(
    reader: KafkaReader, file: CopyFile, tell: Callable[[str, int], None] = lambda topic, n: None
) -> int:
    """Copy every topic as far as it is written now; return how many records. `tell` is told them.

    Of what is on its way between stages only what is not worked off is copied.
    """
    positions = _positions(reader)
    noticed = in_snapshot(reader)
    order = [*FIRST, *(topic for topic in TOPICS if topic not in FIRST)]
    ends = {
        (topic.name, part): reader.end(topic.name, part)
        for topic in order
        for part in reader.partitions(topic.name)
    }
    file.note(positions)
    total = 0
    for topic in TOPICS:
        count = 0
        for (name, part), end in ends.items():
            if name == topic.name:
                count += _copied(
                    reader, file, (topic, part), end, _needed(positions, noticed, topic, part)
                )
        tell(topic.name, count)
        total += count
    return total


def _positions(reader: KafkaReader) -> list[Position]:
    return [
        Position(spec.name, topic.name, part, reader.position(spec.name, topic.name, part))
        for spec in STAGES
        if spec is not WRITE
        for topic in spec.reads
        for part in reader.partitions(topic.name)
    ]


def _needed(positions: list[Position], noticed: Mapping[str, int], topic: Topic, part: int) -> int:
    """Return the offset from which a partition has to be in the copy."""
    if not topic.passing or topic is LABELED:
        return 0
    done = [one.next for one in positions if (one.topic, one.partition) == (topic.name, part)]
    if topic in NOTICE.reads:
        done.append(noticed.get(f"{topic.name}/{part}", 0))
    return min(done)


def _copied(
    reader: KafkaReader, file: CopyFile, of: tuple[Topic, int], end: int, start: int
) -> int:
    topic, part = of
    lane, count = file.begin(topic.name, part, end), 0
    while start < end and (found := reader.read_from(topic.name, start, CHUNK, part)):
        records = [one for one in found if one.offset < end]
        file.add(lane, records)
        count += len(records)
        start = found[-1].offset + 1
    return count
