"""What follows from a decision of the judge: verdicts, a labelled event, a lesson.

A label that the judge named goes out on its authority. Where its answer was weighed, and another
label stands, that one goes out as the classifier's: the judge is named as having said otherwise.
"""

from __future__ import annotations

import time

from judge.policy import Decision
from judge.port import Judge
from judge.question import Answer
from models.trust import ACCEPT
from streams.records import Authority, Labeled, Retrain, Uncertain, Verdict, Weighed
from streams.stage import Outgoing, outgoing
from streams.topology import LABELED, RETRAIN, VERDICTS
from streams.wire import derived_id

LISTED = 64
"""An answer "none" among more labels than this refuses none of them in particular: kept with
every held text, all names there are would outweigh the text."""


def verdicts_of(
    uncertain: Uncertain, decision: Decision, judge: Judge, weighed: Weighed | None = None
) -> list[Outgoing]:
    """Return every answer as a verdict; the last is final, and holds what stays undecided."""
    verdicts = []
    label = settled(decision, weighed)[0]
    for place, answer in enumerate(decision.answers):
        final = place == len(decision.answers) - 1
        held = final and label is None and decision.kind == "undecided" and not uncertain.audit
        verdicts.append(
            _verdict(uncertain, answer, place, judge).model_copy(
                update={
                    "final": final,
                    "decision": decision.kind if final else None,
                    "weighed": weighed if final else None,
                    "held": _refused(uncertain, decision) if held else None,
                    "apart": uncertain.embedding if final and uncertain.apart else None,
                    "scores": uncertain.scores if final else None,
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
        spared=uncertain.spared,
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


def settled(decision: Decision, weighed: Weighed | None) -> tuple[str | None, float]:
    """Return the label that a decision leaves and how likely it is; 1 where it was believed."""
    if weighed is None or weighed.label is None or weighed.probability is None:
        return decision.label, 1.0
    return weighed.label, weighed.probability


def labelled(
    uncertain: Uncertain, decision: Decision, judge: Judge, weighed: Weighed | None = None
) -> list[Outgoing]:
    """Return the labelled event, and the lesson if the judge teaches and the text may."""
    label, likely = settled(decision, weighed)
    if label is None:
        return []
    text = uncertain.text
    records = []
    # The label of an audited text is out already, unless it is another one now.
    if label == decision.label or not (uncertain.audit and label == uncertain.contenders[0].label):
        confidence = None if weighed is None or weighed.label is None else round(likely, 6)
        event = _event(uncertain, decision, label, judge).model_copy(
            update={"confidence": confidence}
        )
        records.append(outgoing(LABELED, text.id, event))
    says = bool(uncertain.embedding.array().any())  # else it would be near to nothing
    if judge.teaches and says and not uncertain.apart and likely >= ACCEPT:
        lesson = Retrain(
            kind="accepted",
            id=text.id,
            label=label,
            text=text.text,
            embedding=uncertain.embedding,
            authority=Authority.JUDGE if label == decision.label else Authority.CLASSIFIER,
            signed=judge.signature,
            at=time.time(),
        )
        records.append(outgoing(RETRAIN, text.id, lesson))
    return records


def _event(uncertain: Uncertain, decision: Decision, label: str, judge: Judge) -> Labeled:
    last = decision.answers[-1]
    agreed = label == decision.label
    return Labeled.make(
        uncertain.text,
        label,
        Authority.JUDGE if agreed else Authority.CLASSIFIER,
        uncertain.round if agreed else uncertain.model,
        signed=judge.signature if agreed else f"model {uncertain.model}, against {judge.signature}",
        model=uncertain.model,
        contenders=uncertain.contenders[:3],
        guide=last.guide,
        prompt=last.prompt,
        neighbours=list(decision.neighbours),
    )


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
    return uncertain.model_copy(update={"rejected": rejected, "further": [], "scores": None})
