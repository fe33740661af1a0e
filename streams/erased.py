"""What the ledger's file keeps of a forgotten text: a digest of its id, and when that was."""

from __future__ import annotations

import sqlite3

from streams.forgotten import Gone
from streams.mentions import event_without, subject_of, verdict_without
from streams.packing import kept
from streams.records import DeadLetter, Forgotten, Labeled, Retrain, Verdict
from streams.records.forgotten import digest_of
from streams.tallies import recount
from streams.wire import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS forgotten (digest TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""

OF_TEXT = ("truths", "events", "verdicts", "reviews", "held", "held_contenders", "rechecks")
"""Tables whose rows are each about the text `id`; and `lessons`, which is looked at first."""


class Erased:
    """The writing side, within the ledger's transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT digest, at FROM forgotten")
        self._gone = Gone(Forgotten(digest=digest, noise=0, at=at) for digest, at in rows)

    def left_of(self, record: Record) -> Record | None:
        """Return what may be taken in of a record; None where it is about a forgotten text."""
        if not self._gone:
            return record
        match record:
            case Labeled() | Verdict() | Retrain() if record.id in self._gone:
                return None
            case DeadLetter() if subject_of(record) in self._gone:
                return None
            case Verdict():
                return verdict_without(record, self._gone)
            case Labeled():
                return event_without(record, self._gone)
        return record

    def forget(self, records: list[Forgotten]) -> set[str]:
        """Delete all rows about these texts, and take them out of what others say of them.

        Return the ids that had any. Nothing is done about those that are forgotten already.
        """
        known = {digest for (digest,) in self._db.execute("SELECT digest FROM forgotten")}
        gone = Gone(one for one in records if one.digest not in known)
        for one in records:
            self._gone.add(one)
        if not gone:
            return set()
        self._db.executemany(
            "INSERT OR IGNORE INTO forgotten VALUES (?, ?)",
            [(one.digest, one.at) for one in records],
        )
        taught, found = self._ids("lessons", gone), set[str]()
        for table in OF_TEXT:
            found |= self._delete(table, gone)
        self._delete("lessons", gone)
        self._dead(gone)
        if taught:  # only what was taught can be an example that others were judged by
            self._named(gone)
        recount(self._db)
        return found | taught

    def _ids(self, table: str, gone: Gone) -> set[str]:
        return gone.of(
            text_id for (text_id,) in self._db.execute(f"SELECT DISTINCT id FROM {table}")
        )

    def _delete(self, table: str, gone: Gone) -> set[str]:
        found = self._ids(table, gone)
        self._db.executemany(f"DELETE FROM {table} WHERE id = ?", [(one,) for one in found])
        return found

    def _dead(self, gone: Gone) -> None:
        for position, json in self._db.execute("SELECT position, json FROM deadletters").fetchall():
            about = subject_of(DeadLetter.model_validate_json(json))
            if about is not None and about in gone:
                self._db.execute("DELETE FROM deadletters WHERE position = ?", (position,))

    def _named(self, gone: Gone) -> None:
        """Take texts out of what was decided about others with them as examples."""
        changed: list[tuple[str, str | bytes, str]] = []
        for table in ("verdicts", "reviews"):
            for event, json in self._db.execute(f"SELECT event, plain(json) FROM {table}"):
                verdict = Verdict.model_validate_json(json)
                if (left := verdict_without(verdict, gone)) is not verdict:
                    changed.append((table, kept(left.model_dump_json(exclude_none=True)), event))
        for event, json in self._db.execute("SELECT event, plain(json) FROM events"):
            told = Labeled.model_validate_json(json)
            if (after := event_without(told, gone)) is not told:
                changed.append(("events", kept(after.model_dump_json(exclude_none=True)), event))
        for table, json, event in changed:
            self._db.execute(f"UPDATE {table} SET json = ? WHERE event = ?", (json, event))


def forgotten_at(db: sqlite3.Connection, text_id: str) -> float | None:
    """Return when a text was forgotten, by a ledger that is read; None if it was not."""
    row: tuple[float] | None = db.execute(
        "SELECT at FROM forgotten WHERE digest = ?", (digest_of(text_id),)
    ).fetchone()
    return row[0] if row else None
