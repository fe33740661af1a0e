"""What the trainer does about drift: labels whose meaning changed forget what was taught before.

The judge disagrees more often than it did about texts of some labels: what they were taught before
the change misleads from then on, as exemplars, as noise and before the judge's eyes. An alarm
comes after few audits and names few labels; everything is judged for a while then, and shows the
others. What was taught before is revoked label by label, as soon as enough was taught since. All
of it stays in `retrain`, so that a person can teach it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from models.classifier import Classifier
from streams.records import Drift
from streams.stage import Reader
from streams.topology import RETRAIN

ENOUGH = 5
"""Texts taught to a label since the change, from which on it can do without those from before."""

AFTER = 2_000
"""Texts that are all judged after a change."""

FEWEST, LEVEL = 3, 1e-3
"""Disagreements about a label's texts, and how likely so many are if the label is as the others,
that make it one of those that changed. There are hundreds of labels."""


class Tally:
    """How often the judge disagreed about the texts of each label, since a change."""

    def __init__(self, judged: Mapping[str, int] = {}, wrong: Mapping[str, int] = {}) -> None:
        """Go on from these counts, by the label that was proposed."""
        self.judged, self.wrong = Counter(judged), Counter(wrong)

    def observe(self, label: str, *, agreed: bool) -> None:
        """Count an answer about a text for which the label was proposed."""
        self.judged[label] += 1
        self.wrong[label] += not agreed

    def changed(self) -> list[str]:
        """Return the labels about which the judge disagrees more often than about the others."""
        from scipy.stats import binom  # here: half a second to load, for the trainer only

        total, wrong = self.judged.total(), self.wrong.total()
        found = []
        for label, count in sorted(self.wrong.items()):
            others = total - self.judged[label]
            rate = (wrong - count + 1) / (others + 2)
            if count >= FEWEST and binom.sf(count - 1, self.judged[label], rate) < LEVEL:
                found.append(label)
        return found


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
