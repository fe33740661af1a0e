"""What the judge's answers are worth, kept up with `verdicts`: the trainer's share of weighing.

A function of the latest WINDOW records of `verdicts` alone, so that nothing has to be kept beside
the log, and a judge that changes is followed. Every judged text counts once: its first answer that
is final, of a judge that sees more than the classifier; where a person decided the text as well,
the answer is known to be right or wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from dataclasses import dataclass, replace

from models.trust import Fits, Heard, estimated
from streams.derived import chunks
from streams.records import Authority, Reliability, Verdict
from streams.stage import Delivered, Reader, sort_out
from streams.topology import TRAIN, VERDICTS

WINDOW = 4_000
"""Records of `verdicts` that are looked back over."""

NEWS = 0.03
"""A change of any estimate that is worth a new version."""


@dataclass(frozen=True)
class _Answer:
    offset: int
    id: str
    label: str | None
    heard: Heard
    given: Heard


class Answers:
    """The latest answers of one judge, and what they come to."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque()
        self._signed = ""
        self._next = 0

    def start(self, reader: Reader, position: int) -> None:
        """Read again what was counted when the trainer stopped."""
        first = max(0, position - WINDOW)
        for records in chunks(reader, VERDICTS, first, WINDOW):
            before = [one for one in records if one.offset < position]
            for delivered, verdict in sort_out(before, TRAIN.name, _verdict)[0]:
                self.observe(delivered, verdict)
            if len(before) < len(records):
                break

    def observe(self, delivered: Delivered, verdict: Verdict) -> None:
        """Count an answer; one that was counted before changes nothing."""
        if delivered.offset < self._next:
            return
        self._next = delivered.offset + 1
        while self._answers and self._answers[0].offset < self._next - WINDOW:
            self._answers.popleft()
        if verdict.authority is Authority.PERSON:
            self._known(verdict)
        elif verdict.final and verdict.round == 1 and verdict.independent and verdict.weighed:
            if verdict.signed != self._signed:  # another judge errs in its own way
                self._answers.clear()
                self._signed = verdict.signed
            fits = Fits(verdict.weighed.rightly, verdict.weighed.wrongly)
            heard = Heard(verdict.confidence, fits)
            self._answers.append(_Answer(delivered.offset, verdict.id, verdict.label, heard, heard))

    def _known(self, verdict: Verdict) -> None:
        """A person's word is the truth, also of what the judge answered; until it is withdrawn."""
        for place, answer in enumerate(self._answers):
            if answer.id == verdict.id and answer.label is not None:
                right = answer.label == verdict.label
                fits = Fits(float(right), float(not right))
                if verdict.outcome == "no_verdict":
                    fits = answer.given.fits
                self._answers[place] = replace(answer, heard=replace(answer.heard, fits=fits))

    def forget(self, gone: Container[str]) -> None:
        """Count nothing any more of the texts of these ids."""
        self._answers = deque(one for one in self._answers if one.id not in gone)

    def reliability(self, before: Reliability | None, *, believed: bool) -> Reliability | None:
        """Return what is known now; that from before while nothing new is worth a version.

        `believed`: for now answers are taken for the truth.
        """
        if before is None and not self._answers and not believed:
            return None
        trust = estimated([one.heard for one in self._answers])
        now = Reliability(
            reliable=round(trust.reliable, 4),
            steps=[round(one, 4) for one in trust.steps],
            answers=len(self._answers),
            believed=believed,
        )
        if before is None:
            return now
        moved = max(abs(a - b) for a, b in zip(now.steps, before.steps, strict=True))
        return before if moved < NEWS and before.believed == believed else now


def _verdict(delivered: Delivered) -> Verdict:
    return Verdict.decode(delivered.value)
