"""What became of every text so far, as the ledger has it: one row a text, for those who compare.

Only what is counted is read, not whole events: 100,000 texts take about a second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.ledger import open_ledger
from streams.records import Authority, Labeled, truth_of

_CHUNK = 500

_VERDICTS = """
SELECT id, at, audit, json_extract(plain(json), '$.proposed'),
    json_extract(plain(json), '$.confidence'),
    json_extract(plain(json), '$.model')
FROM verdicts ORDER BY at, event
"""

_EVENTS = """
SELECT id, at,
    COALESCE(
        json_extract(plain(json), '$.contenders[0].label'), json_extract(plain(json), '$.label')
    ),
    COALESCE(
        json_extract(plain(json), '$.contenders[0].probability'),
        json_extract(plain(json), '$.confidence')
    ),
    json_extract(plain(json), '$.model')
FROM events WHERE json_extract(plain(json), '$.authority') = 'classifier' ORDER BY at, event
"""

_IN_TIME = "SELECT at, plain(json) FROM events ORDER BY at, event"

_TRUTHS = """
SELECT truths.id, truths.label, rank, json_extract(plain(json), '$.confidence'), events.at
FROM truths LEFT JOIN events USING (event)
"""


@dataclass(slots=True)
class Outcome:
    """One text: the classifier's own first answer, and the label that holds.

    `first` is what it led with, how sure it was, and the version that said so; None while the text
    waits for its first decision. `label` is None while there is none: `held` tells that it was
    decided to be undecided. `asked`: the judge was, and as an `audit`. `at` is when the text was
    first decided about, in seconds since the epoch.
    """

    first: str | None = None
    first_confidence: float | None = None
    model: int | None = None
    label: str | None = None
    authority: Authority | None = None
    confidence: float | None = None
    asked: bool = False
    audit: bool = False
    held: bool = False
    at: float | None = None

    def _met(self, first: str, confidence: float | None, model: int, at: float) -> None:
        if self.at is None or at < self.at:
            self.at = at
            self.first, self.first_confidence, self.model = first, confidence, model


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger to read, also while another process writes it: one state throughout."""
    db = open_ledger(path, read_only=True)
    try:
        db.execute("BEGIN")
        yield db
    finally:
        db.close()


def outcomes(db: sqlite3.Connection) -> dict[str, Outcome]:
    """Return every text that anything was decided about, by id."""
    found: dict[str, Outcome] = {}
    for text_id, at, audit, proposed, confidence, model in db.execute(_VERDICTS):
        one = found.setdefault(text_id, Outcome())
        one._met(proposed, confidence, model, at)
        one.asked, one.audit = True, one.audit or bool(audit)
    for text_id, at, first, confidence, model in db.execute(_EVENTS):
        found.setdefault(text_id, Outcome())._met(first, confidence, model, at)
    ranks = list(Authority)
    for text_id, label, rank, confidence, at in db.execute(_TRUTHS):
        one = found.setdefault(text_id, Outcome())
        one.label, one.authority, one.confidence = label, ranks[rank], confidence
        one.at = at if one.at is None else one.at
    for (text_id,) in db.execute("SELECT id FROM held"):
        found.setdefault(text_id, Outcome()).held = True
    return found


def truths_at(db: sqlite3.Connection, moments: Sequence[float]) -> Iterator[dict[str, str]]:
    """Yield the label of every text that had one, for each of these moments in their order.

    The same mapping every time, further on: look at it before the next.
    """
    told: dict[str, list[Labeled]] = {}
    labels: dict[str, str] = {}
    rows = db.execute(_IN_TIME)
    row = rows.fetchone()
    for moment in moments:
        moved = set()
        while row is not None and row[0] <= moment:
            event = Labeled.model_validate_json(row[1])
            told.setdefault(event.id, []).append(event)
            moved.add(event.id)
            row = rows.fetchone()
        for text_id in moved:
            truth = truth_of(told[text_id])
            labels[text_id] = truth.label if truth else ""
        yield labels


def words(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return what these texts say, as far as the ledger has them."""
    found: dict[str, str] = {}
    for at in range(0, len(ids), _CHUNK):
        some = ids[at : at + _CHUNK]
        marks = ", ".join("?" * len(some))
        for table, path in (("held", "$.text.text"), ("events", "$.text")):
            found |= dict(
                db.execute(
                    f"SELECT id, json_extract(plain(json), '{path}') FROM {table}"
                    f" WHERE id IN ({marks})",
                    some,
                )
            )
    return found
