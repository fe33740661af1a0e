"""Label commands carried out: what becomes of the classifier, and in which turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.classifier import Classifier
from models.errors import BadExamples, EncoderMismatch, UnknownLabel
from models.labels import LabelInfo
from models.relabel import merge_label, rename_label, tell_label
from streams.derived import chunks
from streams.errors import BadCommand, Unreadable
from streams.labelset import LabelSet
from streams.records import LabelCommand, Retrain
from streams.stage import Delivered, Reader
from streams.topology import LABELS, RETRAIN


def applied(
    classifier: Classifier, labels: LabelSet, command: LabelCommand
) -> tuple[Classifier, LabelSet]:
    """Carry one command out.

    A label added once more with the same name and guide is no work.

    Raises:
        BadCommand: it does not fit the labels there are, or lacks what it needs.
    """
    if command.command == "add" and _is_there(classifier, command):
        return classifier, labels
    after = labels.after(command)
    try:
        return _carried_out(classifier, command), after
    except (BadExamples, EncoderMismatch, UnknownLabel) as error:
        raise BadCommand(str(error)) from None


def in_turn(batch: Sequence[Delivered], labels: LabelSet, reader: Reader | None) -> list[Delivered]:
    """Return the batch with every label's command before its lessons.

    The embedded log delivers its topics in order of arrival, and there the batch stays as it is.
    Where a log keeps no order between two topics, a lesson may come before the command that adds
    its label: published before the lesson, the command is in the topic by then, and all commands
    up to the topic's end go first. They are not carried out again when they are delivered: their
    offsets are behind the version's.
    """
    known = {*labels.labels, *labels.renamed, *labels.retired}
    wanted: set[str] = set()
    for delivered in batch:
        if delivered.topic == LABELS.name:
            known |= _named(delivered)
        elif delivered.topic == RETRAIN.name:
            wanted |= _needed(delivered) - known
    if not wanted or reader is None:
        return list(batch)
    commands = [one for part in chunks(reader, LABELS, labels.applied) for one in part]
    if not any(wanted & _named(one) for one in commands):
        return list(batch)
    return [*commands, *(one for one in batch if one.topic != LABELS.name)]


def mistaken(before: Classifier, after: Classifier) -> set[str]:
    """Return the labels that texts of the added labels were taken for until now.

    Held texts of a new label have those as contenders, never the label itself: named among the
    touched, they bring them back to be examined again.
    """
    found: set[str] = set()
    for label in set(after.labels) - set(before.labels):
        for prediction in before.predict(after.live.evidence[label].raw):
            found |= {contender.label for contender in prediction.contenders}
    return found


def _carried_out(classifier: Classifier, command: LabelCommand) -> Classifier:
    label, into = command.label, command.into or ""
    match command.command:
        case "add":
            return classifier.add_label(_info(LabelInfo(label, label), command))
        case "guide":
            return tell_label(classifier, _info(classifier.infos[label], command))
        case "rename":
            info = replace(classifier.infos[label], label=into)
            return rename_label(classifier, label, _info(info, command))
        case "retire":
            return classifier.retire_label(label)
        case "merge":
            return merge_label(classifier, label, into)


def _info(info: LabelInfo, command: LabelCommand) -> LabelInfo:
    """Return what is known of a label with what the command says; the rest stays."""
    return replace(
        info,
        name=info.name if command.name is None else command.name,
        guide=info.guide if command.guide is None else command.guide,
        embedding=info.embedding if command.embedding is None else _row(command),
    )


def _row(command: LabelCommand) -> np.ndarray | None:
    assert command.embedding is not None
    try:
        row = command.embedding.array()
    except Unreadable as error:
        raise BadCommand(f"the name of {command.label!r}: {error}") from None
    if not np.isfinite(row).all() or not row.any():
        raise BadCommand(f"the name of {command.label!r} has an embedding that says nothing")
    return row


def _is_there(classifier: Classifier, command: LabelCommand) -> bool:
    info = classifier.infos.get(command.label)
    told = command.name or command.label, command.guide or ""
    return info is not None and told == (info.name, info.guide)


def _named(delivered: Delivered) -> set[str]:
    """Return the label that a command brings in, if it does; none where it cannot be read."""
    try:
        command = LabelCommand.decode(delivered.value)
    except Unreadable:
        return set()
    new = {"add": command.label, "rename": command.into}.get(command.command)
    return {new} if new else set()


def _needed(delivered: Delivered) -> set[str]:
    """Return the label that a lesson cannot be learnt without."""
    try:
        lesson = Retrain.decode(delivered.value)
    except Unreadable:
        return set()
    return set() if lesson.kind == "revoked" else {lesson.label}
