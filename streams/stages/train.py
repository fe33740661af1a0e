"""train: what was accepted teaches the classifier, and what was judged sets the threshold.

Each batch with a lesson, or with a new finding about what goes out unasked, ends in one new
version. The state is the newest version of the feed and the offset in `retrain` that its manifest
says is applied, so that a lesson delivered twice is learnt once; and what `verdicts` say
(`streams.audits`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from models.classifier import Classifier
from models.exemplars import Example
from streams.audits import Audits
from streams.derived import catch_up
from streams.errors import Unreadable
from streams.feed import Feed, Terms, Version
from streams.records import Retrain, Verdict
from streams.stage import Delivered, Outgoing, Reader, dead_letter, sort_out
from streams.topology import RETRAIN, TRAIN, VERDICTS


class Train:
    """Owns the model: everybody else follows it."""

    spec = TRAIN

    def __init__(self, feed: Feed, audits: Audits | None = None) -> None:
        """Without `audits` the threshold is the one cross-validated on the examples."""
        self._feed = feed
        self._audits = audits

    async def start(self, reader: Reader) -> None:
        """The feed is the state of the model; what was judged is read again if it was lost."""
        if self._audits is not None:
            await catch_up(reader, self.spec, (VERDICTS,), self._audits.position, self._again)

    async def _again(self, batch: Sequence[Delivered]) -> None:
        self._observe(batch)

    async def close(self) -> None:
        """Save what would otherwise be read again."""
        if self._audits is not None:
            self._audits.save()

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Learn the batch in its order and return the next version, if anything changed."""
        version = self._feed.newest()
        self._observe([d for d in batch if d.topic == VERDICTS.name])
        usable, applied, dead = self._lessons(batch, version)
        terms = self._terms(version)
        if usable:
            learnt = await asyncio.to_thread(_learnt, version.classifier, usable)
        elif terms != version.terms:
            learnt = version.classifier
        else:
            return dead
        return dead + self._feed.publish(
            learnt,
            applied=applied,
            learnt=version.manifest.learnt + sum(lesson.kind != "revoked" for _, lesson in usable),
            touched=learnt.touched_since(version.classifier),
            terms=terms,
        )

    def _observe(self, batch: Sequence[Delivered]) -> None:
        if self._audits is None:
            return
        # What cannot be read is put to the dead letters by the ledger, which reads it as well.
        for delivered, verdict in sort_out(
            batch, self.spec.name, lambda d: Verdict.decode(d.value)
        )[0]:
            self._audits.observe(delivered, verdict)

    def _terms(self, version: Version) -> Terms:
        cross_validated = version.classifier.threshold
        if self._audits is None:
            return Terms(cross_validated)
        return self._audits.terms(cross_validated, version.terms)

    def _lessons(
        self, batch: Sequence[Delivered], version: Version
    ) -> tuple[list[tuple[int, Retrain]], int, list[Outgoing]]:
        """Return the lessons that are new and can be learnt, each with its offset in `retrain`;
        up to where they are applied then; and dead letters.
        """
        applied = version.manifest.applied
        news = [d for d in batch if d.topic == RETRAIN.name and d.offset >= applied]
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
        return usable, news[-1].offset + 1 if news else applied, dead


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
