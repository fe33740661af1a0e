"""What the ledger is asked about single texts and labels, by who looks closer than at counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from streams.erased import forgotten_at
from streams.held import MAX_ROUNDS
from streams.ledger import open_ledger
from streams.records import Authority
from streams.reviewed import SIGNED

MOST_IDS = 2_000
"""Ids that an unknown one is compared with: those that begin alike."""


@dataclass(frozen=True)
class Waiting:
    """A text that may be looked at: its likeliest label and the confidence in it.

    It waits `for_a_person` where the judge is not asked about it any more.
    """

    id: str
    label: str
    confidence: float
    for_a_person: bool = False


@dataclass(frozen=True)
class Heard:
    """How often the judge was asked about texts for which a label was proposed, and said so."""

    judged: int
    confirmed: int


@dataclass(frozen=True)
class Lesson:
    """A line of `retrain` about a text, at its offset."""

    offset: int
    id: str
    kind: str
    label: str
    signed: str | None

    @property
    def by_judge(self) -> bool:
        """Tell whether the gate may refuse it."""
        return self.kind == "accepted" and self.signed != SIGNED


class Lookup:
    """The reading side of a ledger, also while another process writes it."""

    def __init__(self, path: Path) -> None:
        self._db = open_ledger(path, read_only=True)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def forgotten(self, text_id: str) -> float | None:
        """Return when a text was forgotten; None if it was not."""
        return forgotten_at(self._db, text_id)

    def held(self, labels: Collection[str] | None = None) -> list[Waiting]:
        """Return the held texts, the longest held first; of `labels`, those that may have one."""
        where, values = "", tuple(labels or ())
        if labels is not None:
            marks = ", ".join("?" * len(values))
            where = f"WHERE id IN (SELECT id FROM held_contenders WHERE label IN ({marks}))"
        rows = self._db.execute(
            "SELECT id, json_extract(plain(json), '$.contenders[0].label'),"
            " json_extract(plain(json), '$.contenders[0].probability'), round FROM held"
            f" {where} ORDER BY place",
            values,
        )
        return [
            Waiting(id_, label, p or 0.0, round_ >= MAX_ROUNDS) for id_, label, p, round_ in rows
        ]

    def disagreements(self) -> list[Waiting]:
        """Return the sure texts whose audit did not confirm them, but for those that a person has
        decided; the surest first.
        """
        rows = self._db.execute(
            "SELECT verdicts.id, json_extract(plain(json), '$.proposed'),"
            " MAX(json_extract(plain(json), '$.confidence')) AS confidence FROM verdicts"
            " LEFT JOIN truths ON truths.id = verdicts.id AND truths.rank = ?"
            " WHERE audit = 1 AND verdicts.decision IN ('accepted', 'undecided')"
            " AND truths.id IS NULL AND outcome <> 'no_verdict'"
            " AND json_extract(plain(json), '$.label')"
            " IS NOT json_extract(plain(json), '$.proposed')"
            " GROUP BY verdicts.id ORDER BY confidence DESC, verdicts.id",
            (Authority.PERSON.rank,),
        )
        return [Waiting(*row) for row in rows]

    def reviewed(self) -> list[Waiting]:
        """Return the texts that a person has decided, the latest first."""
        rows = self._db.execute(
            "SELECT id, json_extract(plain(json), '$.proposed'),"
            " json_extract(plain(json), '$.confidence'),"
            " MAX(at) AS latest FROM reviews GROUP BY id ORDER BY latest DESC"
        )
        return [Waiting(*row[:3]) for row in rows]

    def taught_at(self, ids: Collection[str]) -> dict[str, int]:
        """Return where in `retrain` the last lesson of each text lies that has one."""
        found: dict[str, int] = {}
        every = list(ids)
        for some in (every[at : at + 500] for at in range(0, len(every), 500)):
            marks = ", ".join("?" * len(some))
            found |= dict(
                self._db.execute(
                    "SELECT id, MAX(offset) FROM lessons"
                    f" WHERE kind <> 'revoked' AND id IN ({marks}) GROUP BY id",
                    some,
                )
            )
        return found

    def heard(self, names: Collection[str]) -> dict[bool, Heard]:
        """Return what the judge made of the label where it was proposed: audits (True), and others.

        First answers only; `names` are those the label has or had.
        """
        marks = ", ".join("?" * len(names))
        rows = self._db.execute(
            f"SELECT audit, COUNT(*), SUM(decision = 'accepted' AND label IN ({marks})) FROM ("
            " SELECT audit, decision, json_extract(plain(json), '$.label') AS label,"
            " json_extract(plain(json), '$.proposed') AS proposed,"
            " json_extract(plain(json), '$.round') AS round FROM verdicts"
            " WHERE decision IN ('accepted', 'undecided') AND outcome <> 'no_verdict')"
            f" WHERE proposed IN ({marks}) AND round = 1 GROUP BY audit",
            (*names, *names),
        )
        return {bool(audit): Heard(count, right or 0) for audit, count, right in rows}

    def confusions(self, names: Collection[str], *, proposed: bool) -> Counter[str]:
        """Count the other labels that the judge said where this one was proposed; or, unless
        `proposed`, those proposed where it said this one.
        """
        marks = ", ".join("?" * len(names))
        mine, other = ("proposed", "label") if proposed else ("label", "proposed")
        rows = self._db.execute(
            f"SELECT {other}, COUNT(*) FROM (SELECT json_extract(plain(json), '$.label') AS label,"
            " json_extract(plain(json), '$.proposed') AS proposed FROM verdicts"
            " WHERE decision = 'accepted')"
            f" WHERE {mine} IN ({marks}) AND {other} NOT IN ({marks}) GROUP BY {other}",
            (*names, *names),
        )
        return Counter(dict(rows))

    def labelled(self, names: Collection[str]) -> int:
        """Count the texts that have the label now, under any of its names."""
        marks = ", ".join("?" * len(names))
        query = f"SELECT COUNT(*) FROM truths WHERE label IN ({marks})"
        return int(self._db.execute(query, tuple(names)).fetchone()[0])

    def lessons(self, text_id: str) -> list[Lesson]:
        """Return every lesson of a text, taken back or not, in their order."""
        rows = self._db.execute(
            "SELECT offset, id, kind, label, signed FROM lessons WHERE id = ? ORDER BY offset",
            (text_id,),
        )
        return [Lesson(*row) for row in rows]

    def near(self, text_id: str) -> list[str]:
        """Return the ids of labelled and held texts that are most like one that is not known."""
        return get_close_matches(text_id, list(self._alike(text_id)), 3, 0.6)

    def _alike(self, text_id: str) -> Iterator[str]:
        """Yield the ids that lie around it in their order, and some others."""
        for query in (
            "SELECT id FROM {0} WHERE id >= ? ORDER BY id LIMIT ?",
            "SELECT id FROM {0} WHERE id < ? ORDER BY id DESC LIMIT ?",
        ):
            for table in ("truths", "held"):
                rows = self._db.execute(query.format(table), (text_id, MOST_IDS // 4))
                yield from (id_ for (id_,) in rows)
