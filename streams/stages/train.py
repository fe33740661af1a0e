"""train: what was accepted teaches the classifier; each batch ends in one new version.

The state is the newest version of the feed and the offset in `retrain` that its manifest says
is applied, so that a lesson delivered twice is learnt once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from models.classifier import Classifier
from models.exemplars import Example
from streams.errors import Unreadable
from streams.feed import Feed
from streams.records import Retrain
from streams.stage import Delivered, Outgoing, Reader, dead_letter, sort_out
from streams.topology import TRAIN


class Train:
    """Owns the model: everybody else follows it."""

    spec = TRAIN

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def start(self, reader: Reader) -> None:
        """The feed is the state."""

    async def close(self) -> None:
        """Nothing is held."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Learn the batch in its order and return the next version, if anything changed."""
        version = self._feed.newest()
        news = [delivered for delivered in batch if delivered.offset >= version.manifest.applied]
        lessons, dead = sort_out(
            news, self.spec.name, lambda d: _lesson(d, version.classifier.dimension)
        )
        known = set(version.classifier.labels)
        usable = []
        for delivered, lesson in lessons:
            if lesson.kind == "revoked" or lesson.label in known:
                usable.append((delivered.offset, lesson))
            else:
                error = Unreadable(f"no label {lesson.label!r} in model {version.number}")
                dead.append(dead_letter(delivered, self.spec.name, error))
        if not usable:
            return dead
        learnt = await asyncio.to_thread(_learnt, version.classifier, usable)
        touched = learnt.touched_since(version.classifier)
        return dead + self._feed.publish(
            learnt,
            applied=news[-1].offset + 1,
            learnt=version.manifest.learnt + sum(lesson.kind != "revoked" for _, lesson in usable),
            touched=touched,
        )


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
