"""Adding a label: from its name and guide, and from examples; the very same again is no work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from streams.derived import readable
from streams.errors import BadCommand
from streams.feed import Feed
from streams.forgotten import followed
from streams.program.encoding import encoder_of
from streams.program.examples import Taught, read_examples_of, spoken
from streams.program.folder import log_of
from streams.program.labels import (
    Done,
    Prepared,
    commands,
    embedded,
    publish,
    standing,
)
from streams.program.lessons import (
    Progress,
    id_of,
    in_vectors_of,
    lessons_of,
    not_yet_known,
    refuse_forgotten,
    training_set,
)
from streams.program.reading import Columns
from streams.program.settings import Settings
from streams.records import LabelCommand, Retrain
from streams.stage import Log
from streams.topology import RETRAIN

WITH_THE_LABEL = "labels add"
"""Who signs the examples that came with a label."""


def add(
    settings: Settings,
    label: str,
    *,
    name: str | None,
    guide: str,
    examples: Path | None,
    progress: Progress,
) -> Done:
    """Add a label, from its name, its guide and examples, as far as they are given.

    Raises: as `prepare_add`.
    """
    prepared = prepare_add(
        settings, label, name=name, guide=guide, examples=examples, progress=progress
    )
    if prepared is None:
        with log_of(settings) as log:
            return Done(Feed(log).newest().number)
    progress("teaching", 0.5)
    return publish(settings, prepared)


def prepare_add(
    settings: Settings,
    label: str,
    *,
    name: str | None,
    guide: str,
    examples: Path | None,
    progress: Progress,
    wanted: Columns | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Prepared | None:
    """Return what adds a label; one that was retired comes back with the examples it had. None
    where it was added with the very same name, guide and examples, and is there still.

    `wanted` are columns of the file of examples; `tell` is told how it is read.

    Raises:
        Fatal: a line of the file cannot be used, or the encoder finds nothing in name and guide.
        BadCommand: there is such a label otherwise, or was under that name.
    """
    name = name or spoken(label)
    command = LabelCommand(
        command="add", label=label, name=name, guide=guide or None, at=time.time()
    )
    with log_of(settings) as log:
        now = standing(log)
        if label in now.labels.labels and (made := _made(log, label)):
            given = _examples(label, examples, wanted, tell, name)
            _same_as(made, command, _given(log, label), {id_of(one) for one in given})
            return None
        after = now.labels.after(command)
        everything = replace(now.labels, retired=now.labels.retired - {label})
        known, gone = training_set(log, everything, embeddings=True), followed(log)
    had = [lesson for lesson in known.values() if lesson.label == label]
    back = in_vectors_of(now.version.manifest, had, settings)
    given = _examples(label, examples, wanted, tell, name)
    refuse_forgotten(given, gone)
    new = not_yet_known(given, known, after, settings.max_text)
    progress("loading the encoder", 0.0)
    encoder = encoder_of(settings, now.version.manifest)
    words = embedded(encoder, name, guide)
    lessons = [*back, *lessons_of(new, encoder, WITH_THE_LABEL)]
    return Prepared(command.model_copy(update={"embedding": words}), lessons)


def _examples(
    label: str,
    path: Path | None,
    wanted: Columns | None,
    tell: Callable[[str], None],
    name: str,
) -> list[Taught]:
    return read_examples_of(label, path, wanted, tell, name=name) if path else []


def _made(log: Log, label: str) -> LabelCommand | None:
    """Return how a label was last added, None where it came by its name otherwise."""
    adds = [one for one in commands(log) if one.command == "add" and one.label == label]
    return adds[-1] if adds else None


def _given(log: Log, label: str) -> set[str]:
    """Return the ids of the examples that came with a label, whatever became of them since."""
    return {
        lesson.id
        for _, lesson in readable(log, RETRAIN, Retrain)
        if lesson.label == label
        and (lesson.kind == "seed" or (lesson.kind, lesson.signed) == ("accepted", WITH_THE_LABEL))
    }


def _same_as(made: LabelCommand, again: LabelCommand, examples: set[str], given: set[str]) -> None:
    """Raises `BadCommand`: a label that is there would be added with something else."""
    others = {
        "name": made.name != again.name,
        "guide": made.guide != again.guide,
        "examples": examples != given,
    }
    if different := [what for what, differs in others.items() if differs]:
        raise BadCommand(
            f"there is a label {again.label!r} already, added with other {' and '.join(different)}"
        )
