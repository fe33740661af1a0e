"""What gold labels say about a folder: of texts by authority and in time, of lessons, of rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from models.measures import Rate
from streams.feed import Feed
from streams.figures import Figures
from streams.labelset import LabelSet
from streams.outcomes import outcomes, reading, truths_at
from streams.program.folder import Folder, log_of
from streams.program.settings import Settings
from streams.records import Authority
from streams.rounds import latest_rounds
from streams.stage import Log
from streams.textindex import TextIndex

QUARTERS = 4


@dataclass(frozen=True)
class Quarter:
    """A quarter of the stream in order of arrival."""

    judged: Rate
    proposed_right: Rate


@dataclass(frozen=True)
class Grades:
    """What gold labels say about it; they are read here and by the simulated judge only.

    `rounds` is what was right of all texts before the first round and after each that ended.
    """

    right: dict[Authority, Rate]
    overall: Rate
    lessons_right: Rate
    quarters: list[Quarter]
    rounds: list[Rate]


def grade(settings: Settings, gold: Mapping[str, str]) -> Grades:
    """Compare a folder with gold labels; a text without a label counts as wrong in `overall`.

    Labels renamed or merged meanwhile are compared as they are called now.
    """
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        figures = opened.enter_context(closing(Figures(folder.ledger)))
        index = opened.enter_context(closing(TextIndex(folder.texts, read_only=True)))
        now = LabelSet.of(Feed(log).newest().manifest).now
        gold = {i: now(label) for i, label in gold.items()}
        with reading(folder.ledger) as ledger:
            found = outcomes(ledger)
        lessons = [(i, now(label)) for i, label in figures.lessons()]
        order = [text_id for text_id in index.ids() if text_id in gold]
        emitted = {i: now(o.label) for i in order if (o := found.get(i)) and o.label is not None}
        right = {
            authority: Rate.of(
                emitted[i] == gold[i] for i in emitted if found[i].authority is authority
            )
            for authority in Authority
        }
        return Grades(
            right=right,
            overall=Rate.of(emitted.get(i) == gold[i] for i in order),
            lessons_right=Rate.of(gold[i] == label for i, label in lessons if i in gold),
            quarters=_quarters(
                order,
                {i for i, o in found.items() if o.asked},
                {i: now(o.first) for i, o in found.items() if o.first is not None},
                gold,
            ),
            rounds=by_round(log, folder.ledger, {i: gold[i] for i in order}),
        )


def _quarters(
    order: Sequence[str], judged: Set[str], proposals: Mapping[str, str], gold: Mapping[str, str]
) -> list[Quarter]:
    size = -(-len(order) // QUARTERS)
    return [
        Quarter(
            judged=Rate.of(i in judged for i in order[at : at + size]),
            proposed_right=Rate.of(proposals.get(i) == gold[i] for i in order[at : at + size]),
        )
        for at in range(0, len(order), size or 1)
    ]


def by_round(log: Log, ledger: Path, gold: Mapping[str, str]) -> list[Rate]:
    """Return what was right of these texts before the first round and after each that ended."""
    rounds = latest_rounds(log)
    # Nothing is under way when a round begins or ends: what was labelled by then came before.
    ends = [found.at for found in rounds[:1]] + [found.end.at for found in rounds if found.end]
    with reading(ledger) as db:
        return [
            Rate.of(labels.get(i) == label for i, label in gold.items())
            for labels in truths_at(db, ends)
        ]
