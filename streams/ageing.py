"""What the trainer does about drift: labels whose meaning changed forget what was taught before.

The judge disagrees more often than it did about texts of some labels: what they were taught before
the change misleads from then on, as exemplars, as noise and before the judge's eyes. It is revoked
label by label, as soon as enough was taught since. All of it stays in `retrain`, so that a
person can teach it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from models.classifier import Classifier
from streams.records import Drift
from streams.stage import Reader
from streams.topology import RETRAIN

ENOUGH = 5
"""Texts taught to a label since the change, from which on it can do without those from before."""


def calls_for_it(drift: Drift) -> bool:
    """Tell whether an event says that what was sure is no longer right."""
    return drift.kind == "disagreement" and drift.series != "doubtful"


def taught_since(reader: Reader, moment: float) -> int:
    """Return the offset in `retrain` of the first lesson that came after a moment."""
    low, high = 0, reader.end(RETRAIN.name)
    while low < high:
        middle = (low + high) // 2
        found = reader.read_from(RETRAIN.name, middle, 1)
        if found and found[0].at < moment:
            low = middle + 1
        else:
            high = middle
    return low


def outlived(
    classifier: Classifier, ageing: Mapping[str, int]
) -> tuple[dict[str, str], dict[str, int]]:
    """Return the lessons to revoke, id to label, and the labels that have to wait for new ones.

    `ageing`: of each label, the offset in `retrain` from which on its lessons hold.
    """
    gone: dict[str, str] = {}
    waiting: dict[str, int] = {}
    for label, offset in ageing.items():
        shelf = classifier.shelves.get(label)
        if shelf is None:
            continue
        old = [id_ for id_, at in zip(shelf.ids, shelf.arrivals, strict=True) if at < offset]
        if len(shelf) - len(old) < ENOUGH:
            waiting[label] = offset
        else:
            gone |= dict.fromkeys(old, label)
    return gone, waiting


def named(ageing: Mapping[str, int], labels: Collection[str], offset: int) -> dict[str, int]:
    """Return `ageing` with these labels too, from this offset on."""
    return {**ageing, **dict.fromkeys(labels, offset)}
