"""Small stages and records for the contract of the runners."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from streams.records import DeadLetter
from streams.stage import Delivered, Outgoing, Reader
from streams.topology import CLASSIFY, DEADLETTERS, LABELED, TEXTS, StageSpec, Topic
from tests.contract.runner_harness import Harness, Produced


def spec_of(name: str, *reads: Topic, batch: int = 4) -> StageSpec:
    return replace(CLASSIFY, name=name, reads=reads, batch=batch, pause=0.0)


class Copy:
    """Passes every record on to another topic; `trouble` may raise before that."""

    def __init__(
        self,
        spec: StageSpec,
        to: Topic,
        trouble: Callable[[Sequence[Delivered]], None] = lambda batch: None,
    ) -> None:
        self.spec = spec
        self.to = to
        self.trouble = trouble
        self.handled: list[list[Delivered]] = []
        self.began = self.ended = 0

    async def start(self, reader: Reader) -> None:
        self.began += 1

    async def close(self) -> None:
        self.ended += 1

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        self.handled.append(list(batch))
        outputs = [Outgoing(self.to.name, d.key, d.value, dict(d.headers)) for d in batch]
        await asyncio.sleep(0)
        self.trouble(batch)
        return outputs


def copy(trouble: Callable[[Sequence[Delivered]], None] = lambda batch: None) -> Copy:
    return Copy(spec_of("copy", TEXTS), LABELED, trouble)


def some(count: int, keys: int = 3) -> list[Produced]:
    """Numbered records over a few keys."""
    return [(f"key-{n % keys}".encode(), f"value {n}".encode(), {}) for n in range(count)]


def values(records: Sequence[Delivered]) -> list[bytes | None]:
    return [record.value for record in records]


def by_key(records: Sequence[Delivered] | Sequence[Produced]) -> dict[bytes | None, list[object]]:
    found = defaultdict(list)
    for record in records:
        key, value = (
            (record.key, record.value) if isinstance(record, Delivered) else (record[0], record[1])
        )
        found[key].append(value)
    return dict(found)


def letters(harness: Harness) -> list[DeadLetter]:
    return [DeadLetter.decode(record.value) for record in harness.read(DEADLETTERS.name)]


class Numbers:
    """A source of numbered texts."""

    def __init__(self, count: int) -> None:
        self._left = some(count)
        self.exhausted = False

    def take(self, limit: int) -> list[Outgoing]:
        taken, self._left = self._left[:limit], self._left[limit:]
        self.exhausted = not self._left
        return [Outgoing(TEXTS.name, *record) for record in taken]
