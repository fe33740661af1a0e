"""What the judge's answers say about the classifier, kept up with `verdicts`.

They set the threshold from which texts go out unasked (`models.risk`), and those of texts kept
apart are what new versions are compared on (`streams.gate`). Every judged text counts once: its
first answer that is final. An answer of a judge that sees no more than the classifier, or none at
all, says nothing; nor does a person's, who looks at what looks wrong: that is no random sample. The
file beside the log only saves reading all of `verdicts` again; lost, it is made anew from them.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from models.risk import Certificate, Finding
from models.trust import ACCEPT
from streams.ageing import AFTER, Tally
from streams.derived import keep
from streams.gate import NEWEST, Apart
from streams.records import Authority, Claim, Verdict
from streams.stage import Delivered
from streams.terms import Terms
from streams.wire import Vector

SAVED_EVERY = 1_000
"""Verdicts after which the file is written; what came since is read again after a kill."""

FORMAT = 2


class Audits:
    """Bets on the agreement of judge and classifier, and the texts kept apart, at a place in
    `verdicts`.
    """

    def __init__(self, path: Path, target: float, least: float) -> None:
        """`least`: the share of confident texts that is judged when no certificate may come."""
        self._path = path
        self._target = target
        self._least = least
        self._clear(0)
        self._load()

    def _clear(self, since: int) -> None:
        self._since = self._next = self._saved = since
        self._meaning = bool(since)
        self._certificate = Certificate.new(self._target)
        self._apart: deque[tuple[str, str, Vector]] = deque(maxlen=NEWEST)
        self._tally = Tally()

    def begin(self, since: int, *, meaning: bool = True) -> None:
        """Count from this offset in `verdicts` on: what was answered before no longer holds.

        `meaning`: labels may mean something else since; else it is only another classifier, by
        another encoder. Where that is so already, nothing changes.
        """
        if since != self._since:
            self._clear(since)
        self._meaning = bool(since) and meaning

    @property
    def apart(self) -> list[Apart]:
        """Return the newest texts kept apart, oldest first."""
        return [Apart(vector.array(), label) for _, label, vector in self._apart]

    def position(self, topic: str, partition: int = 0) -> int:
        """Return the offset in `verdicts` up to which answers have been counted."""
        return self._next

    def observe(self, delivered: Delivered, verdict: Verdict, since: int = 0) -> None:
        """Count an answer; one that was counted before changes nothing, nor does one about what a
        version before `since` said.
        """
        if delivered.offset < self._next:
            return
        self._next = delivered.offset + 1
        if speaks(verdict) and verdict.model >= since:
            agreed = verdict.decision == "accepted" and verdict.label == verdict.proposed
            self._certificate = self._certificate.observe(
                verdict.confidence, agreed, inclusion=verdict.inclusion, rate=verdict.rate
            )
            if self._meaning:
                self._tally.observe(verdict.proposed, agreed=agreed)
            label = _settled(verdict)
            if verdict.apart is not None and label is not None:
                self._apart.append((verdict.id, label, verdict.apart))
        elif verdict.authority is Authority.PERSON:
            # What a person decided teaches: versions cannot be compared on it any more.
            for known in [one for one in self._apart if one[0] == verdict.id]:
                self._apart.remove(known)
        if self._next - self._saved >= SAVED_EVERY:
            self.save()

    def forget(self, gone: Container[str]) -> None:
        """Keep none of these texts apart; what they have counted for the certificate stays."""
        left = [one for one in self._apart if one[0] not in gone]
        self._apart = deque(left, maxlen=NEWEST)
        self.save()

    @property
    def settling(self) -> bool:
        """Tell whether a change was so lately that everything is judged, and believed."""
        return self._meaning and self._tally.judged.total() < AFTER

    def finding(self) -> Finding:
        """Return what is known by now."""
        return self._certificate.finding()

    def changed(self) -> list[str]:
        """Return labels that changed, by what was judged since the change; none without one."""
        return self._tally.changed()

    def terms(self, cross_validated: float, before: Terms) -> Terms:
        """Return the terms now; those from before while nothing new is worth a version.

        Without a certificate the threshold is the one cross-validated on the examples.
        """
        finding = self.finding()
        # After a change everything is judged for a while, also where a certificate is hopeless.
        rate = 1.0 if self.settling else finding.rate(self._least)
        threshold = cross_validated if finding.threshold is None else finding.threshold
        agreement = None if math.isnan(finding.agreement) else round(finding.agreement, 6)
        claim = Claim(
            state=finding.state,
            target=finding.target,
            bound=finding.bound,
            agreement=agreement,
            judged=finding.judged,
            reason=finding.reason,
        )
        if (
            before.judged_from == self._since
            and before.audit == rate
            and before.threshold == threshold
            and _hardly_news(claim, before.claim)
        ):
            return before
        return Terms(threshold, rate, claim, self._since)

    def save(self) -> None:
        """Write the file; a disk that is full is no reason to stop."""
        state = {
            "format": FORMAT,
            "since": self._since,
            "meaning": self._meaning,
            "next": self._next,
            "certificate": self._certificate.to_json(),
            "tally": [self._tally.judged, self._tally.wrong],
            "apart": [
                (i, label, vector.model_dump(mode="json")) for i, label, vector in self._apart
            ],
        }
        keep(self._path, json.dumps(state).encode())
        self._saved = self._next

    def _load(self) -> None:
        """Go on where the file stands; a damaged one, or one for another target, is no file."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            state = json.loads(self._path.read_text())
            certificate = Certificate.from_json(state["certificate"])
            apart = [(i, label, Vector.model_validate(v)) for i, label, v in state["apart"]]
            if state["format"] == FORMAT and certificate.target == self._target:
                self._certificate, self._next = certificate, int(state["next"])
                self._since = int(state["since"])
                self._meaning = bool(state.get("meaning", self._since))
                self._saved = self._next
                self._apart.extend(apart)
                self._tally = Tally(*state["tally"])


def _hardly_news(claim: Claim, before: Claim | None) -> bool:
    if before is None or (before.state, before.target) != (claim.state, claim.target):
        return False
    return before.judged <= claim.judged < 1.25 * before.judged + 10


def _settled(verdict: Verdict) -> str | None:
    """Return the label that may be taught: none where an answer was weighed and left doubt."""
    weighed = verdict.weighed
    if weighed is None or weighed.probability is None:
        return verdict.label
    return weighed.label if weighed.probability >= ACCEPT else None


def speaks(verdict: Verdict) -> bool:
    """Tell whether an answer says how often the classifier is right."""
    return (
        verdict.final
        and verdict.authority is Authority.JUDGE
        and verdict.round == 1
        and verdict.decision in ("accepted", "undecided")
        and verdict.outcome != "no_verdict"
        and verdict.independent
        and 0 < verdict.rate <= verdict.inclusion <= 1
    )
