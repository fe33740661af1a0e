"""What follows from a decision of the judge: verdicts, a labelled event, a lesson."""

from __future__ import annotations

import time

from judge.policy import Decision
from judge.port import Judge
from judge.question import Answer
from streams.records import Authority, Labeled, Retrain, Uncertain, Verdict
from streams.stage import Outgoing, outgoing
from streams.topology import LABELED, RETRAIN, VERDICTS
from streams.wire import derived_id

LISTED = 64
"""An answer "none" among more labels than this refuses none of them in particular: kept with
every held text, all names there are would outweigh the text."""


def verdicts_of(uncertain: Uncertain, decision: Decision, judge: Judge) -> list[Outgoing]:
    """Return every answer as a verdict; the last is final, and holds what stays undecided."""
    verdicts = []
    for place, answer in enumerate(decision.answers):
        final = place == len(decision.answers) - 1
        undecided = final and decision.kind == "undecided" and not uncertain.audit
        verdicts.append(
            _verdict(uncertain, answer, place, judge).model_copy(
                update={
                    "final": final,
                    "decision": decision.kind if final else None,
                    "held": _refused(uncertain, decision) if undecided else None,
                    "apart": uncertain.embedding if final and uncertain.apart else None,
                }
            )
        )
    return [outgoing(VERDICTS, verdict.id, verdict) for verdict in verdicts]


def _verdict(uncertain: Uncertain, answer: Answer, place: int, judge: Judge) -> Verdict:
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
        signed=judge.signature,
        round=round_,
        audit=uncertain.audit,
        independent=judge.teaches,
        inclusion=uncertain.inclusion,
        rate=uncertain.rate,
        proposed=uncertain.contenders[0].label,
        confidence=uncertain.contenders[0].probability,
        model=uncertain.model,
        guide=answer.guide,
        prompt=answer.prompt,
        neighbours=list(answer.evidence),
        reason=answer.reason,
        tokens=answer.tokens,
        calls=answer.calls,
        estimated=answer.estimated,
        at=time.time(),
    )


def accepted(uncertain: Uncertain, decision: Decision, label: str, judge: Judge) -> list[Outgoing]:
    """Return the labelled event, and the lesson if the judge teaches and the text may."""
    text, signed, last = uncertain.text, judge.signature, decision.answers[-1]
    event = Labeled.make(
        text,
        label,
        Authority.JUDGE,
        uncertain.round,
        signed=signed,
        model=uncertain.model,
        contenders=uncertain.contenders[:3],
        guide=last.guide,
        prompt=last.prompt,
        neighbours=list(decision.neighbours),
    )
    records = [outgoing(LABELED, text.id, event)]
    if judge.teaches and not uncertain.apart:
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
    """Return the case with every label that was refused, in this round or before.

    Without its further labels: it is classified anew before it is judged again.
    """
    refused = [
        label
        for answer in decision.answers
        if answer.outcome in ("invalid", "none") and len(answer.options) <= LISTED
        for label in answer.options
    ]
    rejected = list(dict.fromkeys([*uncertain.rejected, *refused]))
    return uncertain.model_copy(update={"rejected": rejected, "further": []})
