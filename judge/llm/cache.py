"""Verdicts on disk, so that the same question is not paid twice, and what was spent so far.

A cache: it may be deleted at any time, and a disk that is full or broken only makes it useless.
The rows hold a hash, not the text.
"""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import structlog

from judge.llm.answer import Said
from judge.llm.prompt import Prompt

log = structlog.get_logger()

_TABLES = """
CREATE TABLE IF NOT EXISTS verdicts (
    place INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spent (only INTEGER PRIMARY KEY CHECK (only = 0), state TEXT NOT NULL);
"""
# A verdict takes some 250 bytes, so this is about 250 MB.
KEEP = 1_000_000
_EVERY = 1_000  # puts between two looks at the size
_SECONDS = 1.0  # to wait for another process's write


def key_of(model: str, prompt_version: str, prompt: Prompt) -> bytes:
    """The hash under which a verdict is kept: everything that could change it.

    The rendered message holds the question, the text, the options, the guides and the examples
    as the model sees them; the ids of the examples and the guides' versions come on top.
    """
    answers = list(prompt.answers.items())
    evidence = list(prompt.evidence.items())
    parts = [model, prompt_version, prompt.question, prompt.user, prompt.guides, answers, evidence]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()


class VerdictCache:
    """Keeps verdicts, and only those: a "no verdict" is asked again.

    The first failure turns it off with one warning; nothing it does ever raises.
    """

    def __init__(self, path: Path, keep: int = KEEP) -> None:
        self._keep = keep
        self._puts = 0
        self.hits = 0
        self.misses = 0
        self.off: str | None = None
        self._connection: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path,
                timeout=_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # it is made in another thread than asked, never in two
            )
            # NORMAL: no sync at every verdict; a power cut may take the last few.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            self._turn_off(error)

    def get(self, key: bytes) -> Said | None:
        """The verdict kept under this key."""
        rows = self._run("SELECT said FROM verdicts WHERE key = ?", key)
        said = _read(rows[0][0]) if rows else None
        self.hits += said is not None
        self.misses += said is None
        return said

    def put(self, key: bytes, said: Said) -> None:
        """Keep a verdict; the oldest go when there are too many."""
        written = json.dumps([said.answer, said.reason, said.evidence])
        self._run("INSERT OR REPLACE INTO verdicts (key, said) VALUES (?, ?)", key, written)
        self._puts += 1
        if self._puts % _EVERY == 0:
            newest = "(SELECT max(place) FROM verdicts)"
            self._run(f"DELETE FROM verdicts WHERE place <= {newest} - ?", self._keep)

    def forget_words(self, forgotten: int) -> None:
        """Keep of every verdict the answer alone: reasons may quote texts, evidence names them.

        Whose words are in which row nobody knows, since rows are found by a hash. `forgotten`: how
        many texts are by now; where that many were before, nothing is done.
        """
        if self._connection is None:
            return
        try:
            ((done,),) = self._connection.execute("PRAGMA user_version").fetchall()
            if done >= forgotten:
                return
            for place, written in self._connection.execute(
                "SELECT place, said FROM verdicts"
            ).fetchall():
                if (said := _read(written)) is not None and (said.reason or said.evidence):
                    self._connection.execute(
                        "UPDATE verdicts SET said = ? WHERE place = ?",
                        (json.dumps([said.answer, "", []]), place),
                    )
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute(f"PRAGMA user_version = {forgotten}")
        except sqlite3.Error as error:
            log.warning("the verdict cache may still have reasons", error=str(error))

    def spent(self) -> dict[str, list[float]]:
        """What `save_spent` was last given; empty if never."""
        rows = self._run("SELECT state FROM spent")
        try:
            state = json.loads(rows[0][0]) if rows else {}
            return {str(window): [float(n) for n in row] for window, row in state.items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    def save_spent(self, state: dict[str, list[float]]) -> None:
        """Keep what the budget has counted, for the next start."""
        self._run("INSERT OR REPLACE INTO spent VALUES (0, ?)", json.dumps(state))

    def close(self) -> None:
        """Let go of the file. Closing twice is allowed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _run(self, command: str, *values: object) -> list[Any]:
        if self._connection is None:
            return []
        try:
            return self._connection.execute(command, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self._turn_off(error)
            return []

    def _turn_off(self, error: Exception) -> None:
        self.off = f"{type(error).__name__}: {error}"
        log.warning("verdict cache is off: questions may be paid twice", error=self.off)
        try:
            self.close()
        except sqlite3.Error:
            self._connection = None


def _read(written: object) -> Said | None:
    """A row as it was put; None for one that is damaged."""
    try:
        answer, reason, evidence = json.loads(str(written))
        fits = isinstance(answer, str) and isinstance(reason, str) and isinstance(evidence, list)
        return Said(answer, reason, tuple(map(str, evidence))) if fits else None
    except (ValueError, TypeError):
        return None
