"""How every label stands, read from the log and the model in service."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from streams.derived import readable
from streams.labelset import LabelSet
from streams.program.folder import log_of
from streams.program.labels import standing
from streams.program.lessons import training_set
from streams.program.settings import Settings
from streams.records import LabelCommand
from streams.stage import Log
from streams.topology import LABELS


@dataclass(frozen=True)
class Row:
    """One label: exemplars in use and how many of them are gold, lessons learnt since the fit, the
    number of its subset, and when it was added (seconds since the epoch, None if unknown).
    """

    label: str
    name: str
    exemplars: int
    gold: int
    learnt: int
    subset: int
    added: float | None


@dataclass(frozen=True)
class Listed:
    """All labels of a version, what became of others, and the commands that still wait."""

    version: int
    rows: list[Row]
    renamed: dict[str, str]
    retired: list[str]
    waiting: list[str]


def listed(settings: Settings) -> Listed:
    """Return the labels of a folder, also while a run is under way.

    Raises:
        Fatal: nothing was fitted yet.
    """
    with log_of(settings) as log:
        now = standing(log)
        labels = LabelSet.of(now.version.manifest)
        lessons = training_set(log, labels).values()
        added = _added(log, labels)
    learnt = Counter(lesson.label for lesson in lessons if lesson.kind != "seed")
    classifier = now.version.classifier
    rows = []
    for label in classifier.labels:
        shelf = classifier.shelves[label]
        rows.append(
            Row(
                label,
                classifier.infos[label].name,
                len(shelf.active),
                int(shelf.gold[shelf.active].sum()),
                learnt[label],
                classifier.subset_of(label),
                added.get(label),
            )
        )
    waiting = [
        f"{one.command} {one.label}{f' ({one.into})' if one.into else ''}" for one in now.waiting
    ]
    return Listed(now.version.number, rows, dict(labels.renamed), sorted(labels.retired), waiting)


def _added(log: Log, labels: LabelSet) -> dict[str, float]:
    """Return when each label was last added, under the name it has now."""
    found: dict[str, float] = {}
    for _, command in readable(log, LABELS, LabelCommand, end=labels.applied):
        if command.command == "add":
            # Its own name first: what was merged into it may be younger.
            if command.label in labels.labels:
                found[command.label] = command.at
            else:
                found.setdefault(labels.now(command.label), command.at)
    return found
