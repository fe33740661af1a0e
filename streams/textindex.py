"""Which ids have been seen, with what content: derived from `texts`, kept in SQLite.

The same id with the same content is a repeat and is dropped; with another content it is a
conflict. The first delivery of an id owns it, by its offset, so that a batch delivered again
after a crash is no repeat of itself.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from enum import StrEnum
from pathlib import Path

from streams.database import made_durable, open_database, transaction
from streams.records import Text
from streams.stage import Delivered

REVISED = re.compile("~[0-9a-f]{16}")
"""What a row's id has behind it once its words were changed (`streams.revisions`)."""

REQUEUED_HEADER = "redstream-requeued"
"""Carried by a dead letter that was put back: the position it first had."""

_POSITION = re.compile(r"[a-z-]{1,40}/[0-9]{1,9}/[0-9]{1,18}")

SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (
    id TEXT PRIMARY KEY, position TEXT NOT NULL, content TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS repeats (position TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (
    partition INTEGER PRIMARY KEY, next INTEGER NOT NULL
);
"""


class Claim(StrEnum):
    """The answer to a text that claims its id."""

    NEW = "new"
    REPEAT = "repeat"
    CONFLICT = "conflict"


class TextIndex:
    """The ids of one `var/` folder or one set of partitions."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._db = open_database(path, SCHEMA, 1, read_only=read_only)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def claim(self, texts: Sequence[tuple[Delivered, Text]]) -> list[Claim]:
        """Answer every text in order; a text delivered again gets the answer it had."""
        answers = []
        with transaction(self._db):
            for delivered, text in texts:
                position = _first_position(delivered)
                # Who names another's place in the header still does not get its id.
                said = position != delivered.position
                self._db.execute(
                    "INSERT OR IGNORE INTO texts VALUES (?, ?, ?)",
                    (text.id, position, text.content),
                )
                owner, content = self._db.execute(
                    "SELECT position, content FROM texts WHERE id = ?", (text.id,)
                ).fetchone()
                if owner == position and (content == text.content or not said):
                    answers.append(Claim.NEW)
                elif content == text.content:
                    self._db.execute("INSERT OR IGNORE INTO repeats VALUES (?)", (position,))
                    answers.append(Claim.REPEAT)
                else:
                    answers.append(Claim.CONFLICT)
                self._db.execute(
                    "INSERT INTO progress VALUES (?, ?)"
                    " ON CONFLICT (partition) DO UPDATE SET next = MAX(next, excluded.next)",
                    (delivered.partition, delivered.offset + 1),
                )
        return answers

    def forget(self, gone: Container[str]) -> None:
        """Know nothing any more of these ids: one pass over all of them."""
        found = [(one,) for (one,) in self._db.execute("SELECT id FROM texts") if one in gone]
        with transaction(self._db):
            self._db.executemany("DELETE FROM texts WHERE id = ?", found)

    def settle(self) -> bool:
        """Put on the disk what is known; tell whether it is there."""
        return made_durable(self._db)

    def position(self, partition: int = 0) -> int:
        """Return the offset of `texts` up to which ids are known."""
        row = self._db.execute(
            "SELECT next FROM progress WHERE partition = ?", (partition,)
        ).fetchone()
        return int(row[0]) if row else 0

    def counts(self) -> tuple[int, int]:
        """Return how many texts and how many repeats there were."""
        (texts,) = self._db.execute("SELECT COUNT(*) FROM texts").fetchone()
        (repeats,) = self._db.execute("SELECT COUNT(*) FROM repeats").fetchone()
        return texts, repeats

    def has(self, text_id: str) -> bool:
        """Tell whether the id was seen."""
        found = self._db.execute("SELECT 1 FROM texts WHERE id = ?", (text_id,)).fetchone()
        return found is not None

    def revisions(self, text_id: str) -> list[str]:
        """Return the ids that rows got whose words were changed under this one."""
        rows = self._db.execute(
            "SELECT id FROM texts WHERE id > ? AND id < ? ORDER BY id",
            (f"{text_id}~", f"{text_id}~\x7f"),
        )
        return [found for (found,) in rows if REVISED.fullmatch(found.removeprefix(text_id))]

    def content(self, text_id: str) -> str | None:
        """Return the key of the content that an id stands for; None for an id not seen."""
        found = self._db.execute("SELECT content FROM texts WHERE id = ?", (text_id,)).fetchone()
        return None if found is None else str(found[0])

    def owner(self, text_id: str) -> tuple[int, int]:
        """Return offset and partition of the delivery that an id belongs to; it must be known."""
        (position,) = self._db.execute(
            "SELECT position FROM texts WHERE id = ?", (text_id,)
        ).fetchone()
        return _place(position)

    def ids(self) -> list[str]:
        """Return all ids in the order in which they came."""
        rows = self._db.execute("SELECT id, position FROM texts").fetchall()
        return [text_id for text_id, position in sorted(rows, key=lambda row: _place(row[1]))]


def _first_position(delivered: Delivered) -> str:
    """Return where a record first lay; what anybody else wrote into the header is no position."""
    said = delivered.headers.get(REQUEUED_HEADER, "")
    return said if _POSITION.fullmatch(said) else delivered.position


def _place(position: str) -> tuple[int, int]:
    _, partition, offset = position.rsplit("/", 2)
    return int(offset), int(partition)
