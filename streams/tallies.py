"""Running counts in the ledger's file: whoever asks how things stand need not read every row.

They are kept by triggers, in the very transaction that changes what is counted, so that no writer
can forget them. A ledger of before there were any is counted once (`counted`).
"""

from __future__ import annotations

import sqlite3

from models.errors import Fatal
from streams.database import transaction
from streams.held import MAX_ROUNDS

NAMES = {
    "truths/RANK": "texts that have a label, by whose it is",
    "held": "texts that are undecided",
    "held/person": "of these, those that wait for a person",
    "calls": "questions to the judge",
    "tokens": "what they took",
    "estimated": "of these, what no endpoint counted",
    "asked": "texts that the judge was asked about",
    "asked/AUDIT": "the same, doubtful ones (0) and audits (1)",
    "decided/DECISION/AUDIT": "texts by what came of it",
    "failed/KIND": "answers without a verdict",
    "outweighed": "texts about which the judge's answer is not what was emitted",
    "spared": "doubtful texts that nobody was asked about",
    "taught/LABEL": "texts whose last lesson stands",
    "revoked/SIGNED": "texts whose last lesson is taken back, by who did it",
}
"""What is counted, under which name."""


def _add(name: str, many: str = "1", when: str = "1") -> str:
    # Nothing that may conflict: how that ends is up to the statement that pulled the trigger.
    return (
        f"INSERT INTO tallies SELECT {name}, 0 WHERE {when}"
        f" AND NOT EXISTS (SELECT 1 FROM tallies WHERE name = {name});"
        f" UPDATE tallies SET count = count + {many} WHERE name = {name} AND {when};"
    )


def _trigger(name: str, event: str, *changes: str) -> str:
    return (
        f"DROP TRIGGER IF EXISTS tally_{name};"
        f" CREATE TRIGGER tally_{name} AFTER {event} BEGIN {' '.join(changes)} END;\n"
    )


def _first(table: str, alike: str = "1") -> str:
    """Whether no earlier row of the table about the same text is `alike`."""
    return (
        f"NOT EXISTS (SELECT 1 FROM {table} AS o WHERE o.id = NEW.id"
        f" AND o.event <> NEW.event AND {alike})"
    )


def _outweighed(row: str) -> str:
    weighed = f"json_extract(plain({row}.json), '$.weighed.label')"
    return f"{weighed} IS NOT NULL AND {weighed} IS NOT json_extract(plain({row}.json), '$.label')"


def _spared(row: str) -> str:
    return f"json_extract(plain({row}.json), '$.spared')"


_KIND = "'failed/' || COALESCE(json_extract(plain(NEW.json), '$.kind'), 'unknown')"
_BEYOND = f"{{0}}.round >= {MAX_ROUNDS}"
_WORD = (
    "CASE {0}.kind WHEN 'accepted' THEN 'taught/' || {0}.label"
    " WHEN 'revoked' THEN 'revoked/' || COALESCE({0}.signed, 'unsigned') ELSE '' END"
)
_LAST = "(SELECT MAX(offset) FROM lessons WHERE id = NEW.id) = NEW.offset"
_BEFORE = (
    f"(SELECT {_WORD.format('b')} FROM lessons AS b"
    " WHERE b.id = NEW.id AND b.offset < NEW.offset ORDER BY b.offset DESC LIMIT 1)"
)

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS tallies (name TEXT PRIMARY KEY, count INTEGER NOT NULL)"
    " WITHOUT ROWID;\n"
    + _trigger("truth", "INSERT ON truths", _add("'truths/' || NEW.rank"))
    + _trigger("truth_gone", "DELETE ON truths", _add("'truths/' || OLD.rank", "-1"))
    + _trigger(
        "truth_moved",
        "UPDATE OF rank ON truths",
        _add("'truths/' || OLD.rank", "-1"),
        _add("'truths/' || NEW.rank"),
    )
    + _trigger(
        "held",
        "INSERT ON held",
        _add("'held'"),
        _add("'held/person'", when=_BEYOND.format("NEW")),
    )
    + _trigger(
        "held_gone",
        "DELETE ON held",
        _add("'held'", "-1"),
        _add("'held/person'", "-1", when=_BEYOND.format("OLD")),
    )
    + _trigger(
        "verdict",
        "INSERT ON verdicts",
        _add("'calls'", "NEW.calls"),
        _add("'tokens'", "NEW.tokens"),
        _add("'estimated'", "NEW.tokens", "json_extract(plain(NEW.json), '$.estimated')"),
        _add("'asked'", when=_first("verdicts")),
        _add("'asked/' || NEW.audit", when=_first("verdicts", "o.audit = NEW.audit")),
        _add(
            "'decided/' || NEW.decision || '/' || NEW.audit",
            when="NEW.decision IS NOT NULL AND "
            + _first("verdicts", "o.audit = NEW.audit AND o.decision = NEW.decision"),
        ),
        _add(_KIND, when="NEW.outcome = 'no_verdict'"),
        _add(
            "'outweighed'",
            when=f"{_outweighed('NEW')} AND {_first('verdicts', _outweighed('o'))}",
        ),
    )
    + _trigger(
        "event",
        "INSERT ON events",
        _add("'spared'", when=f"{_spared('NEW')} AND {_first('events', _spared('o'))}"),
    )
    + _trigger(
        "lesson",
        "INSERT ON lessons",
        _add(_BEFORE, "-1", f"{_LAST} AND {_BEFORE} <> ''"),
        _add(_WORD.format("NEW"), when=f"{_LAST} AND {_WORD.format('NEW')} <> ''"),
    )
)
"""The table, and its triggers on those of the ledger: made anew whenever somebody writes."""

_ALL = f"""
SELECT 'truths/' || rank, COUNT(*) FROM truths GROUP BY rank
UNION ALL SELECT 'held', COUNT(*) FROM held
UNION ALL SELECT 'held/person', COUNT(*) FROM held WHERE {_BEYOND.format("held")}
UNION ALL SELECT 'calls', COALESCE(SUM(calls), 0) FROM verdicts
UNION ALL SELECT 'tokens', COALESCE(SUM(tokens), 0) FROM verdicts
UNION ALL SELECT 'estimated', COALESCE(SUM(tokens), 0) FROM verdicts
 WHERE json_extract(plain(json), '$.estimated')
UNION ALL SELECT 'asked', COUNT(DISTINCT id) FROM verdicts
UNION ALL SELECT 'asked/' || audit, COUNT(DISTINCT id) FROM verdicts GROUP BY audit
UNION ALL SELECT 'decided/' || decision || '/' || audit, COUNT(DISTINCT id) FROM verdicts
 WHERE decision IS NOT NULL GROUP BY decision, audit
UNION ALL SELECT 'failed/' || COALESCE(json_extract(plain(json), '$.kind'), 'unknown') AS name,
 COUNT(*) FROM verdicts WHERE outcome = 'no_verdict' GROUP BY name
UNION ALL SELECT 'outweighed', COUNT(DISTINCT id) FROM verdicts WHERE {_outweighed("verdicts")}
UNION ALL SELECT 'spared', COUNT(DISTINCT id) FROM events WHERE {_spared("events")}
UNION ALL SELECT {_WORD.format("lessons")} AS name, COUNT(*) FROM lessons
 WHERE offset IN (SELECT MAX(offset) FROM lessons GROUP BY id) AND name <> '' GROUP BY name
"""


def recounted(db: sqlite3.Connection) -> dict[str, int]:
    """Count every row; nothing that is none."""
    return {name: count for name, count in db.execute(_ALL) if count}


def recount(db: sqlite3.Connection) -> None:
    """Count every row anew, within a transaction: after rows were deleted that no trigger sees."""
    db.execute("DELETE FROM tallies")
    db.executemany("INSERT INTO tallies VALUES (?, ?)", recounted(db).items())


def counted(db: sqlite3.Connection) -> None:
    """Count a ledger whose rows were written before there were tallies."""
    if db.execute("SELECT 1 FROM tallies").fetchone() is None:
        with transaction(db):
            recount(db)


def tallies(db: sqlite3.Connection) -> dict[str, int]:
    """Return all counts by name, in one look; nothing that is none."""
    found = dict(db.execute("SELECT name, count FROM tallies WHERE count <> 0"))
    if not all(isinstance(count, int | float) for count in found.values()):
        raise Fatal("the ledger was changed by somebody else: remove ledger.sqlite, it is rebuilt")
    return found


def under(found: dict[str, int], beginning: str) -> dict[str, int]:
    """Return the counts whose names begin so, by the rest of the name."""
    return {
        name.removeprefix(beginning): count
        for name, count in found.items()
        if name.startswith(beginning)
    }
