"""What a change of the label set would touch: carried out in memory, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from judge.guides.file import parse, read
from models.errors import Fatal
from streams.feed import Version
from streams.held import RECHECKS_PER_VERSION
from streams.lookup import Lookup
from streams.program.folder import Folder, log_of
from streams.program.gold import by_id
from streams.program.guides import path_of
from streams.program.labels import Prepared, standing
from streams.program.reading import named_path
from streams.program.settings import Settings, columns_beside
from streams.records import LabelCommand, Retrain
from streams.stage import Delivered, Log
from streams.teaching import Taught, teach
from streams.topology import LABELS, RETRAIN


@dataclass(frozen=True)
class Examples:
    """A label's examples in use, before and after; `gone` of them are in use nowhere then."""

    label: str
    before: int
    after: int
    gone: int = 0


@dataclass(frozen=True)
class Foreseen:
    """What a command would touch.

    `solved` are the numbers of the subsets whose heads are solved anew, of so many `subsets`; the
    others, and all that the fit left behind, stay to the bit. `held` texts would be examined again,
    `at_once` of them for the next version. `labelled` texts have the label, and keep it as their
    events say it. `lines` are where the label stands in files of yours.
    """

    command: LabelCommand
    model: int
    subsets: int
    solved: list[int]
    examples: list[Examples]
    held: int
    at_once: int
    labelled: int
    lines: list[str]


def foresee(settings: Settings, prepared: Prepared) -> Foreseen:
    """Return what a command would touch. Commands that wait are taken as carried out.

    Raises:
        BadCommand: it does not fit the labels there are.
    """
    folder, command = Folder(settings.var), prepared.command
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        now = standing(log)
        now.labels.after(command)
        before = teach(now.version, [_at(log, LABELS.name, one) for one in now.waiting])
        version = Version(
            now.version.manifest.model_copy(
                update={
                    "labels": list(before.classifier.labels),
                    "renamed": dict(before.labels.renamed),
                    "retired": sorted(before.labels.retired),
                }
            ),
            before.classifier,
        )
        after = teach(
            version,
            [
                _at(log, LABELS.name, command),
                *(_at(log, RETRAIN.name, one) for one in prepared.lessons),
            ],
        )
        for _, error in after.unusable:
            raise error
        names = before.labels.names(command.label)
        held, labelled = 0, 0
        if folder.ledger.exists():
            lookup = opened.enter_context(closing(Lookup(folder.ledger)))
            touched = {name for label in after.touched for name in after.labels.names(label)}
            held = sum(not one.for_a_person for one in lookup.held(touched))
            labelled = lookup.labelled(names)
        return Foreseen(
            command,
            now.version.number,
            sum(bool(labels) for labels in after.classifier.live.subsets),
            _solved(before, after),
            list(
                _examples(before, after, {command.label, *([command.into] if command.into else [])})
            ),
            held,
            min(held, RECHECKS_PER_VERSION),
            labelled,
            list(_lines(settings, names)),
        )


def _at(
    log: Log, topic: str, record: LabelCommand | Retrain
) -> tuple[Delivered, LabelCommand | Retrain]:
    return Delivered(topic, 0, log.end(topic), None, None), record


def _solved(before: Taught, after: Taught) -> list[int]:
    """Return the numbers of the subsets whose heads are not as they were."""
    old = {head.blob.digests for head in before.classifier.live.heads}
    return [
        number
        for number, head in enumerate(after.classifier.live.heads)
        if head.labels and head.blob.digests not in old
    ]


def _examples(before: Taught, after: Taught, labels: set[str]) -> Iterator[Examples]:
    """Tell of the labels that the command names."""
    was, now = before.classifier.shelves, after.classifier.shelves
    used = {id_ for label in labels if label in now for id_ in now[label].used}
    for label in sorted(labels & {*was, *now}):
        had = was[label].used if label in was else []
        has = now[label].used if label in now else []
        yield Examples(label, len(had), len(has), len(set(had) - used))


def _lines(settings: Settings, names: set[str]) -> Iterator[str]:
    """Yield where the label stands in the guides file and in the gold file of the settings."""
    guides = path_of(settings)
    try:
        for entry in parse(read(guides), str(guides)):
            if entry.label in names:
                yield f"{guides}:{entry.line} has its guide under {entry.label!r}"
        if settings.gold is not None:
            rows = by_id(settings.gold, columns_beside(settings))
            found = [where for where, _, row, label in rows if named_path(row, label) in names]
            if found:
                yield f"{settings.gold} has it as gold {len(found)} times, first at {found[0]}"
    except Fatal as error:  # the command does not need them
        yield str(error)


def in_words(found: Foreseen) -> Iterator[str]:
    """Tell it in lines."""
    command = found.command
    what = f"{command.command} {command.label}{f' → {command.into}' if command.into else ''}"
    yield f"{what}: nothing is written. From model {found.model} it would touch:"
    solved = ", ".join(map(str, found.solved)) or "none"
    yield (
        f"  heads: of {found.subsets} subsets, {len(found.solved)} solved anew (number {solved});"
        " nothing is fitted again"
    )
    for one in found.examples:
        gone = f"; {one.gone} are in use nowhere then" if one.gone else ""
        yield f"  examples of {one.label}: {one.before} in use now, {one.after} then{gone}"
    yield (
        f"  held texts that would be examined again: {found.held}"
        f"{f', {found.at_once} with the next version' if found.held > found.at_once else ''}"
    )
    if command.command != "add":
        yield f"  texts that have {command.label}: {found.labelled}; their events stay as they are"
    for line in found.lines:
        yield f"  {line}"
