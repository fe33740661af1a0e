"""What the trainer is to learn: what a batch has that the version has not, in vectors it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, takewhile

from streams.commands import in_turn
from streams.derived import chunks
from streams.encoding import Encodings, Item, Words, check_lesson
from streams.feed import Version
from streams.labelset import LabelSet
from streams.records import LabelCommand, Manifest, Retrain
from streams.stage import Delivered, Reader
from streams.teaching import Read
from streams.topology import LABELS, RETRAIN, TRAIN, Topic


class Intake:
    """Looks into the log for what a version lacks, and makes foreign vectors anew."""

    def __init__(self, encodings: Encodings | None = None) -> None:
        """Without `encodings` vectors of another encoder than the model's cannot be used."""
        self._encodings = encodings
        self._reader: Reader | None = None

    def start(self, reader: Reader) -> None:
        """From now on see what was handled before."""
        self._reader = reader

    def news(self, batch: Sequence[Delivered], manifest: Manifest) -> list[Delivered]:
        """Return the lessons and commands that are not in the version, in the order of work.

        Those handled already are among them where the version, of another encoder than the one
        before, was made without them.
        """
        applied = {RETRAIN.name: manifest.applied, LABELS.name: manifest.applied_labels}
        news = [one for one in batch if one.topic in applied and one.offset >= applied[one.topic]]
        missed = self._missed(LABELS, news, applied) + self._missed(RETRAIN, news, applied)
        return in_turn([*missed, *news], LabelSet.of(manifest), self._reader)

    def _missed(
        self, topic: Topic, news: Sequence[Delivered], applied: Mapping[str, int]
    ) -> list[Delivered]:
        if self._reader is None:
            return []
        end = next((one.offset for one in news if one.topic == topic.name), None)
        if end is None:
            end = self._reader.position(TRAIN.name, topic.name)
        if applied[topic.name] >= end:
            return []
        records = chain.from_iterable(chunks(self._reader, topic, applied[topic.name]))
        return list(takewhile(lambda one: one.offset < end, records))

    def read(self, delivered: Delivered, version: Version) -> Retrain | LabelCommand:
        """Read a lesson or a command. Raises `Unreadable`."""
        if delivered.topic == LABELS.name:
            return LabelCommand.decode(delivered.value)
        lesson = Retrain.decode(delivered.value)
        moved = self._encodings is not None and version.manifest.encoded is not None
        ours = version.manifest.encoder if moved else None
        check_lesson(lesson, ours, version.classifier.dimension)
        return lesson

    def encoded(self, read: Read, version: Version) -> list[Item]:
        """Return lessons and commands with vectors of the version's encoder. Raises `NotHere`."""
        if self._encodings is None or version.manifest.encoded is None:
            return list(read)
        told = [(label, i.name, i.guide) for label, i in version.classifier.infos.items()]
        words = Words(version.manifest.encoder, told)
        return self._encodings.lessons(read, version.manifest, words)
