"""Kafka as the log of the embedded runner, for one process: what a lockstep run needs of it."""

from collections.abc import Iterable, Mapping, Sequence

from streams.embedded.log import SqliteLog
from streams.kafka.reader import KafkaReader
from streams.stage import Delivered, Outgoing
from streams.topology import STAGES, TOPICS

ALL = 1_000_000


class LockstepLog:
    """Every record goes to the brokers and comes back from them; how far who has read lies here.

    Nobody else writes to these topics, of one partition each, so that it is known in which order
    the records of all of them came.
    """

    def __init__(self, kafka: KafkaReader) -> None:
        self._kafka = kafka
        self._arrivals: dict[tuple[str, int], int] = {}
        self._next = {topic.name: 0 for topic in TOPICS}
        self._positions: dict[tuple[str, str], int] = {}

    def take_over(self, log: SqliteLog) -> None:
        """Begin with what lies in an embedded log, and with where its groups stand."""
        for topic in TOPICS:
            found = log.read_from(topic.name, 0, ALL)
            self.append([Outgoing(one.topic, one.key, one.value, one.headers) for one in found])
        for stage in STAGES:
            for topic in stage.reads:
                if log.position(stage.name, topic.name) == log.end(topic.name):
                    self._positions[stage.name, topic.name] = self._next[topic.name]

    # What the embedded runner asks of its log.

    def commit(self, group: str, batch: Sequence[Delivered], outputs: Iterable[Outgoing]) -> None:
        self.append(outputs)
        for one in batch:
            self._positions[group, one.topic] = one.offset + 1

    def append(self, outputs: Iterable[Outgoing]) -> None:
        published = list(outputs)
        self._kafka.append(published)
        for one in published:
            self._arrivals[one.topic, self._next[one.topic]] = len(self._arrivals)
            self._next[one.topic] += 1

    def read(self, group: str, topics: Sequence[str], limit: int) -> list[Delivered]:
        found = []
        for topic in topics:
            if self.position(group, topic) < self._next[topic]:
                found += self._kafka.read_from(topic, self.position(group, topic), limit)
        return sorted(found, key=lambda one: self._arrivals[one.topic, one.offset])[:limit]

    def appended_elsewhere(self) -> bool:
        return False

    def trim(self, floors: Mapping[str, int]) -> None: ...

    # What stages look up.

    def partitions(self, topic: str) -> Sequence[int]:
        return (0,)

    def read_from(self, topic: str, offset: int, limit: int, partition: int = 0) -> list[Delivered]:
        if offset >= self._next[topic]:
            return []
        return self._kafka.read_from(topic, offset, limit)

    def end(self, topic: str, partition: int = 0) -> int:
        return self._next[topic]

    count = end

    def begin(self, topic: str, partition: int = 0) -> int:
        return 0

    def position(self, group: str, topic: str, partition: int = 0) -> int:
        return self._positions.get((group, topic), 0)

    def waiting(self, group: str, topics: Sequence[str]) -> int:
        return sum(self._next[topic] - self.position(group, topic) for topic in topics)

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        return self._kafka.newest(topic, key)
