"""The training set of a folder, as `retrain` has it now; and taking in what a person labelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from models.encoder import Encoder
from models.errors import Fatal
from streams.derived import readable
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.feed import Feed
from streams.forgotten import Gone, followed
from streams.labelset import LabelSet, meant
from streams.ledger import Ledger
from streams.program.assembly import open_store
from streams.program.encoding import encoder_of, encodings
from streams.program.examples import Taught, read_taught
from streams.program.folder import Folder, working
from streams.program.settings import Settings, columns
from streams.records import Authority, Manifest, Retrain
from streams.stage import Reader, Stage, outgoing
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.stages.train import Train
from streams.stores import Stores
from streams.topology import RETRAIN
from streams.wire import Vector, derived_id

UNMOVED = LabelSet()
"""No label was renamed or retired."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TakenIn:
    """What an import came to: lessons that were new, texts that were known so, the model now."""

    new: int
    known: int
    version: int


def training_set(
    reader: Reader, labels: LabelSet = UNMOVED, *, embeddings: bool = False
) -> dict[str, Retrain]:
    """Return every lesson that holds now, by id: the last word on a text counts.

    In the order of their last lessons, under what `labels` calls them now; those of retired
    labels are left out. Without `embeddings` these are left out, which are most of the memory;
    what cannot be read is among the dead letters and is passed over.
    """
    lessons: dict[str, Retrain] = {}
    for _, lesson in readable(reader, RETRAIN, Retrain):
        lessons.pop(lesson.id, None)
        label = labels.now(lesson.label)
        if lesson.kind != "revoked" and label not in labels.retired:
            less = {} if embeddings else {"embedding": None}
            lessons[lesson.id] = lesson.model_copy(update={"label": label, **less})
    return lessons


def in_vectors_of(
    manifest: Manifest, lessons: Iterable[Retrain], settings: Settings
) -> list[Retrain]:
    """Return lessons with vectors of a version's encoder: those of an earlier one are made anew."""
    given = list(lessons)
    if manifest.encoded is None:
        return given
    held = [(one.text, one.embedding) for one in given if one.embedding is not None]
    vectors = iter(encodings(settings).vectors(held, manifest))
    return [
        one if one.embedding is None else one.model_copy(update={"embedding": next(vectors)})
        for one in given
    ]


def take_in(
    settings: Settings,
    path: Path,
    progress: Progress,
    tell: Callable[[str], None] = lambda line: None,
) -> TakenIn:
    """Publish the examples of a file as a person's lessons, and teach them at once.

    All lines are looked at before anything is published, and all are published together. An
    example that the training set has with this label already is no work; one that it has with
    another label moves to this one.

    Raises:
        Fatal: a file or a line cannot be used; names the line.
    """
    taught = read_taught(path, columns(settings), tell)
    with working(settings) as log:
        version = Feed(log).newest()
        labels = LabelSet.of(version.manifest)
        known = training_set(log, labels)
        refuse_forgotten(taught, followed(log))
        new = not_yet_known(taught, known, labels, settings.max_text)
        if new:
            progress("loading the encoder", 0.0)
            encoder = encoder_of(settings, version.manifest)
            lessons = lessons_of(new, encoder, "import")
            progress("teaching", 0.5)
            log.append([outgoing(RETRAIN, lesson.id, lesson) for lesson in lessons])
            teach(settings, log, encoder)
        return TakenIn(len(new), len(taught) - len(new), Feed(log).newest().number)


def teach(settings: Settings, log: SqliteLog, encoder: Encoder | None = None) -> None:
    """Let the trainer, the example store and the ledger take in what waits in the log.

    `encoder` is the model's, where it is loaded already.
    """
    feed = Feed(log)
    ledger = LedgerStage(Ledger(Folder(settings.var).ledger))
    stores, made = Stores(partial(open_store, settings)), encodings(settings, encoder)
    stores.of(feed.newest())  # not in the middle of the work, if it cannot be opened
    train = Train(feed, keep_terms=True, encodings=made)
    stages: list[Stage] = [Remember(stores, feed, made), train, ledger]
    work_off(log, stages, stores)


def work_off(log: SqliteLog, stages: list[Stage], stores: Stores) -> None:
    """Have stages work until nothing waits for them, and close the stores."""

    async def work() -> None:
        try:
            # In lockstep: free, the trainer waits a second between two versions.
            await EmbeddedRunner(log, stages).run(lockstep=True)
        finally:
            await stores.close()

    asyncio.run(work())


def id_of(row: Taught) -> str:
    """Return an example's id. Without one it is named as by `fit`: the same is the same one."""
    return row.id or derived_id("seed", row.label, row.text)


def refuse_forgotten(taught: Sequence[Taught], gone: Gone) -> None:
    """Raise `Fatal` where an example has an id that is forgotten: it would be dropped."""
    for row in taught:
        if id_of(row) in gone:
            raise Fatal(
                f"{row.where}: {row.id or 'this text'!r} was forgotten (`redstream forget`):"
                " give it another id if it is to be taught"
            )


def not_yet_known(
    taught: Sequence[Taught], known: Mapping[str, Retrain], labels: LabelSet, max_text: int
) -> list[Taught]:
    """Return what the training set (`known`) does not have yet, each with an id, each id once.

    Raises:
        Fatal: a line cannot be used; names it.
    """
    seen: dict[str, Taught] = {}
    new: list[Taught] = []
    for row in taught:
        if labels.now(row.label) not in labels.labels:
            raise Fatal(
                f"{row.where}: there is no label {row.label!r}{meant(row.label, labels.labels)}"
                " (`redstream labels add` makes one)"
            )
        if len(row.text) > max_text:
            raise Fatal(f"{row.where}: {len(row.text)} characters; at most {max_text} are taken")
        row = replace(row, id=id_of(row), label=labels.now(row.label))
        assert row.id is not None
        other, had = seen.setdefault(row.id, row), known.get(row.id)
        if (other.label, other.text) != (row.label, row.text):
            raise Fatal(
                f"{row.where}: the id {row.id!r} stands for another example at {other.where}"
            )
        if had is not None and had.text != row.text:
            raise Fatal(
                f"{row.where}: the id {row.id!r} stands for another text: {had.text[:60]!r}"
            )
        if other is row and (had is None or had.label != row.label):
            new.append(row)
    return new


def lessons_of(new: Sequence[Taught], encoder: Encoder, signed: str) -> list[Retrain]:
    """Return examples as a person's lessons.

    Raises:
        Fatal: the encoder finds nothing in a text; names its line.
    """
    rows, now = encoder.encode([row.text for row in new]), time.time()
    lessons = []
    for row, embedding in zip(new, rows, strict=True):
        if not np.isfinite(embedding).all() or not embedding.any():
            raise Fatal(f"{row.where}: the encoder finds nothing in {row.text[:60]!r}")
        assert row.id is not None
        lessons.append(
            Retrain(
                kind="accepted",
                id=row.id,
                label=row.label,
                text=row.text,
                embedding=Vector.of(embedding, encoder.identity),
                authority=Authority.PERSON,
                signed=signed,
                at=now,
            )
        )
    return lessons
