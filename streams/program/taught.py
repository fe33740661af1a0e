"""What a text has taught, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.feed import Feed, Version
from streams.labelset import LabelSet
from streams.lookup import Lesson

WHY = {"gate": "it made the model worse", "drift": "its label has changed", "review": "a person"}
"""Why a lesson was taken back, by who did it."""


@dataclass(frozen=True)
class Taught:
    """One lesson of a text, or the taking back of one, and what is left of it in words.

    `version` is the first of those kept that has it; None for one that is gone or still to come.
    """

    at: int
    kind: str
    label: str
    signed: str
    version: int | None
    standing: str


def taught(lessons: Iterable[Lesson], feed: Feed, serving: Version) -> list[Taught]:
    """Tell of each lesson of a text, in their order, how it stands in the version in service."""
    rows = list(lessons)
    kept = sorted(feed.repository.manifests.values(), key=lambda one: one.number)
    found = []
    for place, row in enumerate(rows):
        learnt = [one for one in kept if one.applied > row.offset]
        version = None
        if learnt and (learnt[0] is not kept[0] or learnt[0].number == 1):
            version = learnt[0].number
        refused = any(
            one.refused and row.id in one.refused.lessons for one in learnt[:1] if row.by_judge
        )
        after = rows[place + 1] if place + 1 < len(rows) else None
        told = _standing(row, after, serving, refused=refused)
        found.append(Taught(row.offset, row.kind, row.label, row.signed or "", version, told))
    return found


def _standing(row: Lesson, after: Lesson | None, serving: Version, *, refused: bool) -> str:
    manifest, labels = serving.manifest, LabelSet.of(serving.manifest)
    if row.kind == "revoked":
        return f"taken back: {WHY.get(row.signed or '', row.signed or 'unsigned')}"
    if refused:
        return "refused by the gate: it made the model worse on texts kept apart"
    if after is not None:
        return "taken back since" if after.kind == "revoked" else "taught otherwise since"
    if row.offset >= manifest.applied:
        return "not learnt yet: the next version has it"
    label = labels.now(row.label)
    if label in labels.retired:
        return "not in use: its label is retired"
    shelf = serving.classifier.shelves.get(label)
    if shelf is not None and row.id in shelf.used:
        return f"an example in use, of {len(shelf.used)} of {label}"
    if shelf is not None and row.id in shelf.members:
        return "an example in reserve: newer ones are in use"
    if any(start <= row.offset < end for start, end in manifest.left_out):
        return "left out by a rollback"
    return "an example no more: newer ones have its place"
