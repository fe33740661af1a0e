"""The held texts in the ledger's file: what is undecided, and what of it is examined again when.

A version brings back those whose contenders it touched, a bounded number. A round, once the input
has ended, brings back every one that the version in service has not examined; what it teaches is
for the next round: while it lasts, versions bring nothing back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from streams.packing import kept
from streams.records import Manifest, Recheck, Round, Uncertain

MAX_ROUNDS = 4
"""A text is judged at most this often (once, and three rechecks), then waits for a person."""

RECHECKS_PER_VERSION = 64
"""Held texts examined again per version: a bounded share of the classifier's time."""

RECHECKS_PER_PART = 2_000
"""Held texts brought back at a time in a round: what a batch of the ledger holds in memory."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS held (
    id TEXT PRIMARY KEY, round INTEGER NOT NULL, version INTEGER NOT NULL,
    asked INTEGER NOT NULL, place INTEGER NOT NULL, at REAL NOT NULL, json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held_contenders (
    label TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (label, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_contenders_by_id ON held_contenders (id);
CREATE TABLE IF NOT EXISTS rechecks (
    version INTEGER NOT NULL, part INTEGER NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (version, part, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rounds (version INTEGER PRIMARY KEY, ended INTEGER NOT NULL);
"""
"""`version` of a held text is the one that led to its verdict, `asked` the one that last brought it
back. `rechecks`: what came back for which version, because of itself (`part` 0) or of a part of a
round. A lost ledger knows only those still held.
"""

NOT_EXAMINED = "round < ? AND version < ? AND asked < ?"
"""The held texts that a version has not examined yet; MAX_ROUNDS and twice the version."""


class Held:
    """The writing side, within the ledger's transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def hold(self, case: Uncertain, model: int, place: int, at: float) -> None:
        """Hold a text that a verdict left undecided; `place` is the verdict's offset."""
        self.release(case.text.id)
        self._db.execute(
            "INSERT INTO held VALUES (?, ?, ?, 0, ?, ?, ?)",
            (case.text.id, case.round, model, place, at, kept(case.model_dump_json())),
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO held_contenders VALUES (?, ?)",
            [(contender.label, case.text.id) for contender in case.contenders],
        )

    def release(self, text_id: str) -> None:
        """Let go of a text that has its label."""
        self._db.execute("DELETE FROM held WHERE id = ?", (text_id,))
        self._db.execute("DELETE FROM held_contenders WHERE id = ?", (text_id,))

    def touched_by(self, manifest: Manifest) -> list[Recheck]:
        """Choose the texts whose contenders this version touched, the longest unasked first.

        A manifest delivered again brings back the same ones: `asked` tells them.
        """
        if self._db.execute("SELECT 1 FROM rounds WHERE NOT ended").fetchone():
            return []
        # A contender may have another name by now.
        touched = {*manifest.touched}
        touched |= {old for old, now in manifest.renamed.items() if now in touched}
        marks = ", ".join("?" * len(touched))
        number = manifest.number
        rows = self._db.execute(
            "SELECT id, plain(json) FROM held WHERE round < ?"
            " AND (asked = ? OR (version < ? AND asked < ?"
            f" AND id IN (SELECT id FROM held_contenders WHERE label IN ({marks}))))"
            " ORDER BY asked = ? DESC, asked, place LIMIT ?",
            (
                *(MAX_ROUNDS, number, number, number),
                *sorted(touched),
                *(number, RECHECKS_PER_VERSION),
            ),
        ).fetchall()
        return self._ask(rows, number, 0)

    def of_round(self, found: Round) -> list[Recheck]:
        """Choose the texts that the round's version has not examined, the longest held first.

        None at its end. A part delivered again brings back the same ones: `rechecks` tells them.
        """
        version, part = found.version, found.part
        self._db.execute(
            "INSERT OR REPLACE INTO rounds VALUES (?, ?)", (version, found.end is not None)
        )
        if found.end is not None:
            return []
        rows = self._db.execute(
            f"SELECT id, plain(json) FROM held WHERE ({NOT_EXAMINED}) OR (round < ? AND id IN"
            " (SELECT id FROM rechecks WHERE version = ? AND part = ?)) ORDER BY place LIMIT ?",
            (
                *(MAX_ROUNDS, version, version),
                *(MAX_ROUNDS, version, part, RECHECKS_PER_PART),
            ),
        ).fetchall()
        return self._ask(rows, version, part)

    def _ask(self, rows: Iterable[tuple[str, str]], version: int, part: int) -> list[Recheck]:
        rechecks = []
        for text_id, json in rows:
            self._db.execute("UPDATE held SET asked = ? WHERE id = ?", (version, text_id))
            self._db.execute(
                "INSERT OR IGNORE INTO rechecks VALUES (?, ?, ?)", (version, part, text_id)
            )
            held = Uncertain.model_validate_json(json)
            rechecks.append(
                Recheck(
                    text=held.text,
                    embedding=held.embedding,
                    lead=held.contenders[0].label,
                    rejected=held.rejected,
                    round=held.round,
                    model=version,
                )
            )
        return rechecks
