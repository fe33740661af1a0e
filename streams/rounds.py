"""Rounds at the end of an input: all that is held examined again, until that no longer helps.

The published stopping rule: the last round is the one in which the count of uncertain texts falls
by less than 1%. What a round is, and that it is over, stands in the log (`rounds`), and so do all
its counts but those of the held texts: a run that was killed in the middle of one goes on with it.
"""

from __future__ import annotations

import time

from streams.derived import readable
from streams.figures import Figures
from streams.records import Authority, Labeled, Round, RoundEnd, Verdict
from streams.stage import Outgoing, Reader, outgoing
from streams.topology import LABELED, RECHECK, ROUNDS, TEXTS, VERDICTS

LEAST_FALL = 0.01
"""A round in which the held texts become fewer by a smaller share is the last."""


class Rounds:
    """Begins and ends rounds, when nothing else is left to do."""

    def __init__(self, reader: Reader, figures: Figures, most: int) -> None:
        """At `most` so many rounds after one end of an input; 0: none is begun."""
        self._reader = reader
        self._figures = figures
        self._most = most

    def at_rest(self) -> list[Outgoing]:
        """Return the record that ends the round in hand or begins one; nothing: all is done."""
        newest = newest_round(self._reader)
        if newest is None or newest.end is not None:
            begun = self._next(newest)
            return [] if begun is None else [_published(begun)]
        if self._figures.not_examined(newest.version):
            return [_published(newest.model_copy(update={"part": newest.part + 1}))]
        return self.interrupted()

    def interrupted(self) -> list[Outgoing]:
        """Return the end of the round in hand, if there is one: before new texts come in."""
        newest = newest_round(self._reader)
        if newest is None or newest.end is not None:
            return []
        return [_published(newest.model_copy(update={"end": self._end(newest)}))]

    def _next(self, last: Round | None) -> Round | None:
        counts, texts = self._figures.counts(), self._reader.count(TEXTS.name)
        number = 1
        if last and last.end and (last.texts, last.end.version) == (texts, counts.version):
            if not fell_enough(last):
                return None
            number = last.number + 1
        if number > self._most or not self._figures.not_examined(counts.version):
            return None
        return Round(
            number=number,
            version=counts.version,
            before=counts.held,
            texts=texts,
            rechecks=self._reader.count(RECHECK.name),
            verdicts=self._reader.end(VERDICTS.name),
            labeled=self._reader.end(LABELED.name),
            at=time.time(),
        )

    def _end(self, begun: Round) -> RoundEnd:
        by: dict[str, Authority] = {}
        for _, event in readable(self._reader, LABELED, Labeled, begun.labeled):
            if event.authority is not Authority.PERSON:
                by[event.id] = event.authority
        refused = set()
        for _, verdict in readable(self._reader, VERDICTS, Verdict, begun.verdicts):
            if verdict.decision == "undecided" and verdict.authority is Authority.JUDGE:
                refused.add(verdict.id)
        counts = self._figures.counts()
        return RoundEnd(
            examined=self._reader.count(RECHECK.name) - begun.rechecks,
            accepted=len(by),
            sure=sum(authority is Authority.CLASSIFIER for authority in by.values()),
            refused=len(refused - by.keys()),
            after=counts.held,
            version=counts.version,
            labeled=self._reader.end(LABELED.name),
            at=time.time(),
        )


def fell_enough(ended: Round) -> bool:
    """Tell whether another round may be worth its price: the published rule."""
    assert ended.end is not None
    return ended.end.after > 0 and ended.before - ended.end.after >= LEAST_FALL * ended.before


def newest_round(reader: Reader) -> Round | None:
    """Return the last word on the last round, or None before the first."""
    for offset in range(reader.end(ROUNDS.name) - 1, -1, -1):
        for _, found in readable(reader, ROUNDS, Round, offset, offset + 1):
            return found
    return None


def latest_rounds(reader: Reader) -> list[Round]:
    """Return the rounds since the input last ended, each with its end if it has come."""
    rounds: dict[int, Round] = {}
    for _, found in readable(reader, ROUNDS, Round):
        if found.number == 1 and found.end is None and found.part == 1:
            rounds.clear()
        rounds[found.number] = found
    return list(rounds.values())


def _published(round_: Round) -> Outgoing:
    return outgoing(ROUNDS, str(round_.version), round_)
