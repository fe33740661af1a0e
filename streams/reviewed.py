"""What a person decided about a text, as a verdict; and what follows from it, in the ledger.

The verdict carries the text, so that the ledger can make the labelled event and the lesson of it,
whoever published it and whenever it comes. Decisions about one text are numbered; the greatest
counts, and undoing one is a verdict too: a number higher, with nothing decided.
"""

from __future__ import annotations

import time

from streams.errors import Unreadable
from streams.records import Authority, Labeled, Retrain, Uncertain, Verdict
from streams.wire import Vector, derived_id

SIGNED = "review"
"""How what a person decided is signed; lessons of examples files are signed otherwise."""

WITHDRAWN = "withdrawn"


def decided(case: Uncertain, label: str | None, number: int, *, withdrawn: bool = False) -> Verdict:
    """Return a person's verdict about a text, the `number`-th about it: its label, None for none
    of the labels; or that what was said before is `withdrawn`.
    """
    outcome = "no_verdict" if withdrawn else "chosen" if label else "none"
    decision = "accepted" if label else "undecided"
    return Verdict.model_validate(
        {
            "id": case.text.id,
            "event": derived_id(
                SIGNED, case.text.id, case.text.content, number, outcome, label or ""
            ),
            "question": "review",
            "options": [one.label for one in case.contenders],
            "outcome": outcome,
            "label": label,
            "kind": WITHDRAWN if withdrawn else None,
            "signed": SIGNED,
            "authority": Authority.PERSON,
            "round": number,
            "proposed": case.contenders[0].label,
            "confidence": case.contenders[0].probability,
            "model": case.model,
            "final": True,
            "decision": decision,
            "held": case,
            "at": time.time(),
        }
    )


def case_of(verdict: Verdict) -> Uncertain:
    """Return the text that a person's verdict is about.

    Raises:
        Unreadable: the verdict does not carry it, or leaves open what was said.
    """
    if verdict.held is None or not verdict.held.contenders:
        raise Unreadable(f"a person's verdict about {verdict.id!r} without its text")
    if verdict.held.text.id != verdict.id or (verdict.outcome == "chosen") != bool(verdict.label):
        raise Unreadable(f"a person's verdict about {verdict.id!r} that does not fit its text")
    return verdict.held


def event_of(verdict: Verdict) -> Labeled:
    """Return the labelled event of a person's verdict: also of one that withdraws."""
    case = case_of(verdict)
    return Labeled.make(
        case.text,
        verdict.label or "",
        Authority.PERSON,
        verdict.round,
        signed=verdict.signed,
        model=verdict.model,
        contenders=case.contenders[:3],
        withdrawn=verdict.outcome == "no_verdict",
    )


def lesson_for(
    text_id: str,
    label: str,
    text: str,
    embedding: Vector,
    authority: Authority = Authority.PERSON,
    signed: str = SIGNED,
) -> Retrain:
    """Return the lesson that a text has this label."""
    return Retrain(
        kind="accepted",
        id=text_id,
        label=label,
        text=text,
        embedding=embedding,
        authority=authority,
        signed=signed,
        at=time.time(),
    )


def taken_back(text_id: str, label: str) -> Retrain:
    """Return the revocation of what a text has taught under a label."""
    return Retrain(kind="revoked", id=text_id, label=label, signed=SIGNED, at=time.time())
