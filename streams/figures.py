"""What the ledger can be asked: counts, the story of one text, the dead letters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from streams.held import MAX_ROUNDS, NOT_EXAMINED
from streams.ledger import open_ledger
from streams.records import Authority, DeadLetter, Labeled, Uncertain, Verdict, truth_of
from streams.reviewed import SIGNED
from streams.tallies import tallies, under

RECENT_VERSIONS = 20
"""Over how many versions `rechecked` and `resolved` look back."""


@dataclass(frozen=True)
class Counts:
    """How things stand, in texts unless said otherwise.

    `rechecked` were held and examined again for one of the latest versions; `resolved` of them
    have a label now. `asked` were put to the judge at all: doubtful ones are `judged`, and
    confident ones `audited`, a text both where it was.
    """

    labeled: dict[Authority, int]
    held: int
    for_a_person: int
    rechecked: int
    resolved: int
    judged: int
    audited: int
    asked: int
    accepted: int
    calls: int
    tokens: int
    dead: int
    version: int
    learnt: int
    threshold: float

    @property
    def decided(self) -> int:
        """Return how many texts have a label, or were judged and are held."""
        return sum(self.labeled.values()) + self.held


@dataclass(frozen=True)
class Story:
    """All that is known of one text: `events` by their order, `verdicts` of the judge and
    `reviews` of a person as they came.
    """

    events: list[Labeled]
    verdicts: list[Verdict]
    reviews: list[Verdict]
    held: Uncertain | None
    rounds_left: int

    @property
    def truth(self) -> Labeled | None:
        """Return the event that holds."""
        return truth_of(self.events)


class Figures:
    """The reading side of a ledger, also while another process writes it."""

    def __init__(self, path: Path) -> None:
        self._db = open_ledger(path, read_only=True)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def counts(self) -> Counts:
        """Count everything."""
        found = tallies(self._db)
        ranks = under(found, "truths/")
        version = self._db.execute(
            "SELECT number, learnt, threshold FROM versions ORDER BY number DESC LIMIT 1"
        ).fetchone()
        rechecked, resolved = self._one(
            "SELECT COUNT(*), COUNT(truths.id) FROM"
            " (SELECT DISTINCT id FROM rechecks WHERE version > ?)"
            " LEFT JOIN truths USING (id)",
            (version[0] if version else 0) - RECENT_VERSIONS,
        )
        return Counts(
            labeled={authority: ranks.get(str(authority.rank), 0) for authority in Authority},
            held=found.get("held", 0),
            for_a_person=found.get("held/person", 0),
            rechecked=rechecked,
            resolved=resolved,
            judged=found.get("asked/0", 0),
            audited=found.get("asked/1", 0),
            asked=found.get("asked", 0),
            accepted=sum(under(found, "decided/accepted/").values()),
            calls=found.get("calls", 0),
            tokens=found.get("tokens", 0),
            dead=self._one("SELECT COUNT(*) FROM deadletters WHERE requeued IS NULL")[0],
            version=version[0] if version else 0,
            learnt=version[1] if version else 0,
            threshold=version[2] if version else 0.0,
        )

    def not_examined(self, version: int) -> int:
        """Count the held texts that may be judged again and that this version has not seen."""
        return self._one(
            f"SELECT COUNT(*) FROM held WHERE {NOT_EXAMINED}", MAX_ROUNDS, version, version
        )[0]

    def held_since(self) -> float | None:
        """Return since when the longest undecided text that may be judged again is; None: none."""
        row: tuple[float | None] = self._db.execute(
            "SELECT MIN(at) FROM held WHERE round < ?", (MAX_ROUNDS,)
        ).fetchone()
        return row[0]

    def no_verdicts(self) -> dict[str, int]:
        """Count the answers without a verdict by kind, the most frequent first."""
        kinds = under(tallies(self._db), "failed/")
        return dict(sorted(kinds.items(), key=lambda one: (-one[1], one[0])))

    def outweighed(self) -> int:
        """Count the texts about which the judge's answer is not what was emitted."""
        return tallies(self._db).get("outweighed", 0)

    def spared(self) -> int:
        """Count the doubtful texts that went out since an answer was worth nothing."""
        return tallies(self._db).get("spared", 0)

    def estimated_tokens(self) -> int:
        """Return how many of all tokens are no count of an endpoint's."""
        return tallies(self._db).get("estimated", 0)

    def _one(self, query: str, *values: object) -> tuple[int, ...]:
        row: tuple[int, ...] = self._db.execute(query, values).fetchone()
        return row

    def story(self, text_id: str) -> Story:
        """Tell what happened to a text; an unknown id has an empty story."""
        events = self._db.execute("SELECT plain(json) FROM events WHERE id = ?", (text_id,))
        verdicts = self._db.execute(
            "SELECT plain(json) FROM verdicts WHERE id = ? ORDER BY at", (text_id,)
        )
        reviews = self._db.execute(
            "SELECT plain(json) FROM reviews WHERE id = ? ORDER BY number, event", (text_id,)
        )
        held = self._db.execute(
            "SELECT round, plain(json) FROM held WHERE id = ?", (text_id,)
        ).fetchone()
        return Story(
            events=sorted(
                (Labeled.model_validate_json(json) for (json,) in events), key=lambda e: e.order
            ),
            verdicts=[Verdict.model_validate_json(json) for (json,) in verdicts],
            reviews=[Verdict.model_validate_json(json) for (json,) in reviews],
            held=Uncertain.model_validate_json(held[1]) if held else None,
            rounds_left=MAX_ROUNDS - held[0] if held else 0,
        )

    def truths(self) -> dict[str, tuple[str, Authority]]:
        """Return the newest truth of every labelled text: label and authority."""
        ranks = list(Authority)
        return {
            text_id: (label, ranks[rank])
            for text_id, label, rank in self._db.execute("SELECT id, label, rank FROM truths")
        }

    def lessons(self) -> list[tuple[str, str]]:
        """Return id and label of all that the judge taught, in order, taken back or not."""
        return self._db.execute(
            "SELECT id, label FROM lessons WHERE kind = 'accepted' AND signed IS NOT ?"
            " ORDER BY offset",
            (SIGNED,),
        ).fetchall()

    def standing(self) -> Counter[str]:
        """Count by label the texts that were accepted and not taken back since."""
        return Counter(under(tallies(self._db), "taught/"))

    def taken_back(self) -> Counter[str]:
        """Count the texts that are taken back, by who did it: `gate`, `drift`, or another."""
        return Counter(under(tallies(self._db), "revoked/"))

    def dead_letters(self, *, all_of_them: bool = False) -> list[DeadLetter]:
        """Return the dead letters, oldest first; those put back only if asked for."""
        where = "" if all_of_them else "WHERE requeued IS NULL"
        rows = self._db.execute(f"SELECT json FROM deadletters {where} ORDER BY at")
        return [DeadLetter.model_validate_json(json) for (json,) in rows]
