"""How a stream went, text by text: the share judged, what is undecided, what was right, drift."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from models.measures import Rate
from streams.derived import readable
from streams.feed import Feed
from streams.labelset import LabelSet
from streams.outcomes import Outcome, outcomes, reading
from streams.program.folder import Folder, log_of
from streams.program.grades import by_round
from streams.program.settings import Settings
from streams.records import Drift, Round
from streams.rounds import latest_rounds
from streams.textindex import TextIndex
from streams.topology import DRIFT

BLOCKS, LEAST = 50, 20
"""Blocks of a stream, where each has at least so many texts."""


@dataclass(frozen=True)
class Block:
    """Texts that came one after the other: `texts` had come by its end, shares are of its own.

    `first` is how often the classifier's first answer was right, `right` how often what holds now
    is; None without gold labels.
    """

    texts: int
    judged: float
    undecided: float
    first: float | None = None
    right: float | None = None


@dataclass(frozen=True)
class Course:
    """A stream in blocks; each drift event with how many texts had come before it began, and
    before it was noticed; the rounds since the input last ended, and what was right of all texts
    before the first and after each (empty without gold labels).
    """

    blocks: list[Block]
    drifts: list[tuple[int, int, Drift]]
    rounds: list[Round]
    right: list[Rate]


def course(settings: Settings, gold: Mapping[str, str] | None) -> Course:
    """Read a folder, whether a run is under way or not."""
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        index = opened.enter_context(closing(TextIndex(folder.texts, read_only=True)))
        found = outcomes(opened.enter_context(reading(folder.ledger)))
        now = LabelSet.of(Feed(log).newest().manifest).now
        known = {i: now(label) for i, label in gold.items()} if gold else {}
        order = [i for i in index.ids() if i in found]
        graded = {i: known[i] for i in order if i in known}
        times = sorted(one.at for one in found.values() if one.at is not None)
        drifts = [event for _, event in readable(log, DRIFT, Drift)]
        return Course(
            _blocks(order, found, known, now),
            [(bisect_left(times, one.since), bisect_left(times, one.at), one) for one in drifts],
            latest_rounds(log),
            by_round(log, folder.ledger, graded) if known else [],
        )


def _blocks(
    order: Sequence[str],
    found: Mapping[str, Outcome],
    gold: Mapping[str, str],
    now: Callable[[str], str],
) -> list[Block]:
    size = max(LEAST, -(-len(order) // BLOCKS))
    blocks = []
    for start in range(0, len(order), size):
        block = [(i, found[i]) for i in order[start : start + size]]
        graded = [(gold[i], one) for i, one in block if i in gold]
        blocks.append(
            Block(
                start + len(block),
                judged=sum(one.asked for _, one in block) / len(block),
                undecided=sum(one.held for _, one in block) / len(block),
                first=Rate.of(
                    one.first is not None and now(one.first) == g for g, one in graded
                ).value,
                right=Rate.of(
                    one.label is not None and now(one.label) == g for g, one in graded
                ).value,
            )
        )
    return blocks
