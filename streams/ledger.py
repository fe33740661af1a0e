"""The ledger: the state of every text, derived from the logs into SQLite.

It keeps its own position in the same transaction, so that a batch delivered again changes
nothing; lost, it is rebuilt by reading the logs again. `explain`, `status` and `deadletters`
read it. What it derives: the newest truth of each text by the order of authority, wherever the
event lies in the log, the held texts (`streams.held`), and what was taught and taken back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from streams.database import made_durable, open_database, transaction
from streams.erased import SCHEMA as ERASED_SCHEMA
from streams.erased import Erased
from streams.held import SCHEMA as HELD_SCHEMA
from streams.held import Held
from streams.packing import kept, knows_plain
from streams.records import (
    Authority,
    DeadLetter,
    Forgotten,
    Labeled,
    Manifest,
    Recheck,
    Retrain,
    Round,
    Verdict,
    truth_of,
)
from streams.reviews import SCHEMA as REVIEWS_SCHEMA
from streams.reviews import Reviews
from streams.stage import Delivered
from streams.tallies import SCHEMA as TALLIES_SCHEMA
from streams.tallies import counted
from streams.wire import Record

SCHEMA = (
    HELD_SCHEMA
    + REVIEWS_SCHEMA
    + ERASED_SCHEMA
    + """
CREATE TABLE IF NOT EXISTS progress (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS truths (
    id TEXT PRIMARY KEY, label TEXT NOT NULL, rank INTEGER NOT NULL, decision INTEGER NOT NULL,
    event TEXT NOT NULL
) WITHOUT ROWID;
DROP INDEX IF EXISTS truths_by_rank;
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
DROP INDEX IF EXISTS verdicts_by_decision;
DROP INDEX IF EXISTS verdicts_decided;
DROP INDEX IF EXISTS verdicts_asked;
DROP INDEX IF EXISTS verdicts_failed;
DROP INDEX IF EXISTS verdicts_estimated;
DROP INDEX IF EXISTS verdicts_outweighed;
DROP INDEX IF EXISTS events_spared;
CREATE TABLE IF NOT EXISTS deadletters (
    position TEXT PRIMARY KEY, at REAL NOT NULL, error TEXT NOT NULL, requeued REAL,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lessons (
    offset INTEGER PRIMARY KEY, id TEXT NOT NULL, label TEXT NOT NULL, kind TEXT NOT NULL,
    signed TEXT
);
CREATE INDEX IF NOT EXISTS lessons_by_id ON lessons (id);
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL, labels INTEGER NOT NULL,
    learnt INTEGER NOT NULL, threshold REAL NOT NULL, at REAL NOT NULL
);
"""
    + TALLIES_SCHEMA
)


FORMAT = 2
"""1 had all JSON as it is; such rows are read, and stay until the ledger is rebuilt."""


def open_ledger(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file; what is kept in it squeezed, `plain(json)` reads.

    Raises:
        Fatal: as for `open_database`.
    """
    db = open_database(path, SCHEMA, FORMAT, read_only=read_only, older={1: ""})
    knows_plain(db)
    return db


def seen_up_to(path: Path, topic: str, place: Callable[[int], int]) -> None:
    """Have a ledger go on at another place in a topic: what its own place is called now."""
    with closing(open_ledger(path)) as db, transaction(db):
        rows = db.execute("SELECT partition, next FROM progress WHERE topic = ?", (topic,))
        for part, at in rows.fetchall():
            db.execute(
                "UPDATE progress SET next = ? WHERE topic = ? AND partition = ?",
                (place(at), topic, part),
            )


@dataclass
class Effects:
    """What a batch leads to: new truths, held texts to examine again, and what follows from a
    person's words: labelled events and lessons. Of texts that are `gone` the truth goes too.
    """

    latest: list[Labeled] = field(default_factory=list)
    rechecks: list[Recheck] = field(default_factory=list)
    events: list[Labeled] = field(default_factory=list)
    lessons: list[Retrain] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)


class Ledger:
    """The writing side. One process owns it."""

    def __init__(self, path: Path) -> None:
        self._db = open_ledger(path)
        counted(self._db)
        self._held = Held(self._db)
        self._reviews = Reviews(self._db)
        self._erased = Erased(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def settle(self) -> bool:
        """Put on the disk what is in the ledger; tell whether it is there."""
        return made_durable(self._db)

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
            told = [one for _, one in batch if isinstance(one, Forgotten)]
            effects.gone |= self._erased.forget(told) if told else set()
            for delivered, came in batch:
                record = self._erased.left_of(came)
                match record:
                    case Labeled():
                        self._labeled(record, effects, again=self._known(delivered))
                    case Verdict() if record.authority is Authority.PERSON:
                        self._review(record, delivered.offset, effects)
                    case Verdict():
                        self._verdict(record, delivered.offset)
                    case Manifest():
                        self._version(record)
                        effects.rechecks += self._held.touched_by(record)
                    case Retrain():
                        self._lesson(record, delivered.offset, effects)
                    case Round():
                        effects.rechecks += self._held.of_round(record)
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

    def _known(self, delivered: Delivered) -> bool:
        return delivered.offset < self.position(delivered.topic, delivered.partition)

    def _labeled(self, event: Labeled, effects: Effects, *, again: bool) -> None:
        truth = self._truth(event.id)
        self._keep(event)
        if event.authority is Authority.PERSON:
            holds = self._settle(event.id)
            if event.event == self._reviews.last_word(event.id):
                # Where nobody else had a label for it, the one withdrawn says that it has none.
                effects.latest.append((holds or event) if event.withdrawn else event)
            return
        if truth is None or event.order > truth:
            self._set(event)
            effects.latest.append(event)
        elif again and event.order == truth:
            # Only where it was seen before: a text that two versions brought back is judged twice,
            # and its event lies twice in the log, but has been told.
            effects.latest.append(event)

    def _keep(self, event: Labeled) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)",
            (event.event, event.id, event.at, kept(event.model_dump_json(exclude_none=True))),
        )

    def _set(self, event: Labeled) -> None:
        self._db.execute(
            # No REPLACE: what it removes is told to no trigger (`streams.tallies`).
            "INSERT INTO truths VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " label = excluded.label, rank = excluded.rank, decision = excluded.decision,"
            " event = excluded.event",
            (event.id, event.label, *event.order),
        )
        self._held.release(event.id)

    def _settle(self, text_id: str) -> Labeled | None:
        """Find the truth of a text among all its events, and return it."""
        truth = truth_of(self._reviews.events(text_id))
        if truth is None:
            self._db.execute("DELETE FROM truths WHERE id = ?", (text_id,))
        else:
            self._set(truth)
        return truth

    def _review(self, verdict: Verdict, offset: int, effects: Effects) -> None:
        """Take in a person's word; its event and lesson are published if it is the last one."""
        event = self._reviews.take(verdict)
        self._keep(event)
        truth = self._settle(event.id)
        if event.event != self._reviews.last_word(event.id):
            return
        effects.events.append(event)
        effects.lessons += self._reviews.taught(verdict, truth)
        if truth is None and verdict.held is not None:
            self._held.hold(verdict.held, verdict.model, offset, verdict.at)

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
                kept(verdict.model_dump_json(exclude_none=True, exclude={"held"})),
            ),
        ).rowcount
        if new and verdict.held is not None and self._truth(verdict.id) is None:
            self._held.hold(verdict.held, verdict.model, offset, verdict.at)

    def _lesson(self, lesson: Retrain, offset: int, effects: Effects) -> None:
        truth = self._truth(lesson.id)
        if truth is not None and truth[0] == Authority.PERSON.rank:
            effects.lessons += self._reviews.overruled(lesson)
        self._db.execute(
            "INSERT OR IGNORE INTO lessons VALUES (?, ?, ?, ?, ?)",
            (offset, lesson.id, lesson.label, lesson.kind, lesson.signed),
        )

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
