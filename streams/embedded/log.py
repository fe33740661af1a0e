"""The embedded event log: topics, offsets and positions in one SQLite file.

What a batch publishes and the position it moves are one transaction, so that within the log a
run is exactly-once: killed at any moment, it goes on where the last transaction ended. Values are
kept squeezed (`streams.packing`), and what every stage has read can go (`trim`).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from models.errors import Fatal
from streams.database import format_of, give_back, open_database, transaction
from streams.forgotten import OF_TEXT, GoneNow
from streams.mentions import subject
from streams.packing import PLAIN, packed, unpacked
from streams.stage import ERASED, Delivered, Outgoing
from streams.topology import COMPACTED, DEADLETTERS, MODELS, TEXTS, TOPICS

SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, next INTEGER NOT NULL DEFAULT 0,
    first INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, offset INTEGER NOT NULL,
    key BLOB, value BLOB, headers TEXT, at REAL NOT NULL, compacted INTEGER NOT NULL,
    packed INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS records_by_offset ON records (topic, offset);
CREATE INDEX IF NOT EXISTS records_by_key ON records (topic, key) WHERE compacted = 1;
CREATE TABLE IF NOT EXISTS positions (
    consumer TEXT NOT NULL, topic INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (consumer, topic)
) WITHOUT ROWID;
"""
FORMAT = 2
OLDER = {
    1: "ALTER TABLE topics ADD COLUMN first INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE records ADD COLUMN packed INTEGER NOT NULL DEFAULT 0"
}
MENTIONING = OF_TEXT | {TEXTS.name, DEADLETTERS.name}
"""Topics whose records may be about a text."""

COLUMNS = "seq, offset, key, value, headers, at"

_Row = tuple[int, int, bytes | None, bytes | None, str | None, float, int]


class SqliteLog:
    """The log of one `var/` folder. One process works on it: reads for the groups and commits.

    Others may read (`read_only`), and may `append` what a person publishes (label commands, their
    examples): a transaction of its own, numbered behind what is there. `appended_elsewhere` is
    how the one at work notices.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        # FULL: what stages derive from the log (ledger, index of ids) must never be ahead of it,
        # not even after a power cut.
        self._db = open_database(
            path, SCHEMA, FORMAT, read_only=read_only, synchronous="FULL", older=OLDER
        )
        self._read_only = read_only
        self._columns = f"{COLUMNS}, {'packed' if format_of(self._db) == FORMAT else PLAIN}"
        if not read_only:
            self._db.executemany(
                "INSERT OR IGNORE INTO topics (name) VALUES (?)", [(t.name,) for t in TOPICS]
            )
        # A topic that an older version did not have is empty until somebody writes.
        self._ids: dict[str, int] = {t.name: -1 for t in TOPICS}
        self._ids |= dict(self._db.execute("SELECT name, id FROM topics"))
        self._gone = GoneNow()
        self._seen = self._version()

    def close(self) -> None:
        """Close the file, and give back what was trimmed; none of it where that cannot be."""
        with suppress(sqlite3.Error):
            if not self._read_only:
                give_back(self._db)
        self._db.close()

    def appended_elsewhere(self) -> bool:
        """Tell whether another process has written since this was last asked. Costs next to
        nothing.
        """
        seen, self._seen = self._seen, self._version()
        return seen != self._seen

    def _version(self) -> int:
        (number,) = self._db.execute("PRAGMA data_version").fetchone()
        return int(number)

    def commit(self, group: str, batch: Sequence[Delivered], outputs: Iterable[Outgoing]) -> None:
        """Publish `outputs` and move the group past `batch`, in one transaction.

        Nothing of a forgotten text is taken in: whoever worked on it while it was being forgotten
        publishes into nothing.
        """
        after = {delivered.topic: delivered.offset + 1 for delivered in batch}
        now = time.time()
        with transaction(self._db):
            self._gone.news(self)
            for output in outputs:
                self._append(output, now)
            self._db.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
                [(group, self._ids[topic], offset) for topic, offset in after.items()],
            )

    def append(self, outputs: Iterable[Outgoing]) -> None:
        """Publish without moving any position, in one transaction."""
        self.commit("", (), outputs)

    def _append(self, output: Outgoing, now: float) -> None:
        topic = self._ids[output.topic]
        compacted = output.topic in COMPACTED
        if compacted:
            self._db.execute(
                "DELETE FROM records WHERE compacted = 1 AND topic = ? AND key = ?",
                (topic, output.key),
            )
            if output.value is None:
                return
        if self._gone and self._is_gone(output, now):
            return
        (offset,) = self._db.execute(
            "UPDATE topics SET next = next + 1 WHERE id = ? RETURNING next - 1", (topic,)
        ).fetchone()
        headers = json.dumps(dict(output.headers)) if output.headers else None
        how, value = packed(output.value)
        self._db.execute(
            "INSERT INTO records (topic, offset, key, value, headers, at, compacted, packed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (topic, offset, output.key, value, headers, now, compacted, how),
        )

    def _is_gone(self, output: Outgoing, now: float) -> bool:
        end = self.end(output.topic)
        as_read = Delivered(output.topic, 0, end, output.key, output.value, output.headers, now)
        about = subject(as_read) if output.topic in MENTIONING else None
        return about is not None and about in self._gone

    def read(self, group: str, topics: Sequence[str], limit: int) -> list[Delivered]:
        """Return the next records for a group over all its topics, in order of arrival."""
        rows = []
        for topic in topics:
            rows += self._rows(topic, self.position(group, topic), limit)
        rows.sort(key=lambda row: row[0])
        return [delivered for _, delivered in rows[:limit]]

    def partitions(self, topic: str) -> Sequence[int]:
        """Return the only one: `partition` is 0 everywhere here."""
        return (0,)

    def read_from(self, topic: str, offset: int, limit: int, partition: int = 0) -> list[Delivered]:
        """Return up to `limit` records of a topic from `offset` on, in order."""
        return [delivered for _, delivered in self._rows(topic, offset, limit)]

    def _rows(self, topic: str, offset: int, limit: int) -> list[tuple[int, Delivered]]:
        found = self._db.execute(
            f"SELECT {self._columns} FROM records WHERE topic = ? AND offset >= ?"
            " ORDER BY offset LIMIT ?",
            (self._ids[topic], offset, limit),
        )
        return [(row[0], _delivered(topic, row)) for row in found]

    def newest(self, topic: str, key: bytes) -> Delivered | None:
        """Return the newest record under a key of a compacted topic."""
        row = self._db.execute(
            # The plus: else the planner goes through the whole topic, which it finds in order.
            f"SELECT {self._columns} FROM records WHERE compacted = 1 AND topic = ? AND key = ?"
            " ORDER BY +offset DESC",
            (self._ids[topic], key),
        ).fetchone()
        return None if row is None else _delivered(topic, row)

    def keys(self, topic: str, beginning: str) -> list[bytes]:
        """Return the keys of a compacted topic that begin so, in the order of their records."""
        first = beginning.encode()
        rows = self._db.execute(
            "SELECT key FROM records WHERE compacted = 1 AND topic = ? AND key >= ? AND key < ?"
            " ORDER BY seq",
            (self._ids[topic], first, first + b"\xff"),
        )
        return [key for (key,) in rows]

    def end(self, topic: str, partition: int = 0) -> int:
        """Return the offset that the next record of the topic will get."""
        return _offset(
            self._db.execute("SELECT next FROM topics WHERE name = ?", (topic,)).fetchone()
        )

    def position(self, group: str, topic: str, partition: int = 0) -> int:
        """Return the offset up to which the group has committed."""
        return _offset(
            self._db.execute(
                "SELECT next FROM positions WHERE consumer = ? AND topic = ?",
                (group, self._ids[topic]),
            ).fetchone()
        )

    def begin(self, topic: str, partition: int = 0) -> int:
        """Return the offset before which all that was in the topic is trimmed."""
        if format_of(self._db) != FORMAT:
            return 0
        return _offset(
            self._db.execute("SELECT first FROM topics WHERE name = ?", (topic,)).fetchone()
        )

    def trim(self, floors: Mapping[str, int]) -> None:
        """Let go of the records before an offset, by topic, in one transaction."""
        moved = {topic: floor for topic, floor in floors.items() if floor > self.begin(topic)}
        if not moved:
            return
        with transaction(self._db):
            for topic, floor in moved.items():
                place = self._ids[topic]
                self._db.execute(
                    "DELETE FROM records WHERE topic = ? AND offset < ?", (place, floor)
                )
                self._db.execute("UPDATE topics SET first = ? WHERE id = ?", (floor, place))

    def replace(self, values: Iterable[tuple[str, int, bytes | None]]) -> None:
        """Put other values in the place of records, by topic and offset, in one transaction.

        None: nothing is left but a header that says so, and of a compacted topic no record at all.
        """
        with transaction(self._db):
            for topic, offset, value in values:
                place = self._ids[topic], offset
                if value is not None:
                    self._db.execute(
                        "UPDATE records SET packed = ?, value = ? WHERE topic = ? AND offset = ?",
                        (*packed(value), *place),
                    )
                elif topic in COMPACTED:
                    self._db.execute("DELETE FROM records WHERE topic = ? AND offset = ?", place)
                else:
                    self._db.execute(
                        "UPDATE records SET key = NULL, value = NULL, headers = ?, packed = 0"
                        " WHERE topic = ? AND offset = ?",
                        (json.dumps({ERASED: ""}), *place),
                    )

    def count(self, topic: str) -> int:
        """Return how many records ever came into a topic."""
        return self.end(topic)

    def waiting(self, group: str, topics: Sequence[str]) -> int:
        """Return how many records lie before the group, still to be read."""
        return sum(self._waiting(topic, self.position(group, topic)) for topic in topics)

    def _waiting(self, topic: str, position: int) -> int:
        if topic not in COMPACTED:
            return self.end(topic) - max(position, self.begin(topic))
        (count,) = self._db.execute(
            "SELECT COUNT(*) FROM records WHERE topic = ? AND offset >= ?",
            (self._ids[topic], position),
        ).fetchone()
        return int(count)


def _offset(row: tuple[object] | None) -> int:
    found = row[0] if row else 0
    if not isinstance(found, int):
        raise Fatal("the log was changed by somebody else: bring log.sqlite back from a copy")
    return found


def _value(topic: str, how: int, kept: bytes | None) -> bytes | None:
    try:
        return unpacked(how, kept)
    except ValueError:
        if topic != MODELS.name:
            raise
        return b""  # which is refused there as any damaged part is: the version before it serves


def _delivered(topic: str, row: _Row) -> Delivered:
    _, offset, key, kept, headers, at, how = row
    try:
        value, said = _value(topic, how, kept), json.loads(headers) if headers else {}
        if not all(isinstance(one, bytes | None) for one in (key, value)):
            raise ValueError("bytes are a text")
        if not isinstance(said, dict) or not all(isinstance(one, str) for one in said.values()):
            raise ValueError("its headers are none")
        return Delivered(topic, 0, int(offset), key, value, said, float(at))
    except (ValueError, TypeError, RecursionError) as error:
        raise Fatal(
            f"cannot read {topic}/0/{offset} in the log: {error}; bring log.sqlite back from a copy"
        ) from None
