"""train: what was accepted teaches the classifier; each batch ends in one new version.

The state is the newest version of the feed and the offsets in `retrain` and `labels` that its
manifest says are applied: a lesson delivered twice is learnt once, a command carried out once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from models.classifier import Classifier
from models.exemplars import Example
from streams.commands import applied, in_turn, mistaken
from streams.errors import BadCommand, Unreadable
from streams.feed import Feed, Version
from streams.labelset import LabelSet
from streams.records import LabelCommand, Manifest, Retrain
from streams.stage import Delivered, Outgoing, Reader, dead_letter, sort_out
from streams.topology import LABELS, RETRAIN, TRAIN


class Train:
    """Owns the model: everybody else follows it."""

    spec = TRAIN

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._reader: Reader | None = None

    async def start(self, reader: Reader) -> None:
        """The feed is the state; the log is looked into for commands that come late."""
        self._reader = reader

    async def close(self) -> None:
        """Nothing is held."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Learn the batch in its order and return the next version, if anything changed."""
        version = self._feed.newest()
        labels, dimension = LabelSet.of(version.manifest), version.classifier.dimension
        news = [one for one in batch if one.offset >= _applied(version.manifest, one.topic)]
        news = in_turn(news, labels, self._reader)
        read, dead = sort_out(news, self.spec.name, lambda d: _read(d, dimension))
        taught = await asyncio.to_thread(_taught, version, read)
        dead += [dead_letter(one, self.spec.name, error) for one, error in taught.refused]
        ends = {one.topic: one.offset + 1 for one in news}
        if not taught.changed and LABELS.name not in ends:
            return dead
        return dead + self._feed.publish(
            taught.classifier,
            applied=ends.get(RETRAIN.name, version.manifest.applied),
            learnt=version.manifest.learnt + taught.learnt,
            touched=sorted(taught.touched),
            labels=replace(taught.labels, applied=ends.get(LABELS.name, labels.applied)),
        )


@dataclass
class _Taught:
    """What a batch makes of a version, and the records that do not fit it, with why."""

    number: int
    classifier: Classifier
    labels: LabelSet
    changed: bool = False
    learnt: int = 0
    touched: set[str] = field(default_factory=set)
    refused: list[tuple[Delivered, Exception]] = field(default_factory=list)

    def command(self, delivered: Delivered, command: LabelCommand) -> None:
        """Carry a command out."""
        try:
            self.classifier, self.labels = applied(self.classifier, self.labels, command)
        except BadCommand as error:
            self.refused.append((delivered, error))

    def lessons(self, read: Sequence[tuple[Delivered, Retrain]]) -> None:
        """Learn under the label's name of now; what is of a retired label is passed over."""
        usable = []
        for delivered, lesson in read:
            label = self.labels.now(lesson.label)
            if lesson.kind == "revoked" or label in self.labels.labels:
                renamed = lesson.model_copy(update={"label": label})
                usable.append((delivered.offset, renamed))
            elif label not in self.labels.retired:
                error = Unreadable(f"no label {lesson.label!r} in model {self.number}")
                self.refused.append((delivered, error))
        if usable:
            self.changed = True
            self.classifier = _learnt(self.classifier, usable)
            self.learnt += sum(lesson.kind != "revoked" for _, lesson in usable)


def _taught(version: Version, read: Sequence[tuple[Delivered, Retrain | LabelCommand]]) -> _Taught:
    taught = _Taught(version.number, version.classifier, LabelSet.of(version.manifest))
    lessons: list[tuple[Delivered, Retrain]] = []
    for delivered, record in read:
        if isinstance(record, Retrain):
            lessons.append((delivered, record))
        else:
            taught.lessons(lessons)
            taught.command(delivered, record)
            lessons = []
    taught.lessons(lessons)
    taught.touched |= {*taught.classifier.touched_since(version.classifier)}
    taught.touched |= mistaken(version.classifier, taught.classifier)
    return taught


def _applied(manifest: Manifest, topic: str) -> int:
    return manifest.applied_labels if topic == LABELS.name else manifest.applied


def _read(delivered: Delivered, dimension: int) -> Retrain | LabelCommand:
    if delivered.topic == LABELS.name:
        return LabelCommand.decode(delivered.value)
    return _lesson(delivered, dimension)


def _lesson(delivered: Delivered, dimension: int) -> Retrain:
    lesson = Retrain.decode(delivered.value)
    if lesson.embedding is not None:
        row = lesson.embedding.array()
        if row.shape != (dimension,) or not np.isfinite(row).all():
            raise Unreadable(f"the embedding of {lesson.id!r} is not {dimension} finite numbers")
    return lesson


def _learnt(classifier: Classifier, lessons: Sequence[tuple[int, Retrain]]) -> Classifier:
    """Apply lessons and revocations, each with its offset in `retrain`, in their order."""
    for revoked, run in groupby(lessons, key=lambda item: item[1].kind == "revoked"):
        if revoked:
            classifier = classifier.unlearn([lesson.id for _, lesson in run])
        else:
            classifier = classifier.learn([_example(offset, lesson) for offset, lesson in run])
    return classifier


def _example(offset: int, lesson: Retrain) -> Example:
    assert lesson.embedding is not None  # the record's own validation
    return Example(
        id=lesson.id,
        label=lesson.label,
        embedding=lesson.embedding.array(),
        gold=lesson.gold,
        arrival=offset,
    )
