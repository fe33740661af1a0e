"""Vectors of one encoder, whatever made those that travel: foreign ones are made anew from words.

After a change of encoder records go round for a while, and held texts for long, whose vectors are
of the encoder before. Every vector names its encoder, so each stage sees which they are. The
encoder is loaded when the first of them comes: most processes never need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock

import numpy as np
import structlog

from models.encoder import Encoder
from models.errors import Fatal, Transient
from streams.errors import Unreadable
from streams.records import LabelCommand, Manifest, Retrain
from streams.stage import Delivered
from streams.wire import Vector

Find = Callable[[Manifest], Encoder]

Item = tuple[Delivered, Retrain | LabelCommand]

log = structlog.get_logger()


class NotHere(Transient):
    """The encoder of a version cannot be loaded on this machine, or not yet."""


class Encodings:
    """The encoder of a version of the model, loaded once; of earlier ones it lets go."""

    def __init__(self, find: Find, loaded: Encoder | None = None) -> None:
        """`find` loads the encoder of a manifest; `loaded` is one that is there already."""
        self._find = find
        self._loaded = loaded
        self._lock = Lock()

    def of(self, manifest: Manifest) -> Encoder:
        """Return the encoder of a version; takes seconds the first time.

        Raises:
            NotHere: the model was moved to it, and it cannot be loaded; says why.
            Fatal: the model was fitted with it, and the settings give another, or none.
        """
        with self._lock:
            if self._loaded is None or self._loaded.identity != manifest.encoder:
                try:
                    self._loaded = self._find(manifest)
                except (Fatal, ImportError, OSError, MemoryError) as error:
                    if manifest.encoded is None:
                        raise
                    raise NotHere(
                        f"the encoder of model {manifest.number} ({manifest.called}) cannot be"
                        f" loaded here: {error}"
                    ) from error
            return self._loaded

    def vectors(self, items: Sequence[tuple[str, Vector]], manifest: Manifest) -> list[Vector]:
        """Return the vectors of texts, those of another encoder made anew from their words.

        Of a model that was never moved all are its own.

        Raises:
            NotHere: as `of`, where there is one of another encoder.
        """
        if manifest.encoded is None:
            return [vector for _, vector in items]
        made = {text for text, vector in items if vector.encoder != manifest.encoder}
        fresh = self.fresh(sorted(made), manifest) if made else {}
        return [fresh[t] if v.encoder != manifest.encoder else v for t, v in items]

    def fresh(self, texts: Sequence[str], manifest: Manifest) -> dict[str, Vector]:
        """Encode texts with a version's encoder. Raises `NotHere`."""
        encoder = self.of(manifest)
        rows = encoder.encode(texts)
        return {
            text: Vector.of(row, encoder.identity) for text, row in zip(texts, rows, strict=True)
        }

    def lessons(self, read: Sequence[Item], manifest: Manifest, words: Words) -> list[Item]:
        """Return lessons and label commands with vectors of a version's encoder.

        `words` are the labels' names and guides in that version. Raises `NotHere`.
        """
        told = [words.said(record) for _, record in read]
        made = {one for one in told if one is not None}
        if not made:
            return list(read)
        fresh = self.fresh(sorted(made), manifest)
        return [
            (at, record if one is None else record.model_copy(update={"embedding": fresh[one]}))
            for (at, record), one in zip(read, told, strict=True)
        ]


class Words:
    """What the vectors of lessons and label commands are made from, in the order they come."""

    def __init__(self, encoder: str, told: Iterable[tuple[str, str, str]]) -> None:
        """`encoder` is the identity wanted; `told` are the labels with their names and guides."""
        self._encoder = encoder
        self._told = {label: (name, guide) for label, name, guide in told}

    def said(self, record: Retrain | LabelCommand) -> str | None:
        """Return the words that a record's vector has to be made from; None where it is right."""
        words = record.text if isinstance(record, Retrain) else self._name(record)
        vector = record.embedding
        return None if vector is None or vector.encoder == self._encoder else words

    def _name(self, command: LabelCommand) -> str:
        name, guide = self._told.get(command.label, (command.label, ""))
        name = name if command.name is None else command.name
        guide = guide if command.guide is None else command.guide
        self._told[command.into or command.label] = name, guide
        return f"{name}. {guide}".strip()


def check_lesson(lesson: Retrain, encoder: str | None, dimension: int) -> None:
    """Raise `Unreadable` for a lesson whose vector is none of an encoder, nor can be made so.

    Without an `encoder` only the length is looked at: nothing can be made.
    """
    if lesson.embedding is None:
        return
    row = lesson.embedding.array()
    if encoder not in (None, lesson.embedding.encoder) and lesson.text.strip():
        return
    if row.shape != (dimension,) or not np.isfinite(row).all():
        raise Unreadable(f"the embedding of {lesson.id!r} is not {dimension} finite numbers")
