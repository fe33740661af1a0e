"""`redstream fit`: the first version of the model, from labelled examples."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier, LabelInfo
from models.encoder import Encoder, load_encoder
from models.errors import Fatal
from models.exemplars import Example
from models.held_out import HeldOut
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.errors import NoModel
from streams.feed import Feed, Version
from streams.labelset import LabelSet
from streams.ledger import Ledger
from streams.program.assembly import store_of
from streams.program.examples import LabelText, SeedExample, read_examples, read_labels, spoken
from streams.program.fit_report import Report, report
from streams.program.folder import Folder, changing
from streams.program.settings import Settings, columns, columns_beside
from streams.records import FileMark, LabelCommand, Retrain
from streams.stage import Log, Outgoing, Stage, outgoing
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.textindex import TextIndex
from streams.topology import LABELS, MARKS, RETRAIN
from streams.wire import Vector, derived_id

SEEDS = "the seed examples"
"""The name under which the folder remembers what it was fitted from."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Fitted:
    """What a fit ended in."""

    version: Version
    examples: int
    again: bool
    report: Report | None


def fit(
    settings: Settings,
    examples: Path,
    labels: Path | None,
    progress: Progress,
    tell: Callable[[str], None] = lambda line: None,
) -> Fitted:
    """Fit the first version, publish the examples and the model, and fill the example store.

    The same examples again are no work; a folder is fitted once. `tell` is told how the file of
    examples is read.

    Raises:
        Fatal: a file cannot be used, or the folder was fitted from other examples.
    """
    given = read_examples(examples, columns(settings), tell)
    names = read_labels(labels, columns_beside(settings), tell) if labels else []
    return fit_from(settings, given, names, progress)


def fit_from(
    settings: Settings,
    given: Sequence[SeedExample],
    labels: Sequence[LabelText],
    progress: Progress = lambda name, share: None,
) -> Fitted:
    """Fit as `fit` does, from examples and labels that are read already.

    Raises:
        Fatal: the examples cannot be used, or the folder was fitted from others.
    """
    seeds = list(dict.fromkeys(given))
    names = _names(seeds, labels)
    if len(names) == 1:
        raise Fatal(
            f"every example has the label {names[0].label!r}, and there is nothing to tell it from:"
            " give examples of a second one, or its name and guide with --labels"
        )
    mark = FileMark(
        role="in", path=SEEDS, bytes=0, rows=len(seeds), digest=_digest(settings, seeds, names)
    )
    with changing(settings) as log:
        try:
            return _known(log, mark, settings, len(seeds))
        except NoModel:
            pass
        return _first(settings, log, mark, given, names, progress)


def _first(
    settings: Settings,
    log: Log,
    mark: FileMark,
    given: Sequence[SeedExample],
    names: Sequence[LabelText],
    progress: Progress,
) -> Fitted:
    """Fit the first version into a log that has none, and bring into being what follows from it."""
    seeds = list(dict.fromkeys(given))
    progress("loading the encoder", 0.0)
    encoder = load_encoder(settings.encoder, settings.encoder_path)
    progress("embedding the examples", 0.1)
    embeddings = encoder.encode([seed.text for seed in seeds])
    named = encoder.encode([f"{name.name}. {name.guide}".strip() for name in names])
    ids = [derived_id("seed", seed.label, seed.text) for seed in seeds]
    looks: list[HeldOut] = []
    classifier = Classifier.fit(
        [
            Example(id=id_, label=seed.label, embedding=row, gold=True)
            for id_, seed, row in zip(ids, seeds, embeddings, strict=True)
        ],
        [
            LabelInfo(label=n.label, name=n.name, guide=n.guide, embedding=row)
            for n, row in zip(names, named, strict=True)
        ],
        encoder=encoder.identity,
        seed=settings.seed,
        target=settings.target,
        progress=progress,
        look=looks.append,
    )
    found = report(given, ids, embeddings, names, looks[0], classifier.threshold)
    now = time.time()
    lessons = [
        _lesson(id_, seed, _vector(row, encoder), now)
        for id_, seed, row in zip(ids, seeds, embeddings, strict=True)
    ]
    commands = [
        _added(name, _vector(row, encoder), now) for name, row in zip(names, named, strict=True)
    ]
    feed = Feed(log)
    labels = LabelSet(applied=len(commands))
    model = feed.publish(classifier, applied=len(lessons), learnt=0, touched=(), labels=labels)
    log.append([*lessons, *commands, *model, outgoing(MARKS, mark.key, mark)])
    if isinstance(log, SqliteLog):  # on Kafka workers do this
        _fill(settings, log, feed)
    found.save(Folder(settings.var).report)
    return Fitted(feed.newest(), len(seeds), again=False, report=found)


def _fill(settings: Settings, log: SqliteLog, feed: Feed) -> None:
    """Bring what is derived from the log into being: example store, ledger, index of ids."""
    folder = Folder(settings.var)
    store = store_of(settings, feed.newest())
    TextIndex(folder.texts).close()
    stages: list[Stage] = [Remember(store, feed), LedgerStage(Ledger(folder.ledger))]

    async def work() -> None:
        await EmbeddedRunner(log, stages).run()
        await store.close()

    asyncio.run(work())


def _known(log: Log, mark: FileMark, settings: Settings, examples: int) -> Fitted:
    version = Feed(log).newest()
    found = log.newest(MARKS.name, mark.key.encode())
    if found is None or FileMark.decode(found.value).digest != mark.digest:
        raise Fatal(
            f"{settings.var} was fitted from other examples, labels, encoder or seed: name another"
            " folder with --var, or remove this one"
        )
    kept = Report.kept(Folder(settings.var).report)
    return Fitted(version, examples, again=True, report=kept)


def _names(seeds: Sequence[SeedExample], given: Sequence[LabelText]) -> list[LabelText]:
    names = {seed.label: LabelText(seed.label, spoken(seed.label)) for seed in seeds}
    names |= {name.label: name for name in given}
    return [names[label] for label in sorted(names)]


def _digest(settings: Settings, seeds: Sequence[SeedExample], names: Sequence[LabelText]) -> str:
    told = repr(
        (
            settings.encoder,
            settings.encoder_path,
            settings.seed,
            settings.target,
            sorted(map(repr, seeds)),
            names,
        )
    )
    return blake2b(told.encode(), digest_size=16).hexdigest()


def _lesson(id_: str, seed: SeedExample, embedding: Vector, now: float) -> Outgoing:
    lesson = Retrain(
        kind="seed", id=id_, label=seed.label, text=seed.text, embedding=embedding, at=now
    )
    return outgoing(RETRAIN, id_, lesson)


def _added(name: LabelText, embedding: Vector, now: float) -> Outgoing:
    command = LabelCommand(
        command="add",
        label=name.label,
        name=name.name,
        guide=name.guide or None,
        embedding=embedding,
        at=now,
    )
    return outgoing(LABELS, command.label, command)


def _vector(row: NDArray[np.floating[Any]], encoder: Encoder) -> Vector:
    return Vector.of(row.astype(np.float32), encoder.identity)
