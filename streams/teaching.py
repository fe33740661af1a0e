"""What a batch of lessons and label commands makes of a version, in the batch's own order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from models.classifier import Classifier
from models.exemplars import Example
from models.parts import holding
from streams.commands import applied, mistaken
from streams.errors import BadCommand, Unreadable
from streams.feed import Feed, Version
from streams.forgotten import Gone
from streams.labelset import LabelSet
from streams.records import LabelCommand, Retrain
from streams.stage import Delivered

Read = Sequence[tuple[Delivered, Retrain | LabelCommand]]


@dataclass
class Taught:
    """The classifier and the labels afterwards; the lessons that went into it, under the labels
    of their turn; the labels that held texts may have been waiting for; and the records that do
    not fit, with why.
    """

    classifier: Classifier
    labels: LabelSet
    lessons: list[Retrain] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    unusable: list[tuple[Delivered, Exception]] = field(default_factory=list)

    @property
    def learnt(self) -> int:
        """Return how many texts were learnt."""
        return sum(lesson.kind != "revoked" for lesson in self.lessons)


def teach(version: Version, read: Read) -> Taught:
    """Carry out what a batch says: lessons in as few solves as their order allows."""
    taught = Taught(version.classifier, LabelSet.of(version.manifest))
    lessons: list[tuple[Delivered, Retrain]] = []
    for delivered, record in read:
        if isinstance(record, Retrain):
            lessons.append((delivered, record))
            continue
        _lessons(taught, lessons, version.number)
        lessons = []
        try:
            taught.classifier, taught.labels = applied(taught.classifier, taught.labels, record)
        except BadCommand as error:
            taught.unusable.append((delivered, error))
    _lessons(taught, lessons, version.number)
    taught.touched |= {*taught.classifier.touched_since(version.classifier)}
    taught.touched |= mistaken(version.classifier, taught.classifier)
    return taught


def is_of_judge(record: Retrain | LabelCommand) -> bool:
    """Tell whether it is a lesson that the judge accepted, which the gate may refuse."""
    return isinstance(record, Retrain) and record.kind == "accepted" and not record.gold


def accepted_by_judge(read: Read, ids: Sequence[str]) -> list[Retrain]:
    """Return the judge's lessons with these ids, as often as they are in the batch."""
    return [
        record
        for _, record in read
        if isinstance(record, Retrain) and is_of_judge(record) and record.id in ids
    ]


def unlearnt(feed: Feed, taught: Taught, gone: Gone) -> set[int]:
    """Take forgotten texts out of what was taught; return the versions that have them.

    They go with the next one, pinned or not: nobody may go back to what has them.
    """
    before = taught.classifier
    shelves = before.shelves.values()
    ids = gone.of(text_id for shelf in shelves for text_id in shelf.ids)
    taught.classifier = before.forget(ids, gone.noise)
    taught.touched |= {*taught.classifier.touched_since(before)}
    found = feed.having(holding(gone, gone.noise))
    refused = {one.number: one.refused for one in feed.repository.manifests.values()}
    return found | {n for n, one in refused.items() if one and gone.of(one.lessons)}


def _lessons(taught: Taught, read: Sequence[tuple[Delivered, Retrain]], number: int) -> None:
    """Learn under the label's name of now; what is of a retired label is passed over."""
    usable = []
    for delivered, lesson in read:
        label = taught.labels.now(lesson.label)
        if lesson.kind == "revoked" or label in taught.labels.labels:
            usable.append((delivered.offset, lesson.model_copy(update={"label": label})))
        elif label not in taught.labels.retired:
            error = Unreadable(f"no label {lesson.label!r} in model {number}")
            taught.unusable.append((delivered, error))
    taught.classifier = _learnt(taught.classifier, usable)
    taught.lessons += [lesson for _, lesson in usable]


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
