"""The judge's answers beside the classifier's own probabilities, by the model in service.

`models.trust` has the rule; here are its two uses. Nobody is asked about a doubtful text where an
answer is not expected to change its label for the better; and an answer is evidence, no more: the
label it leaves the likeliest is the text's. What the judge's answers are worth is estimated by the
trainer (`streams.answers`) and travels with the model; after a change of the stream they are
believed for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from judge.policy import Decision
from models.prediction import Prediction
from models.trust import NOTHING, Alike, Trust, fits, spread
from streams.feed import Feed, Version
from streams.records import Uncertain, Weighed

Mode = Literal["believe", "weigh", "auto"]


class Scales:
    """The rule by one version of the model."""

    def __init__(self, version: Version) -> None:
        self._classifier = version.classifier
        self._number = {label: i for i, label in enumerate(version.classifier.labels)}
        found = version.terms.trust
        self._trust = Trust(found.reliable, tuple(found.steps)) if found else Trust()
        self.believes = found is not None and found.believed

    @cached_property
    def _alike(self) -> Alike:
        return Alike(self._classifier.centroids)

    def gains_nothing(
        self, predictions: Sequence[Prediction], doubtful: Sequence[bool]
    ) -> list[bool]:
        """Tell which of the doubtful texts are spared: the judge's answer is worth nothing."""
        contenders = [
            [(c.label, c.probability) for c in one.contenders]
            for one, asked in zip(predictions, doubtful, strict=True)
            if asked
        ]
        if self.believes or not contenders:
            return [False] * len(predictions)
        worth = iter(self._trust.worth(self._spread(contenders), self._alike))
        return [asked and bool(next(worth) <= NOTHING) for asked in doubtful]

    def weighed(self, case: Uncertain, decision: Decision) -> Weighed | None:
        """Return what the judge's answers come to; None where they say nothing to be weighed."""
        said = self._said(case, decision)
        if said is None:
            return None
        p = self._spread([_shares(case)])[0]
        fit = fits(p, said, self._alike)
        found = Weighed(rightly=fit.rightly, wrongly=fit.wrongly)
        if self.believes:
            return found
        after = self._trust.weighed(p, said, self._alike)
        named = [self._number[c.label] for c in case.contenders]
        if decision.label is not None:
            named.append(self._number[decision.label])
        best = max(named, key=lambda label: float(after[label]))
        # Of several labels that it may be, none in particular: the text stays undecided.
        if decision.label is None and after[best] < 1 - after[named].sum():
            return found
        label = self._classifier.labels[best]
        return found.model_copy(update={"label": label, "probability": float(after[best])})

    def _said(self, case: Uncertain, decision: Decision) -> NDArray[np.intp] | None:
        """Return the labels that the judge may hold to be right, by number."""
        # A question without a verdict cut the others off: what was refused before it is not all.
        cut_off = decision.answers[-1].outcome == "no_verdict"
        if cut_off or any(c.label not in self._number for c in case.contenders):
            return None
        if decision.label is not None:
            place = self._number.get(decision.label)
            return None if place is None else np.asarray([place])
        refused = {
            self._number[label]
            for answer in decision.answers
            if answer.outcome in ("invalid", "none")
            for label in answer.options
            if label in self._number
        }
        if not refused or len(refused) == len(self._number):
            return None
        return np.setdiff1d(np.arange(len(self._number)), list(refused))

    def _spread(self, contenders: Sequence[Sequence[tuple[str, float]]]) -> NDArray[np.float64]:
        """(n, labels): all labels' probabilities from those of the contenders, as many for all."""
        numbers = np.asarray([[self._number[label] for label, _ in one] for one in contenders])
        return spread(
            numbers.astype(np.intp),
            np.asarray([[p for _, p in one] for one in contenders]),
            self._alike,
        )


def _shares(case: Uncertain) -> list[tuple[str, float]]:
    """Return the contenders with what they have among the labels that were not refused before."""
    given = [min(1.0, max(0.0, one.probability)) for one in case.contenders]
    rest = max(0.0, 1 - sum(given)) if case.rest is None else case.rest
    whole = max(sum(given) + rest, 1e-12)
    return [(c.label, p / whole) for c, p in zip(case.contenders, given, strict=True)]


@dataclass
class Weighing:
    """The scales of the version in service, for who follows a feed; none where answers are
    believed whatever they are worth."""

    feed: Feed
    mode: Mode
    _made: tuple[Version, Scales] | None = None

    def now(self, version: Version | None = None) -> Scales | None:
        """Return the scales of a version, or of the newest."""
        version = version or self.feed.newest()
        if not wanted(self.mode, version):
            return None
        if self._made is None or self._made[0] is not version:
            self._made = version, Scales(version)
        return self._made[1]


def wanted(mode: Mode, version: Version) -> bool:
    """Tell whether answers are weighed, alarms aside."""
    return mode == "weigh" or (mode == "auto" and version.classifier.trustworthy)
