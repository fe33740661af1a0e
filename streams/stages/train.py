"""train: what was accepted teaches the classifier, and what was judged sets the threshold.

Each batch with a lesson, or with a new finding about what goes out unasked, ends in one new
version. The state is the newest version of the feed and the offset in `retrain` that its manifest
says is applied, so that a lesson delivered twice is learnt once; and what `verdicts` say
(`streams.audits`). Lessons of the judge that make the model worse are refused (`streams.gate`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import structlog

from models.classifier import Classifier
from models.exemplars import Example
from streams.audits import Audits
from streams.derived import catch_up
from streams.errors import Unreadable
from streams.feed import Feed, Terms, Version
from streams.gate import compare
from streams.records import Refusal, Retrain, Verdict
from streams.stage import Delivered, Outgoing, Reader, dead_letter, outgoing, sort_out
from streams.topology import RETRAIN, TRAIN, VERDICTS

log = structlog.get_logger()


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
            self._audits.begin(self._feed.newest().terms.judged_from)
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
        if not usable and terms == version.terms:
            return dead
        learnt, refused = await asyncio.to_thread(self._gated, version.classifier, usable)
        if refused is not None:
            gone = set(refused.lessons)
            dead += [_revoked(lesson) for _, lesson in usable if lesson.id in gone]
        return dead + self._feed.publish(
            learnt,
            applied=applied,
            learnt=version.manifest.learnt + _learnt_of(usable, refused),
            touched=learnt.touched_since(version.classifier),
            terms=terms,
            refused=refused,
        )

    def _gated(
        self, before: Classifier, lessons: Sequence[tuple[int, Retrain]]
    ) -> tuple[Classifier, Refusal | None]:
        """Learn; where that makes the model worse, without what the judge accepted.

        A person's lessons and revocations are no opinion that texts could overrule.
        """
        learnt = _learnt(before, lessons)
        by_judge = [lesson.id for _, lesson in lessons if _accepted_by_judge(lesson)]
        if self._audits is None or not by_judge:
            return learnt, None
        found = compare(learnt, before, self._audits.apart)
        if not found.worse:
            return learnt, None
        kept = [item for item in lessons if not _accepted_by_judge(item[1])]
        refusal = Refusal(
            lessons=by_judge, texts=found.texts, lost=found.lost, won=found.won, p=found.p
        )
        log.warning(
            "lessons that make the model worse were refused",
            lessons=len(by_judge),
            **refusal.model_dump(exclude={"lessons"}),
        )
        return _learnt(before, kept), refusal

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


def _learnt_of(lessons: Sequence[tuple[int, Retrain]], refused: Refusal | None) -> int:
    taught = sum(lesson.kind != "revoked" for _, lesson in lessons)
    return taught - (len(refused.lessons) if refused else 0)


def _accepted_by_judge(lesson: Retrain) -> bool:
    return lesson.kind == "accepted" and not lesson.gold


def _revoked(lesson: Retrain) -> Outgoing:
    """Take a lesson back for everyone who reads `retrain`: it must not testify either."""
    record = Retrain(
        kind="revoked", id=lesson.id, label=lesson.label, signed="gate", at=time.time()
    )
    return outgoing(RETRAIN, lesson.id, record)


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
