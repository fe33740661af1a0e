"""The records of topics in one SQLite file, each at its partition and offset, with its time.

Not the log of the embedded runner: that has one partition of each topic, and records name places
in topics (a version what it has applied, a dead letter where it lay), so a place has to stay one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import Fatal
from streams.database import open_database, transaction
from streams.packing import packed, unpacked
from streams.stage import Delivered

SCHEMA = """
CREATE TABLE IF NOT EXISTS lanes (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next INTEGER NOT NULL, UNIQUE (topic, partition)
);
CREATE TABLE IF NOT EXISTS records (
    lane INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB, packed INTEGER NOT NULL, value BLOB,
    headers TEXT, at INTEGER NOT NULL, PRIMARY KEY (lane, offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (
    stage TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (stage, topic, partition)
) WITHOUT ROWID;
"""
FORMAT = 1

CHUNK = 1_000


@dataclass(frozen=True)
class Lane:
    """One partition of a topic, with the offset that its next record would have got."""

    id: int
    topic: str
    partition: int
    next: int


@dataclass(frozen=True)
class Position:
    """How far a stage had worked a partition off."""

    stage: str
    topic: str
    partition: int
    next: int


class CopyFile:
    """The file; `read_only` to fill topics from it."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._db = open_database(path, SCHEMA, FORMAT, read_only=read_only)
        self._path = path
        if not read_only:
            self._db.execute("PRAGMA journal_mode = OFF")  # half a copy is none

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, topic: str, partition: int, next_: int) -> Lane:
        """Add a partition."""
        (id_,) = self._db.execute(
            "INSERT INTO lanes (topic, partition, next) VALUES (?, ?, ?) RETURNING id",
            (topic, partition, next_),
        ).fetchone()
        return Lane(id_, topic, partition, next_)

    def add(self, lane: Lane, records: Sequence[Delivered]) -> None:
        """Add records of a partition."""
        with transaction(self._db):
            self._db.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        lane.id,
                        one.offset,
                        one.key,
                        *packed(one.value),
                        json.dumps(dict(one.headers)) if one.headers else None,
                        round(one.at * 1000),
                    )
                    for one in records
                ],
            )

    def note(self, positions: Sequence[Position]) -> None:
        """Add how far stages are."""
        rows = [(one.stage, one.topic, one.partition, one.next) for one in positions]
        self._db.executemany("INSERT INTO positions VALUES (?, ?, ?, ?)", rows)

    def lanes(self) -> list[Lane]:
        """Return all partitions."""
        rows = self._db.execute("SELECT id, topic, partition, next FROM lanes ORDER BY id")
        return [Lane(*row) for row in rows]

    def positions(self) -> list[Position]:
        """Return how far stages were."""
        rows = self._db.execute("SELECT stage, topic, partition, next FROM positions")
        return [Position(*row) for row in rows]

    def before(self, topic: str, partition: int, offset: int) -> int:
        """Return how many records of a partition lie before an offset."""
        (count,) = self._db.execute(
            "SELECT COUNT(*) FROM records, lanes WHERE lane = lanes.id AND topic = ?"
            " AND partition = ? AND offset < ?",
            (topic, partition, offset),
        ).fetchone()
        return int(count)

    def records(self, lane: Lane) -> Iterator[list[Delivered]]:
        """Yield the records of a partition in order, CHUNK at a time.

        Raises:
            Fatal: one of them is damaged.
        """
        at = -1
        while rows := self._db.execute(
            "SELECT offset, key, packed, value, headers, at FROM records"
            " WHERE lane = ? AND offset > ? ORDER BY offset LIMIT ?",
            (lane.id, at, CHUNK),
        ).fetchall():
            yield [self._delivered(lane, row) for row in rows]
            at = rows[-1][0]

    def _delivered(
        self, lane: Lane, row: tuple[int, bytes | None, int, bytes | None, str | None, int]
    ) -> Delivered:
        offset, key, how, kept, headers, at = row
        try:
            value = unpacked(how, kept)
            told = json.loads(headers) if headers else {}
        except ValueError as error:
            place = f"{lane.topic}/{lane.partition}/{offset}"
            raise Fatal(f"cannot read {place} in {self._path}: {error}") from None
        return Delivered(lane.topic, lane.partition, offset, key, value, told, at / 1000)
