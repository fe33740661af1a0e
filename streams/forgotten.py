"""Which texts are forgotten: followed by everybody, so that nothing of them is taken in again.

What is on its way when a text is forgotten comes later (a judge is asked about it, a file is read
once more): whoever works on texts leaves out those that are here, before and after, and whoever
publishes does not publish what is about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.errors import Unreadable
from streams.records import Forgotten
from streams.records.forgotten import digest_of
from streams.stage import Delivered, Outgoing, Reader, text_of
from streams.topology import FORGOTTEN, TOPICS

CHUNK = 1_000

OF_TEXT = frozenset(topic.name for topic in TOPICS if topic.of_text)


class Gone:
    """Texts that are forgotten, by digest."""

    def __init__(self, records: Iterable[Forgotten] = ()) -> None:
        self._at: dict[str, float] = {}
        self.noise: set[int] = set()
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, text_id: object) -> bool:
        return bool(self._at) and isinstance(text_id, str) and digest_of(text_id) in self._at

    def at(self, text_id: str) -> float | None:
        """Return when a text was forgotten; None if it was not."""
        return self._at.get(digest_of(text_id)) if self._at else None

    @property
    def digests(self) -> frozenset[str]:
        """The digests of their ids."""
        return frozenset(self._at)

    def add(self, record: Forgotten) -> None:
        """Forget another text."""
        self._at.setdefault(record.digest, record.at)
        self.noise.add(record.noise)

    def of(self, ids: Iterable[str]) -> set[str]:
        """Return those of these ids that are forgotten."""
        return {one for one in ids if one in self} if self._at else set()

    def without(self, records: Sequence[Outgoing]) -> list[Outgoing]:
        """Return what may be published: nothing about a text that is forgotten."""
        if not self._at:
            return list(records)
        return [one for one in records if not self.about(one)]

    def about(self, record: Outgoing | Delivered) -> bool:
        """Tell whether a record is about a text that is forgotten, by its key."""
        if record.value is None or record.topic not in OF_TEXT:
            return False
        return text_of(record.key) in self


class GoneNow(Gone):
    """The same as it stands in the log now, however often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0

    def news(self, reader: Reader) -> bool:
        """Read on to the end; tell whether there is a text more."""
        before = len(self)
        while records := reader.read_from(FORGOTTEN.name, self._next, CHUNK):
            for record in records:
                self._next = record.offset + 1
                if (read := forgotten(record)) is not None:
                    self.add(read)
        return len(self) > before


def followed(reader: Reader) -> GoneNow:
    """Return the texts that are forgotten by now."""
    found = GoneNow()
    found.news(reader)
    return found


def forgotten(delivered: Delivered) -> Forgotten | None:
    """Return what a record of the topic says; None where it cannot be read: nobody's text."""
    try:
        return Forgotten.decode(delivered.value) if delivered.value else None
    except Unreadable:
        return None


def in_batch(batch: Sequence[Delivered]) -> Gone:
    """Return the texts that a batch has forgotten."""
    read = (forgotten(one) for one in batch if one.topic == FORGOTTEN.name)
    return Gone(one for one in read if one is not None)
