"""Moving a model to another encoder while it serves: everything it was taught, encoded anew.

All that stands is fitted, as by `fit`, what was accepted with what people said: fitted on people's
examples alone, and taught the rest, it was 9 points behind (docs/adr/0024). The outcome is the
first version of a new epoch, so that one which the trainer publishes meanwhile cannot undo it; what
was taught meanwhile the trainer learns from the log. Nothing is held: workers and a run go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from judge.examples import ExamplePoint
from models.classifier import Classifier, LabelInfo
from models.encoder import Encoder, load_encoder
from models.encoder_paths import PathChoice
from models.errors import Fatal
from models.exemplars import Example, fingerprint
from models.fitting import Options
from models.held_out import HeldOut
from streams.derived import readable
from streams.embedded.lock import held
from streams.embedded.runner import EmbeddedRunner
from streams.encoding import Encodings, Item, Words
from streams.errors import Held
from streams.feed import Feed, Version
from streams.forgotten import followed
from streams.labelset import LabelSet
from streams.ledger import Ledger
from streams.program.assembly import open_store
from streams.program.encoder_stores import drop_store, fills
from streams.program.encoding import encodings
from streams.program.folder import Folder, log_of, working
from streams.program.rollback import Lesson, lessons, standing
from streams.program.settings import Settings
from streams.records import Encoded, LabelCommand, Manifest
from streams.stage import Log, outgoing
from streams.stages.ledger import LedgerStage
from streams.stages.remember import store_mark
from streams.teaching import teach
from streams.topology import LABELS, MARKS, VERDICTS
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


@dataclass(frozen=True)
class Moved:
    """What a change came to. `version` is the model that has it; None where nothing was written,
    or nothing was to be done (`before` is None then).

    Of `lessons` so many are `gold`; in so many texts the encoder finds `nothing`. `filled`: the
    new example store was filled here; else the worker that remembers does it.
    """

    name: str
    encoder: Encoder
    serving: Version
    before: Accuracy | None = None
    after: Accuracy | None = None
    version: int | None = None
    lessons: int = 0
    gold: int = 0
    nothing: int = 0
    filled: bool = True


def change(
    settings: Settings, name: str, path: PathChoice, progress: Progress, *, dry: bool = False
) -> Moved:
    """Move the model to the encoder of that name; with `dry` only measure what that would bring.

    Raises:
        Fatal: the encoder cannot be loaded, another change is under way, or something that does
            not go together with it was done meanwhile (a rollback).
    """
    with held(settings.var / "locks" / "encoder"), log_of(settings, appends=not dry) as log:
        feed = Feed(log)
        base = feed.newest()
        progress("loading the encoder", 0.0)
        encoder = load_encoder(name, path)
        if encoder.identity == base.manifest.encoder:
            return Moved(name, encoder, base)
        work = _Work(settings, log, base, encoder, progress)
        classifier, after = work.fitted()
        before = work.before()
        done = Moved(
            name,
            encoder,
            base,
            before,
            after,
            lessons=len(work.lessons),
            gold=work.gold,
            nothing=work.nothing,
            filled=fills(settings),
        )
        if dry:
            return done
        store = f"-{feed.repository.epoch + 1}"
        if done.filled:
            asyncio.run(work.fill(store))
        progress("publishing", 0.95)
        try:
            named = _named(settings, name, store, work, feed)
            version = _publish(log, feed, work, classifier, named)
        except Fatal:
            drop_store(settings, store)
            raise
        _told(settings)
        if base.manifest.encoded is not None:  # nobody names it any more
            drop_store(settings, base.manifest.encoded.store_before)
        return replace(done, version=version)


def _named(settings: Settings, name: str, store: str, work: _Work, feed: Feed) -> Encoded:
    earlier = work.base.manifest.encoded
    place = Path(name)
    return Encoded(
        name=str(place.absolute()) if place.is_dir() else name,
        path=work.encoder.path,
        dimension=work.encoder.dimension,
        number=feed.moves_to(),
        verdicts=0,
        store=store,
        before=work.base.manifest.encoder,
        name_before=earlier.name if earlier else settings.encoder,
        store_before=earlier.store if earlier else "",
        dimension_before=work.base.classifier.dimension,
    )


def _publish(log: Log, feed: Feed, work: _Work, classifier: Classifier, named: Encoded) -> int:
    """Teach what the trainer has learnt meanwhile, and publish all of it; return the number."""
    now, base, encoder = feed.newest(), work.base, work.encoder
    if now.manifest.epoch != base.manifest.epoch or now.manifest.left_out != base.manifest.left_out:
        raise Fatal(
            "the model was rolled back, or moved to another encoder, meanwhile: nothing was"
            " published; give the command again"
        )
    if followed(log).of({lesson.id for _, lesson in work.lessons}):
        raise Fatal("a text was forgotten meanwhile: nothing was published; give the command again")
    draft = base.manifest.model_copy(update={"encoder": encoder.identity, "encoded": named})
    read: list[Item] = []
    read += readable(
        log, LABELS, LabelCommand, base.manifest.applied_labels, now.manifest.applied_labels
    )
    gone = followed(log)
    since = lessons(log, base.manifest.applied, now.manifest.applied)
    read += [one for one in since if one[1].id not in gone]
    words = Words(encoder.identity, [(k, i.name, i.guide) for k, i in classifier.infos.items()])
    ours = Encodings(lambda manifest: encoder, encoder)
    taught = teach(Version(draft, classifier), ours.lessons(read, draft, words))
    if set(taught.classifier.labels) != set(now.manifest.labels):
        raise Fatal(
            "the labels were changed meanwhile in a way that cannot be followed: nothing was"
            " published; give the command again"
        )
    verdicts = log.end(VERDICTS.name)
    mark = store_mark(named.store, base.manifest.applied if fills(work.settings) else 0)
    version = feed.move(
        taught.classifier,
        encoded=named.model_copy(update={"verdicts": verdicts, "number": feed.moves_to()}),
        threshold=taught.classifier.threshold,
        audit=None,
        claim=None,
        judged_from=verdicts,
        layer=None,
    )
    log.append([outgoing(MARKS, mark.key, mark), *version])
    return feed.newest().number


def _told(settings: Settings) -> None:
    """Let the ledger of a folder know at once, where nobody works on it."""
    try:
        with working(settings) as log:
            ledger = LedgerStage(Ledger(Folder(settings.var).ledger))
            asyncio.run(EmbeddedRunner(log, [ledger]).run(lockstep=True))
    except Held:
        pass


class _Work:
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
