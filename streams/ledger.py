"""The ledger: the state of every text, derived from the logs into SQLite.

It keeps its own position in the same transaction, so that a batch delivered again changes
nothing; lost, it is rebuilt by reading the logs again. `explain`, `status` and `deadletters`
read it. What it derives: the newest truth of each text by the order of authority, wherever the
event lies in the log, and the held texts, indexed by contender.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.database import open_database, transaction
from streams.records import DeadLetter, Labeled, Manifest, Recheck, Uncertain, Verdict
from streams.stage import Delivered
from streams.wire import Record

MAX_ROUNDS = 4
"""A text is judged at most this often (once, and three rechecks), then waits for a person."""

RECHECKS_PER_VERSION = 64
"""Held texts examined again per version: a bounded share of the classifier's time."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS progress (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS truths (
    id TEXT PRIMARY KEY, label TEXT NOT NULL, rank INTEGER NOT NULL, decision INTEGER NOT NULL,
    event TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS truths_by_rank ON truths (rank);
CREATE TABLE IF NOT EXISTS events (
    event TEXT PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, json TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_by_id ON events (id);
CREATE TABLE IF NOT EXISTS verdicts (
    event TEXT PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, outcome TEXT NOT NULL,
    audit INTEGER NOT NULL, decision TEXT, calls INTEGER NOT NULL, tokens INTEGER NOT NULL,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdicts_by_id ON verdicts (id);
CREATE INDEX IF NOT EXISTS verdicts_by_decision ON verdicts (decision, audit);
CREATE TABLE IF NOT EXISTS held (
    id TEXT PRIMARY KEY, round INTEGER NOT NULL, version INTEGER NOT NULL,
    asked INTEGER NOT NULL, place INTEGER NOT NULL, at REAL NOT NULL, json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held_contenders (
    label TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (label, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_contenders_by_id ON held_contenders (id);
CREATE TABLE IF NOT EXISTS deadletters (
    position TEXT PRIMARY KEY, at REAL NOT NULL, error TEXT NOT NULL, requeued REAL,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL, labels INTEGER NOT NULL,
    learnt INTEGER NOT NULL, threshold REAL NOT NULL, at REAL NOT NULL
);
"""


@dataclass
class Effects:
    """What a batch leads to: new truths, and held texts to examine again."""

    latest: list[Labeled] = field(default_factory=list)
    rechecks: list[Recheck] = field(default_factory=list)


class Ledger:
    """The writing side. One process owns it."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(path, SCHEMA, 1)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def position(self, topic: str, partition: int = 0) -> int:
        """Return the offset up to which a topic is in the ledger."""
        row = self._db.execute(
            "SELECT next FROM progress WHERE topic = ? AND partition = ?", (topic, partition)
        ).fetchone()
        return int(row[0]) if row else 0

    def apply(self, batch: Sequence[tuple[Delivered, Record]]) -> Effects:
        """Take a batch in, in one transaction.

        A record that is delivered again changes nothing, but leads to the same effects as long
        as they still hold: the crash may have come before they were published.
        """
        effects = Effects()
        with transaction(self._db):
            for delivered, record in batch:
                match record:
                    case Labeled():
                        self._labeled(record, effects)
                    case Verdict():
                        self._verdict(record, delivered.offset)
                    case Manifest():
                        self._version(record)
                        effects.rechecks += self._rechecks(record)
                    case DeadLetter():
                        self._dead(record)
                self._moved(delivered)
        return effects

    def _moved(self, delivered: Delivered) -> None:
        self._db.execute(
            "INSERT INTO progress VALUES (?, ?, ?)"
            " ON CONFLICT (topic, partition) DO UPDATE SET next = MAX(next, excluded.next)",
            (delivered.topic, delivered.partition, delivered.offset + 1),
        )

    def _labeled(self, event: Labeled, effects: Effects) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)",
            (event.event, event.id, event.at, event.model_dump_json(exclude_none=True)),
        )
        truth = self._truth(event.id)
        if truth is None or event.order > truth:
            self._db.execute(
                "INSERT OR REPLACE INTO truths VALUES (?, ?, ?, ?, ?)",
                (event.id, event.label, *event.order),
            )
            self._release(event.id)
        if truth is None or event.order >= truth:
            effects.latest.append(event)

    def _truth(self, text_id: str) -> tuple[int, int, str] | None:
        row: tuple[int, int, str] | None = self._db.execute(
            "SELECT rank, decision, event FROM truths WHERE id = ?", (text_id,)
        ).fetchone()
        return row

    def _verdict(self, verdict: Verdict, offset: int) -> None:
        new = self._db.execute(
            "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                verdict.event,
                verdict.id,
                verdict.at,
                verdict.outcome,
                verdict.audit,
                verdict.decision,
                verdict.calls,
                verdict.tokens,
                verdict.model_dump_json(exclude_none=True, exclude={"held"}),
            ),
        ).rowcount
        if new and verdict.held is not None and self._truth(verdict.id) is None:
            self._hold(verdict.held, verdict, offset)

    def _hold(self, held: Uncertain, verdict: Verdict, offset: int) -> None:
        self._release(held.text.id)
        self._db.execute(
            "INSERT INTO held VALUES (?, ?, ?, 0, ?, ?, ?)",
            (
                held.text.id,
                held.round,
                verdict.model,
                offset,
                verdict.at,
                held.model_dump_json(),
            ),
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO held_contenders VALUES (?, ?)",
            [(contender.label, held.text.id) for contender in held.contenders],
        )

    def _release(self, text_id: str) -> None:
        self._db.execute("DELETE FROM held WHERE id = ?", (text_id,))
        self._db.execute("DELETE FROM held_contenders WHERE id = ?", (text_id,))

    def _version(self, manifest: Manifest) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?, ?, ?)",
            (
                manifest.number,
                manifest.hash,
                len(manifest.labels),
                manifest.learnt,
                manifest.threshold,
                manifest.at,
            ),
        )

    def _dead(self, letter: DeadLetter) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO deadletters VALUES (?, ?, ?, ?, ?)",
            (letter.position, letter.at, letter.error, letter.requeued, letter.model_dump_json()),
        )

    def _rechecks(self, manifest: Manifest) -> Iterable[Recheck]:
        """Choose the held texts whose contenders this version touched, the longest unasked first.

        A contender may have another name by now.

        `asked` is the version that last brought a text back: a manifest delivered again brings
        back the same ones.
        """
        touched = {*manifest.touched}
        touched |= {old for old, now in manifest.renamed.items() if now in touched}
        marks = ", ".join("?" * len(touched))
        rows = self._db.execute(
            "SELECT id, json FROM held WHERE round < ? AND (asked = ? OR (version < ? AND asked < ?"
            f" AND id IN (SELECT id FROM held_contenders WHERE label IN ({marks}))))"
            " ORDER BY asked = ? DESC, asked, place LIMIT ?",
            (
                MAX_ROUNDS,
                manifest.number,
                manifest.number,
                manifest.number,
                *sorted(touched),
                manifest.number,
                RECHECKS_PER_VERSION,
            ),
        ).fetchall()
        for text_id, json in rows:
            self._db.execute("UPDATE held SET asked = ? WHERE id = ?", (manifest.number, text_id))
            held = Uncertain.model_validate_json(json)
            yield Recheck(
                text=held.text,
                embedding=held.embedding,
                lead=held.contenders[0].label,
                rejected=held.rejected,
                round=held.round,
                model=manifest.number,
            )
