"""All that a model was taught, encoded anew and fitted: the work of a change of encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from judge.examples import ExamplePoint
from models.classifier import Classifier, LabelInfo
from models.encoder import Encoder
from models.exemplars import Example, fingerprint
from models.fitting import Options
from models.held_out import HeldOut
from streams.feed import Version
from streams.forgotten import followed
from streams.labelset import LabelSet
from streams.program.assembly import open_store
from streams.program.encoder_stores import drop_store
from streams.program.encoding import encodings
from streams.program.rollback import Lesson, lessons, standing
from streams.program.settings import Settings
from streams.records import Manifest
from streams.stage import Log
from streams.wire import Vector

AT_A_TIME = 256
"""Texts between two signs of progress."""

Progress = Callable[[str, float], None]
Rows = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Accuracy:
    """What a fit says of lessons that it left out: `right` of so many `texts`; the same of those
    that people labelled, who are no judge that may err.
    """

    right: int
    texts: int
    right_of_people: int
    of_people: int
    threshold: float


class Refit:
    """One change in hand: the lessons that stand in a version, and their vectors."""

    def __init__(
        self, settings: Settings, log: Log, base: Version, encoder: Encoder, progress: Progress
    ) -> None:
        self.settings, self.base, self.encoder = settings, base, encoder
        self._progress = progress
        self._labels = LabelSet.of(base.manifest)
        self._stored = _standing(log, base.manifest, self._labels)
        self.lessons = [one for one in self._stored if _taught(one, base, self._labels)]
        self._infos = sorted(base.classifier.infos.items())
        self._rows = self._encoded()
        self.nothing = sum(not row.any() for row in self._rows.values())
        self.lessons = [one for one in self.lessons if self._rows[one[1].text].any()]
        self.gold = sum(lesson.gold for _, lesson in self.lessons)

    def _encoded(self) -> Rows:
        """Encode every text, and what is said of every label."""
        words = [_words(info) for _, info in self._infos]
        texts = sorted({*words, *(lesson.text for _, lesson in self._stored)})
        rows: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(texts), AT_A_TIME):
            self._progress(f"encoding {len(texts)} texts", 0.6 * start / len(texts))
            part = texts[start : start + AT_A_TIME]
            rows |= zip(part, self.encoder.encode(part), strict=True)
        return rows

    def fitted(self) -> tuple[Classifier, Accuracy]:
        """Fit all that was taught."""
        rows = {lesson.id: self._rows[lesson.text] for _, lesson in self.lessons}
        named = {k: self._rows[_words(info)] for k, info in self._infos}
        return self._fit(rows, named, self.encoder.identity, 0.6)

    def before(self) -> Accuracy:
        """Fit the encoder in service on the same lessons, to have something to compare with."""
        manifest = self.base.manifest
        held = [(one.text, one.embedding) for _, one in self.lessons if one.embedding is not None]
        vectors: list[Vector] = encodings(self.settings).vectors(held, manifest)
        rows = {
            lesson.id: vector.array()
            for (_, lesson), vector in zip(self.lessons, vectors, strict=True)
        }
        named = {k: info.embedding for k, info in self._infos}
        return self._fit(rows, named, manifest.encoder, 0.75)[1]

    def _fit(
        self,
        rows: Rows,
        named: Mapping[str, NDArray[np.float32] | None],
        encoder: str,
        share: float,
    ) -> tuple[Classifier, Accuracy]:
        looks: list[HeldOut] = []
        was = self.base.classifier.reference.settings
        classifier = Classifier.fit(
            [_example(one, rows, self._labels) for one in self.lessons],
            [
                replace(i, embedding=row if row is not None and row.any() else None)
                for k, i in self._infos
                for row in [named[k]]
            ],
            encoder=encoder,
            seed=was.seed,
            target=was.target,
            options=Options(size=was.size),
            progress=lambda what, done: self._progress(f"fitting: {what}", share),
            look=looks.append,
        )
        (found,) = looks
        right = np.asarray([a == b for a, b in zip(found.label, found.said, strict=True)], np.bool_)
        people = [fingerprint(lesson.id) for _, lesson in self.lessons if lesson.gold]
        gold = np.isin(found.ids, np.asarray(people, np.uint64))
        return classifier, Accuracy(
            right=int(right.sum()),
            texts=len(right),
            right_of_people=int(right[gold].sum()),
            of_people=int(gold.sum()),
            threshold=classifier.threshold,
        )

    async def fill(self, name: str) -> None:
        """Fill the encoder's own example store, which nobody looks into yet, from the beginning."""
        drop_store(self.settings, name)
        store = open_store(self.settings, self.encoder.dimension, name)
        points = [
            ExamplePoint(one.id, self._labels.now(one.label), one.text, self._rows[one.text])
            for _, one in self._stored
            if self._rows[one.text].any()
        ]
        try:
            for start in range(0, len(points), AT_A_TIME):
                self._progress("filling the example store", 0.9)
                await store.upsert(points[start : start + AT_A_TIME])
            await store.flush()
        finally:
            await store.close()


def _standing(log: Log, manifest: Manifest, labels: LabelSet) -> Sequence[Lesson]:
    """Return the lessons that a version may have and that were not taken back, as they came."""
    gone = followed(log)
    found = standing(lessons(log, 0, manifest.applied))
    found = [one for one in found if one[1].id not in gone]
    stay = [one for one in found if labels.now(one[1].label) not in labels.retired]
    return sorted(stay, key=lambda one: one[0].offset)


def _taught(one: Lesson, base: Version, labels: LabelSet) -> bool:
    """Tell whether the version was taught it: a rollback leaves lessons out."""
    at, lesson = one
    label = labels.now(lesson.label)
    if label not in labels.labels:
        return False
    out = any(start <= at.offset < end for start, end in base.manifest.left_out)
    return not out or lesson.id in base.classifier.shelves[label].members


def _example(one: Lesson, rows: Rows, labels: LabelSet) -> Example:
    at, lesson = one
    # The examples of the fit are all of one age.
    arrival = None if lesson.kind == "seed" else at.offset
    return Example(lesson.id, labels.now(lesson.label), rows[lesson.id], lesson.gold, arrival)


def _words(info: LabelInfo) -> str:
    return f"{info.name}. {info.guide}".strip()
