"""A person's words in the ledger's file: which is the last about a text, and what it taught."""

from __future__ import annotations

import sqlite3

from streams.packing import kept
from streams.records import Authority, Labeled, Retrain, Verdict, truth_of
from streams.reviewed import SIGNED, case_of, event_of, lesson_for, taken_back

SCHEMA = """
CREATE TABLE IF NOT EXISTS reviews (
    event TEXT PRIMARY KEY, id TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL,
    json TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reviews_by_id ON reviews (id);
"""


class Reviews:
    """The writing side, within the ledger's transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def take(self, verdict: Verdict) -> Labeled:
        """Keep a person's verdict; return the labelled event that it makes."""
        self._db.execute(
            "INSERT OR IGNORE INTO reviews VALUES (?, ?, ?, ?, ?)",
            (
                verdict.event,
                verdict.id,
                verdict.round,
                verdict.at,
                kept(verdict.model_dump_json(exclude_none=True, exclude={"held"})),
            ),
        )
        return event_of(verdict)

    def events(self, text_id: str) -> list[Labeled]:
        """Return every labelled event of a text."""
        rows = self._db.execute("SELECT plain(json) FROM events WHERE id = ?", (text_id,))
        return [Labeled.model_validate_json(json) for (json,) in rows]

    def last_word(self, text_id: str) -> str | None:
        """Return which event is the last word of a person about a text; None if there is none."""
        words = [one for one in self.events(text_id) if one.authority is Authority.PERSON]
        last = max(words, key=lambda one: one.order, default=None)
        return last.event if last else None

    def taught(self, verdict: Verdict, truth: Labeled | None) -> list[Retrain]:
        """Return what a person's last word teaches, or takes back; `truth` is the text's now.

        Once it is withdrawn, what the text had taught before comes back.
        """
        case = case_of(verdict)
        text, vector = case.text, case.embedding
        if verdict.label is not None:
            return [lesson_for(text.id, verdict.label, text.text, vector)]
        others = self._last_lesson(text.id, but=SIGNED)
        if verdict.outcome == "no_verdict" and others is not None and others[0] != "revoked":
            _, label, signed = others
            authority = truth.authority if truth else Authority.JUDGE
            return [lesson_for(text.id, label, text.text, vector, authority, signed or "")]
        standing = self._last_lesson(text.id)
        # A lesson of an earlier word may still be on its way here.
        said_before = self._db.execute(
            "SELECT 1 FROM reviews WHERE id = ? AND number < ?", (text.id, verdict.round)
        ).fetchone()
        if said_before or (standing is not None and standing[0] != "revoked"):
            return [taken_back(text.id, standing[1] if standing else verdict.proposed)]
        return []

    def overruled(self, lesson: Retrain) -> list[Retrain]:
        """Return what puts a lesson right that comes after a person has said otherwise.

        The judge may have been asked before the person, and answer after.
        """
        if lesson.kind != "accepted" or lesson.signed == SIGNED or lesson.embedding is None:
            return []
        truth = truth_of(self.events(lesson.id))
        if truth is None or truth.authority is not Authority.PERSON:
            return []
        if not truth.label:
            return [taken_back(lesson.id, lesson.label)]
        return [lesson_for(lesson.id, truth.label, lesson.text, lesson.embedding)]

    def _last_lesson(
        self, text_id: str, but: str | None = None
    ) -> tuple[str, str, str | None] | None:
        """Return kind, label and signature of the last lesson of a text; not of those signed so."""
        row: tuple[str, str, str | None] | None = self._db.execute(
            "SELECT kind, label, signed FROM lessons WHERE id = ? AND signed IS NOT ?"
            " ORDER BY offset DESC",
            (text_id, but),
        ).fetchone()
        return row
