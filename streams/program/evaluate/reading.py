"""What a folder knows of each gold text, read once and from one state. Reads only."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from streams.derived import readable
from streams.feed import MANIFEST
from streams.figures import Counts, Figures
from streams.labelset import LabelSet
from streams.outcomes import Outcome, outcomes, reading, words
from streams.program.folder import Folder, log_of
from streams.program.judge_state import JudgeState, last_seen
from streams.program.settings import Settings
from streams.records import DeadLetter, Drift, LabelCommand, Manifest, Round
from streams.stage import Log
from streams.textindex import TextIndex
from streams.topology import DRIFT, LABELS, MODELS, ROUNDS
from streams.wire import unsqueezed


@dataclass(frozen=True, slots=True)
class Case:
    """A gold text that came into the stream as its `place`-th (from 1), under today's labels."""

    place: int
    id: str
    gold: str
    outcome: Outcome

    @property
    def right(self) -> bool:
        """The label that holds is the gold one; a text without a label is not right."""
        return self.outcome.label == self.gold

    @property
    def first_right(self) -> bool:
        """What the classifier alone led with was right."""
        return self.outcome.first == self.gold


@dataclass(frozen=True, slots=True)
class Known:
    """A version of the model, as the ledger has it."""

    number: int
    labels: int
    learnt: int
    threshold: float
    at: float


@dataclass(frozen=True)
class Read:
    """One folder. `decided` are the times, in order, at which texts were first decided about."""

    settings: Settings
    labels: LabelSet
    manifest: Manifest
    counts: Counts
    texts: int
    gold: Mapping[str, str]
    cases: list[Case]
    waiting: int
    decided: list[float]
    versions: list[Known]
    judges: list[str]
    lessons: list[tuple[str, str]]
    standing: Counter[str]
    taken_back: Counter[str]
    taken_back_lessons: list[tuple[str, str]]
    no_verdicts: dict[str, int]
    estimated: int
    judge: JudgeState | None
    dead: list[DeadLetter]
    drifts: list[Drift]
    commands: list[LabelCommand]
    rounds: list[Round]
    ledger: sqlite3.Connection

    def words(self, ids: list[str]) -> dict[str, str]:
        """Return what these texts say."""
        return words(self.ledger, ids)


@contextmanager
def read(settings: Settings, gold: Mapping[str, str]) -> Iterator[Read]:
    """Read a folder, whether a run is under way or not.

    Raises:
        Fatal: there is no such folder, or nothing has run in it.
    """
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        index = opened.enter_context(closing(TextIndex(folder.texts, read_only=True)))
        figures = opened.enter_context(closing(Figures(folder.ledger)))
        ledger = opened.enter_context(reading(folder.ledger))
        versions = [
            Known(*row)
            for row in ledger.execute(
                "SELECT number, labels, learnt, threshold, at FROM versions ORDER BY number"
            )
        ]
        manifest = _manifest(log, versions[-1].number if versions else 1)
        labels = LabelSet.of(manifest)
        found = outcomes(ledger)
        for one in found.values():
            one.first = None if one.first is None else labels.now(one.first)
            one.label = None if one.label is None else labels.now(one.label)
        order = index.ids()
        told = {text_id: labels.now(label) for text_id, label in gold.items()}
        yield Read(
            settings=settings,
            labels=labels,
            manifest=manifest,
            counts=figures.counts(),
            texts=len(order),
            gold=told,
            cases=[
                Case(place, text_id, told[text_id], found.get(text_id) or Outcome())
                for place, text_id in enumerate(order, 1)
                if text_id in told
            ],
            waiting=sum(_waits(found.get(text_id)) for text_id in order),
            decided=sorted(one.at for one in found.values() if one.at is not None),
            versions=versions,
            judges=_judges(ledger),
            **_lessons(ledger, labels),
            standing=figures.standing(),
            taken_back=figures.taken_back(),
            no_verdicts=figures.no_verdicts(),
            estimated=figures.estimated_tokens(),
            judge=last_seen(folder.judge),
            dead=figures.dead_letters(),
            drifts=[one for _, one in readable(log, DRIFT, Drift)],
            commands=[one for _, one in readable(log, LABELS, LabelCommand)],
            rounds=[one for _, one in readable(log, ROUNDS, Round)],
            ledger=ledger,
        )


def _waits(outcome: Outcome | None) -> bool:
    return outcome is None or (outcome.label is None and not outcome.held)


def _manifest(log: Log, number: int) -> Manifest:
    newest = log.newest(MODELS.name, f"{MANIFEST}{number}".encode())
    assert newest is not None, "the ledger knows no version that the log does not have"
    return unsqueezed(Manifest, newest.value)


def _judges(ledger: sqlite3.Connection) -> list[str]:
    rows = ledger.execute("SELECT DISTINCT json_extract(plain(json), '$.signed') FROM verdicts")
    return sorted(signed for (signed,) in rows)


def _lessons(ledger: sqlite3.Connection, labels: LabelSet) -> dict[str, list[tuple[str, str]]]:
    """Return the lessons that stand, and those last taken back, with the label that was taught."""
    taught: dict[str, str] = {}
    revoked: dict[str, str] = {}
    for text_id, label, kind in ledger.execute(
        "SELECT id, label, kind FROM lessons WHERE kind != 'seed' ORDER BY offset"
    ):
        if kind == "accepted":
            taught[text_id] = labels.now(label)
            revoked.pop(text_id, None)
        elif text_id in taught:
            revoked[text_id] = taught.pop(text_id)
    return {"lessons": [*taught.items()], "taken_back_lessons": [*revoked.items()]}
