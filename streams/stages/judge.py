"""judge: a case in; verdicts out, a label where one was accepted, and what it teaches.

Accepted: a labelled event, and a line for `retrain`. Undecided: the ledger holds the text.
The judge away: the case goes to `uncertain-later` and comes back; that is never "invalid".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from judge.examples import ExampleStore
from judge.policy import Decision, decide
from judge.port import Judge
from judge.question import Answer, Case
from models.errors import Permanent
from streams.records import Authority, Labeled, Retrain, Uncertain, Verdict
from streams.stage import Delivered, Outgoing, Reader, dead_letter, outgoing, sort_out
from streams.topology import JUDGE, LABELED, RETRAIN, UNCERTAIN_LATER, VERDICTS
from streams.wire import derived_id

AWAY_SECONDS = (5.0, 300.0)
"""The first and the longest wait before a case is put to an absent judge again."""


class JudgeStage:
    """Puts every case to the judge, at most `concurrency` at a time."""

    spec = JUDGE

    def __init__(self, judge: Judge, store: ExampleStore, *, concurrency: int) -> None:
        self._judge = judge
        self._store = store
        self._slots = asyncio.Semaphore(concurrency)

    async def start(self, reader: Reader) -> None:
        """Nothing is derived: the example store is filled by `remember`."""

    async def close(self) -> None:
        """The store is closed by who opened it."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Judge every case of the batch; what is published keeps the batch's order."""
        cases, dead = sort_out(batch, self.spec.name, lambda d: Uncertain.decode(d.value))
        answered = await asyncio.gather(
            *(self._judged(case) for _, case in cases), return_exceptions=True
        )
        for (delivered, _), answer in zip(cases, answered, strict=True):
            if isinstance(answer, Permanent):
                dead.append(dead_letter(delivered, self.spec.name, answer))
            elif isinstance(answer, BaseException):
                raise answer
        return dead + [
            record for answer in answered if isinstance(answer, list) for record in answer
        ]

    async def _judged(self, uncertain: Uncertain) -> list[Outgoing]:
        case = Case(
            id=uncertain.text.id,
            text=uncertain.text.text,
            embedding=uncertain.embedding.array(),
            contenders=tuple(contender.label for contender in uncertain.contenders),
        )
        async with self._slots:
            decision = await decide(self._judge, self._store, case)
        records = [
            outgoing(VERDICTS, case.id, verdict) for verdict in self._verdicts(uncertain, decision)
        ]
        if decision.kind == "away":
            records.append(outgoing(UNCERTAIN_LATER, case.id, _postponed(uncertain)))
        elif decision.label is not None:
            records += self._accepted(uncertain, decision, decision.label)
        return records

    def _verdicts(self, uncertain: Uncertain, decision: Decision) -> list[Verdict]:
        verdicts = []
        for place, answer in enumerate(decision.answers):
            final = place == len(decision.answers) - 1
            undecided = final and decision.kind == "undecided" and not uncertain.audit
            verdicts.append(
                self._verdict(uncertain, answer, place).model_copy(
                    update={
                        "final": final,
                        "decision": decision.kind if final else None,
                        "held": _refused(uncertain, decision) if undecided else None,
                    }
                )
            )
        return verdicts

    def _verdict(self, uncertain: Uncertain, answer: Answer, place: int) -> Verdict:
        round_, text = uncertain.round, uncertain.text
        return Verdict(
            id=text.id,
            event=derived_id(
                "verdict", text.id, text.content, round_, uncertain.audit, uncertain.attempt, place
            ),
            question=answer.question,
            options=list(answer.options),
            outcome=answer.outcome,
            label=answer.label,
            kind=answer.kind,
            signed=self._judge.signature,
            round=round_,
            audit=uncertain.audit,
            inclusion=uncertain.inclusion,
            proposed=uncertain.contenders[0].label,
            confidence=uncertain.contenders[0].probability,
            model=uncertain.model,
            neighbours=list(answer.evidence),
            reason=answer.reason,
            tokens=answer.tokens,
            calls=answer.calls,
            at=time.time(),
        )

    def _accepted(self, uncertain: Uncertain, decision: Decision, label: str) -> list[Outgoing]:
        text, signed = uncertain.text, self._judge.signature
        event = Labeled.make(
            text,
            label,
            Authority.JUDGE,
            uncertain.round,
            signed=signed,
            model=uncertain.model,
            contenders=uncertain.contenders[:3],
            neighbours=list(decision.neighbours),
        )
        records = [outgoing(LABELED, text.id, event)]
        if self._judge.teaches:
            lesson = Retrain(
                kind="accepted",
                id=text.id,
                label=label,
                text=text.text,
                embedding=uncertain.embedding,
                authority=Authority.JUDGE,
                signed=signed,
                at=time.time(),
            )
            records.append(outgoing(RETRAIN, text.id, lesson))
        return records


def _refused(uncertain: Uncertain, decision: Decision) -> Uncertain:
    """Return the case with every label that was refused, in this round or before."""
    refused = [
        label
        for answer in decision.answers
        if answer.outcome in ("invalid", "none")
        for label in answer.options
    ]
    return uncertain.model_copy(
        update={"rejected": list(dict.fromkeys([*uncertain.rejected, *refused]))}
    )


def _postponed(uncertain: Uncertain) -> Uncertain:
    first, longest = AWAY_SECONDS
    wait = min(longest, first * 2 ** min(uncertain.attempt, 10))
    return uncertain.model_copy(
        update={"attempt": uncertain.attempt + 1, "due": time.time() + wait}
    )
