"""A label under another name, with other words, or as part of another label.

Each gives a new classifier that shares all that did not change, as `Classifier.learn` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from models.classifier import Classifier
from models.errors import BadExamples, EncoderMismatch, UnknownLabel
from models.exemplars import Example, Shelf
from models.labels import LabelInfo
from models.live import Live
from models.reference import Reference
from models.threads import one_thread

T = TypeVar("T")


def rename_label(classifier: Classifier, label: str, info: LabelInfo) -> Classifier:
    """The label as `info` has it: its exemplars, its share and its place move to that name.

    Its subset is solved anew, from the weights it had. Learning before or after a rename ends in
    the same bits. Raises `UnknownLabel`, `BadExamples` (the new name is taken), `EncoderMismatch`.
    """
    _check(classifier, label)
    if info.label in classifier.infos:
        raise BadExamples(f"label {info.label!r} is in the set already: merge {label!r} into it")
    live, new = classifier.live, info.label

    def called(name: str) -> str:
        return new if name == label else name

    def moved(by_label: Mapping[str, T]) -> dict[str, T]:
        return {called(name): one for name, one in by_label.items() if name != new}

    reference = live.reference
    prints = list(reference.prints)
    if (number := live.home[label][0]) < len(prints):
        # No head stands for what the subset holds any more: the fit's own has the old name in it.
        prints[number] = ""
    renamed = replace(
        live,
        reference=replace(
            reference,
            heads=tuple(
                replace(head, labels=tuple(map(called, head.labels)))
                if label in head.labels
                else head
                for head in reference.heads
            ),
            prints=tuple(prints),
            counts=moved(reference.counts),
            beyond=moved(reference.beyond),
        ),
        subsets=tuple(tuple(map(called, names)) for names in live.subsets),
        infos=moved(live.infos),
        shelves=moved(live.shelves),
        evidence=moved(live.evidence),
        noise=moved(live.noise),
    )
    return Classifier(_told(renamed, info))


def tell_label(classifier: Classifier, info: LabelInfo) -> Classifier:
    """With this name and guide for a label there is; its subset is solved anew.

    Raises `UnknownLabel`, `EncoderMismatch`.
    """
    _check(classifier, info.label)
    return Classifier(_told(classifier.live, info))


def merge_label(classifier: Classifier, label: str, into: str) -> Classifier:
    """`label` as a part of `into`, which gets its exemplars and its share; touches two subsets.

    Its name and guide go. Raises `UnknownLabel`, or `BadExamples` for a label into itself.
    """
    _check(classifier, label)
    _check(classifier, into)
    if label == into:
        raise BadExamples(f"label {label!r} cannot become a part of itself")
    live = replace(classifier.live, reference=_joined(classifier.reference, label, into))
    moved = [
        Example(name, into, row.astype(np.float32), bool(gold), int(arrival))
        for name, row, gold, arrival in _rows(live.shelves[label])
    ]
    return Classifier(live.learn(moved).without_label(label))


def _rows(shelf: Shelf) -> list[tuple[str, np.ndarray, np.bool_, np.int64]]:
    return list(zip(shelf.ids, shelf.vectors, shelf.gold, shelf.arrivals, strict=True))


def _check(classifier: Classifier, label: str) -> None:
    if label not in classifier.infos:
        raise UnknownLabel(label)


def _told(live: Live, info: LabelInfo) -> Live:
    """With this info, and the head of the label's subset solved with it."""
    if info.embedding is not None and np.shape(info.embedding) != (live.dimension,):
        raise EncoderMismatch(f"the name of {info.label!r} was embedded by another encoder")
    number, _ = live.home[info.label]
    with one_thread():
        fresh = Live.assemble(
            live.reference,
            live.subsets,
            {**live.infos, info.label: info.rounded()},
            live.shelves,
            live.heads,
            live.revoked,
            live,
            live.weights,
        )
        noise = {label: known for label, known in live.noise.items() if label != info.label}
        heads = list(live.heads)
        heads[number] = fresh.solved(number, noise)
    return replace(fresh, heads=tuple(heads), noise=noise)


def _joined(reference: Reference, label: str, into: str) -> Reference:
    """The reference with what it counts of one label counted for another.

    A label added since the fit stands for the mean count, as in the prior of a prediction.
    """
    counts, beyond = dict(reference.counts), dict(reference.beyond)
    mean = round(sum(counts.values()) / max(1, len(counts)))
    counts[into] = counts.get(into, mean) + counts.pop(label, mean)
    if label in beyond:
        count, total = beyond.pop(label)
        there, sums = beyond.get(into, (0, np.zeros_like(total)))
        beyond[into] = there + count, sums + total
    return replace(reference, counts=counts, beyond=beyond)
