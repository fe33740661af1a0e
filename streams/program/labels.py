"""What a person does to the label set: published to a folder's log, also while a run is on.

A command and its examples are appended to the log in one transaction, which a run takes in with
its next version. Where nothing holds the folder, they are taken in at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.encoder import Encoder
from models.errors import Fatal
from models.labels import LabelInfo
from streams.derived import chunks, readable
from streams.errors import BadCommand, Held
from streams.feed import Feed, Version
from streams.labelset import LabelSet
from streams.program.encoding import encoder_of
from streams.program.examples import spoken
from streams.program.folder import log_of, working
from streams.program.lessons import (
    Progress,
    teach,
)
from streams.program.settings import Settings
from streams.records import DeadLetter, LabelCommand, Retrain
from streams.stage import Log, outgoing
from streams.topology import DEADLETTERS, LABELS, RETRAIN
from streams.wire import Vector

WAIT_SECONDS = 15.0
"""How long a command waits for the process that holds the folder to take it in."""

LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Done:
    """What a command came to: `version` has it, None if it still waits in the log; so many
    `examples` went with it.
    """

    version: int | None
    examples: int = 0


@dataclass(frozen=True)
class Prepared:
    """A command as it is published, with its lessons."""

    command: LabelCommand
    lessons: Sequence[Retrain] = ()


@dataclass(frozen=True)
class Standing:
    """The newest version, and the label set once the commands that wait are carried out."""

    version: Version
    labels: LabelSet
    waiting: list[LabelCommand]


def standing(log: Log) -> Standing:
    """Return how the labels of a folder stand.

    Raises:
        NoModel: nothing was fitted yet.
    """
    version = Feed(log).newest()
    labels, waiting = LabelSet.of(version.manifest), []
    for command in commands(log, labels.applied):
        try:
            labels = labels.after(command)
            waiting.append(command)
        except BadCommand:
            continue  # it will be a dead letter
    return Standing(version, labels, waiting)


def rename(settings: Settings, label: str, into: str, name: str | None, progress: Progress) -> Done:
    """Give a label another name. Raises: as `prepare_rename`."""
    return publish(settings, prepare_rename(settings, label, into, name, progress))


def prepare_rename(
    settings: Settings, label: str, into: str, name: str | None, progress: Progress
) -> Prepared:
    """Return what renames a label; what a person reads follows, unless it had words of its own.

    Raises:
        BadCommand: there is no such label, or the name is taken.
    """
    command = LabelCommand(command="rename", label=label, into=into, at=time.time())
    with log_of(settings) as log:
        now = standing(log)
    now.labels.after(command)
    info = now.version.classifier.infos.get(label, LabelInfo(label, spoken(label)))
    name = name or (spoken(into) if info.name in (label, spoken(label)) else info.name)
    if name != info.name:
        progress("loading the encoder", 0.0)
        words = embedded(encoder_of(settings, now.version.manifest), name, info.guide)
        command = command.model_copy(update={"name": name, "embedding": words})
    return Prepared(command)


def change(settings: Settings, command: LabelCommand) -> Done:
    """Carry out what needs no encoder (retire, merge).

    Raises:
        BadCommand: it does not fit the labels there are.
    """
    with log_of(settings) as log:
        standing(log).labels.after(command)
    return publish(settings, Prepared(command))


def commands(log: Log, start: int = 0) -> list[LabelCommand]:
    """Return the label commands of a log, in order, from an offset on."""
    return [command for _, command in readable(log, LABELS, LabelCommand, start)]


def embedded(encoder: Encoder, name: str, guide: str) -> Vector:
    """Return name and guide as the fit embeds them. Raises `Fatal`: it finds nothing in them."""
    (row,) = encoder.encode([f"{name}. {guide}".strip()])
    if not np.isfinite(row).all() or not row.any():
        raise Fatal(f"the encoder finds nothing in the name {name!r}: give another with --name")
    return Vector.of(row.astype(np.float32), encoder.identity)


def publish(settings: Settings, prepared: Prepared) -> Done:
    """Append to the log; take it in, or wait for whoever holds the folder to do so."""
    command, lessons = prepared.command, prepared.lessons
    with log_of(settings, appends=True) as log:
        letters, start = log.end(DEADLETTERS.name), log.end(LABELS.name)
        log.append(
            [
                outgoing(LABELS, command.label, command),
                *(outgoing(RETRAIN, lesson.id, lesson) for lesson in lessons),
            ]
        )
        taught, value = log.end(RETRAIN.name) if lessons else 0, command.encode()
        offset = next(
            record.offset
            for records in chunks(log, LABELS, start)
            for record in records
            if record.value == value
        )
    patience = WAIT_SECONDS
    try:
        with working(settings) as log:
            patience = 0.0
            teach(settings, log)
    except Held:
        pass
    with log_of(settings) as log:
        version = _taken(log, offset, taught, patience)
        if version is not None:
            _complain(log, letters, f"{LABELS.name}/0/{offset}")
    return Done(version, len(lessons))


def _taken(log: Log, offset: int, taught: int, patience: float) -> int | None:
    """Return the version that has the command and its lessons, None if it takes too long."""
    feed, until = Feed(log), time.monotonic() + patience
    while True:
        manifest = feed.newest().manifest
        if manifest.applied_labels > offset and manifest.applied >= taught:
            return manifest.number
        if time.monotonic() >= until:
            return None
        time.sleep(LOOK_SECONDS)


def _complain(log: Log, start: int, position: str) -> None:
    """Raise what the trainer had against the command."""
    for _, letter in readable(log, DEADLETTERS, DeadLetter, start):
        if letter.position == position:
            raise BadCommand(letter.message)
