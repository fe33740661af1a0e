"""All about one label: what it means, what it was taught, and how well it is told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

from judge.guides import Guide
from models.errors import Fatal
from streams.feed import Feed
from streams.labelset import meant
from streams.lookup import Heard, Lookup
from streams.program.folder import Folder, log_of
from streams.program.guides import open_desk
from streams.program.known import examples_of
from streams.program.labels_list import Row, listed
from streams.program.settings import Settings

FEW = 5

NEVER = Heard(0, 0)


@dataclass(frozen=True)
class Shown:
    """A label as it stands in the version in service.

    `texts` are a few of its examples, the newest first, gold ones before others. `subset` are the
    labels that share its head. `share` is how often it was given out lately, 0 to 1. `audits` and
    `doubtful`: what the judge made of it where it was proposed; `said_instead` the other labels the
    judge then said, `said_for` the labels proposed where the judge said this one. `labelled` texts
    have it now, `held` ones may have it.
    """

    row: Row
    guide: Guide
    origin: str
    earlier: list[str]
    texts: list[tuple[str, bool]]
    subset: list[str]
    share: float
    audits: Heard = NEVER
    doubtful: Heard = NEVER
    said_instead: Counter[str] = field(default_factory=Counter)
    said_for: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    held: int = 0


def show(settings: Settings, label: str) -> Shown:
    """Return all about a label, also while a run is under way.

    Raises:
        Fatal: there is no such label; says what became of it, or the nearest.
    """
    folder = Folder(settings.var)
    found = listed(settings)
    rows = {row.label: row for row in found.rows}
    if label in found.renamed:
        raise Fatal(f"{label!r} is called {found.renamed[label]!r} now")
    if label in found.retired:
        raise Fatal(f"{label!r} was retired: `redstream labels add` brings it back")
    if label not in rows:
        raise Fatal(f"there is no label {label!r}{meant(label, rows)}")
    desk = open_desk(settings)
    names = desk.labels.names(label)
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        version = Feed(log).newest()
        shares = version.manifest.shares
        guide = desk.in_force(label)
        told = Shown(
            row=rows[label],
            guide=guide,
            origin=desk.history.origin(guide),
            earlier=sorted(names - {label}),
            texts=[],
            subset=sorted(
                one for one in rows if rows[one].subset == rows[label].subset and one != label
            ),
            share=shares.get(label, 0.0) / max(1e-9, sum(shares.values())),
        )
        if not folder.ledger.exists():
            return told
        lookup = opened.enter_context(closing(Lookup(folder.ledger)))
        shelf = version.classifier.shelves[label]
        newest = [(shelf.ids[i], bool(shelf.gold[i])) for i in reversed(shelf.active)]
        few = sorted(newest, key=lambda one: not one[1])[:FEW]
        texts = examples_of(log, lookup, [id_ for id_, _ in few])
        heard = lookup.heard(names)
        now = desk.labels.now
        return replace(
            told,
            texts=[(texts[id_][1] if id_ in texts else id_, gold) for id_, gold in few],
            audits=heard.get(True, told.audits),
            doubtful=heard.get(False, told.doubtful),
            said_instead=_called(lookup.confusions(names, proposed=True), now),
            said_for=_called(lookup.confusions(names, proposed=False), now),
            labelled=lookup.labelled(names),
            held=len(lookup.held(names)),
        )


def _called(counts: Counter[str], now: Callable[[str], str]) -> Counter[str]:
    """Return counts by what labels are called now."""
    called: Counter[str] = Counter()
    for label, count in counts.items():
        called[now(label)] += count
    return called
