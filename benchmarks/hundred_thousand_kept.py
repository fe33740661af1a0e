"""What lies in a folder after a run, by what keeps it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

SECTOR = 512

_TOPICS = """
SELECT 'log: ' || topics.name, COUNT(*),
    SUM(COALESCE(LENGTH(value), 0) + COALESCE(LENGTH(key), 0) + COALESCE(LENGTH(headers), 0))
FROM records JOIN topics ON topics.id = records.topic GROUP BY topics.name
"""

_TABLES = ("events", "verdicts", "held", "reviews")


def taken(path: Path) -> int:
    """Return the bytes that a file takes on the disk; what is laid out and not written is none."""
    return path.stat().st_blocks * SECTOR


def kept_in(var: Path) -> list[tuple[str, int, int]]:
    """Return name, records and bytes of content, without indexes, the largest first."""
    with closing(sqlite3.connect(var / "log.sqlite")) as db:
        rows = db.execute(_TOPICS).fetchall()
    with closing(sqlite3.connect(var / "ledger.sqlite")) as db:
        for table in _TABLES:
            sums = db.execute(f"SELECT COUNT(*), COALESCE(SUM(LENGTH(json)), 0) FROM {table}")
            rows.append((f"ledger: {table}", *sums.fetchone()))
    return sorted(rows, key=lambda one: -one[2])


def two_texts(var: Path) -> tuple[str, str]:
    """Return a text that the classifier decided, unasked, and one that teaches."""
    with closing(sqlite3.connect(var / "ledger.sqlite")) as db:
        (one,) = db.execute(
            "SELECT id FROM truths WHERE rank = 0 AND id NOT IN (SELECT id FROM verdicts) LIMIT 1"
        ).fetchone()
        (other,) = db.execute(
            "SELECT id FROM lessons WHERE kind = 'accepted' ORDER BY offset DESC LIMIT 1"
        ).fetchone()
    return str(one), str(other)
