"""What a run came to: counts, and with gold labels accuracy and what the judge taught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack, closing
from dataclasses import dataclass

from models.measures import Rate
from streams.derived import readable
from streams.embedded.log import SqliteLog
from streams.feed import MANIFEST, Feed
from streams.figures import Counts, Figures
from streams.labelset import LabelSet
from streams.outcomes import outcomes, reading
from streams.program.folder import Folder
from streams.program.judge_state import JudgeState, last_seen
from streams.program.settings import Settings
from streams.records import Authority, Drift, Labeled, Manifest, Round, truth_of
from streams.rounds import latest_rounds
from streams.textindex import TextIndex
from streams.topology import DRIFT, LABELED, MODELS, STAGES, WRITE
from streams.wire import unsqueezed

QUARTERS = 4

DRIFTS = 3
"""How many of the latest drift events are told."""


@dataclass(frozen=True)
class Quarter:
    """A quarter of the stream in order of arrival."""

    judged: Rate
    proposed_right: Rate


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


def summarize(settings: Settings) -> Summary:
    """Read a folder, whether a run is under way or not."""
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(closing(SqliteLog(folder.log, read_only=True)))
        figures = opened.enter_context(closing(Figures(folder.ledger)))
        index = opened.enter_context(closing(TextIndex(folder.texts, read_only=True)))
        texts, repeats = index.counts()
        counts = figures.counts()
        return Summary(
            texts=texts,
            repeats=repeats,
            counts=counts,
            backlog={
                stage.name: waiting
                for stage in STAGES
                if stage is not WRITE
                and (waiting := log.waiting(stage.name, [topic.name for topic in stage.reads]))
            },
            lessons=figures.standing(),
            taken_back=figures.taken_back(),
            no_verdicts=figures.no_verdicts(),
            estimated=figures.estimated_tokens(),
            outweighed=figures.outweighed(),
            spared=figures.spared(),
            judge=last_seen(folder.judge),
            rounds=latest_rounds(log),
            manifest=_manifest(log, counts.version),
            noticed=log.end(DRIFT.name),
            drifts=_drifts(log),
        )


def grade(settings: Settings, gold: Mapping[str, str]) -> Grades:
    """Compare a folder with gold labels; a text without a label counts as wrong in `overall`.

    Labels renamed or merged meanwhile are compared as they are called now.
    """
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(closing(SqliteLog(folder.log, read_only=True)))
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
            rounds=by_round(log, order, gold),
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


def by_round(log: SqliteLog, order: Sequence[str], gold: Mapping[str, str]) -> list[Rate]:
    """Return what was right of these texts before the first round and after each that ended."""
    rounds = latest_rounds(log)
    ends = [found.labeled for found in rounds[:1]]
    ends += [found.end.labeled for found in rounds if found.end]
    # The greatest of people's and of others': what is withdrawn leaves what others said.
    greatest: dict[tuple[str, bool], Labeled] = {}
    shares, start = [], 0
    for end in ends:
        for _, event in readable(log, LABELED, Labeled, start, end):
            key = event.id, event.authority is Authority.PERSON
            if key not in greatest or event.order > greatest[key].order:
                greatest[key] = event
        start = end
        told = ([greatest.get((i, person)) for person in (True, False)] for i in order)
        truths = [truth_of(event for event in both if event is not None) for both in told]
        pairs = zip(truths, order, strict=True)
        shares.append(Rate.of(truth is not None and truth.label == gold[i] for truth, i in pairs))
    return shares


def _drifts(log: SqliteLog) -> list[Drift]:
    """Return the latest events, oldest first."""
    start = max(0, log.end(DRIFT.name) - DRIFTS)
    return [event for _, event in readable(log, DRIFT, Drift, start)]


def _manifest(log: SqliteLog, number: int) -> Manifest | None:
    found = log.newest(MODELS.name, f"{MANIFEST}{number}".encode())
    return None if found is None else unsqueezed(Manifest, found.value)
