"""How things stand in a folder, by what is counted in it: quick, since `status` asks for it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass

from streams.derived import backlog, readable
from streams.figures import Counts, Figures
from streams.program.folder import Folder, log_of
from streams.program.judge_state import JudgeState, last_seen
from streams.program.settings import Settings
from streams.records import Drift, Manifest, Round
from streams.rounds import latest_rounds
from streams.stage import Log
from streams.textindex import TextIndex
from streams.topology import DRIFT, MANIFEST, MODELS
from streams.wire import unsqueezed

DRIFTS = 3
"""How many of the latest drift events are told."""


@dataclass(frozen=True)
class Summary:
    """How things stand in a folder.

    `lessons` that stand, by label, and those `taken_back`, by whom; `no_verdicts` by kind, the most
    frequent first; of the judge's tokens so many are `estimated`; `outweighed` are the texts about
    which the judge's answer is not what was emitted, `spared` those that nobody was asked about
    since an answer was worth nothing; `judge` as the latest run with an LLM saw it; `rounds` since
    the input last ended; `manifest` of the version that the counts speak of; `drifts` the latest
    events of `noticed` in all.
    """

    texts: int
    repeats: int
    counts: Counts
    backlog: dict[str, int]
    lessons: Counter[str]
    taken_back: Counter[str]
    no_verdicts: dict[str, int]
    estimated: int
    outweighed: int
    spared: int
    judge: JudgeState | None
    rounds: list[Round]
    manifest: Manifest | None
    noticed: int
    drifts: list[Drift]


def summarize(settings: Settings) -> Summary:
    """Read a folder, whether a run is under way or not."""
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        figures = opened.enter_context(closing(Figures(folder.ledger)))
        index = opened.enter_context(closing(TextIndex(folder.texts, read_only=True)))
        texts, repeats = index.counts()
        counts = figures.counts()
        return Summary(
            texts=texts,
            repeats=repeats,
            counts=counts,
            backlog=backlog(log),
            lessons=figures.standing(),
            taken_back=figures.taken_back(),
            no_verdicts=figures.no_verdicts(),
            estimated=figures.estimated_tokens(),
            outweighed=figures.outweighed(),
            spared=figures.spared(),
            judge=last_seen(folder.judge),
            rounds=latest_rounds(log),
            manifest=manifest_of(log, counts.version),
            noticed=log.end(DRIFT.name),
            drifts=_drifts(log),
        )


def _drifts(log: Log) -> list[Drift]:
    """Return the latest events, oldest first."""
    start = max(0, log.end(DRIFT.name) - DRIFTS)
    return [event for _, event in readable(log, DRIFT, Drift, start)]


def manifest_of(log: Log, number: int) -> Manifest | None:
    """Return the manifest of a version, if it is kept."""
    found = log.newest(MODELS.name, f"{MANIFEST}{number}".encode())
    return None if found is None else unsqueezed(Manifest, found.value)
