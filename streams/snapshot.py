"""What the detectors of drift know at a place in the log, so that nobody has to read it all again.

It is a record under a key of its own in `marks`, committed with the position that it speaks of:
with what lies behind that position it gives the very state of a run without a stop.
"""

from __future__ import annotations

from pydantic import JsonValue

from streams.errors import Unreadable
from streams.stage import Outgoing, Reader
from streams.topology import MARKS
from streams.wire import Integer, Record, squeezed, unsqueezed

KEY = "snapshot:drift"

EVERY = 10_000
"""Records after which there is a new one: some hundred kilobytes, mostly the texts that may be
shown as examples."""


class Snapshot(Record):
    """The state of `streams.drift.Watch`, and by lane (topic/partition) the next offset to see."""

    next: dict[str, Integer]
    watch: dict[str, JsonValue]

    def outgoing(self) -> Outgoing:
        """Return the record to publish; its headers tell the places, for who needs no more."""
        headers = {lane: str(offset) for lane, offset in self.next.items()}
        return Outgoing(MARKS.name, KEY.encode(), squeezed(self), headers)


def in_snapshot(reader: Reader) -> dict[str, int]:
    """Return by lane the offset up to which all is in the newest snapshot."""
    found = reader.newest(MARKS.name, KEY.encode())
    try:
        return {lane: int(offset) for lane, offset in found.headers.items()} if found else {}
    except ValueError:
        return {}  # none of ours: all is kept


def snapshot_of(reader: Reader) -> Snapshot | None:
    """Return the newest one; None before the first, or where it cannot be read."""
    found = reader.newest(MARKS.name, KEY.encode())
    try:
        return unsqueezed(Snapshot, found.value) if found else None
    except Unreadable:
        return None
