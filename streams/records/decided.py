"""What was decided about a text: labelled events, and the verdicts they come from."""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, JsonValue

from streams.records.text import Contender, Text, Uncertain
from streams.scores import Scores
from streams.wire import Integer, Number, Record, Vector, derived_id


class Authority(StrEnum):
    """Who decided; a later member overrules an earlier one."""

    CLASSIFIER = "classifier"
    JUDGE = "judge"
    PERSON = "person"

    @property
    def rank(self) -> int:
        """Return the place in the order of authority, 0 for the weakest."""
        return list(Authority).index(self)


class Labeled(Record):
    """A labelled event: what downstream lives on.

    Its `authority` is that of whose label it is: the judge's is one that the judge named. `spared`:
    the classifier was not sure, and no answer would have made it surer (`streams.weighing`).
    A person's may have no label (""): none of them is right. One that is `withdrawn` takes the
    person's earlier word back: what others said holds again (`truth_of`).
    """

    id: str
    label: str
    authority: Authority
    decision: Integer
    event: str
    confidence: Number | None = None
    contenders: list[Contender] = Field(default_factory=list)
    signed: str
    model: Integer
    guide: str | None = None
    prompt: str | None = None
    neighbours: list[str] = Field(default_factory=list)
    spared: bool = False
    withdrawn: bool = False
    text: str
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    source: str | None = None
    received: Number = 0.0
    at: Number

    @property
    def order(self) -> tuple[int, int, str]:
        """Return the place among the events of one text: the greatest is the truth."""
        return self.authority.rank, self.decision, self.event

    @classmethod
    def make(
        cls,
        text: Text,
        label: str,
        authority: Authority,
        decision: int,
        signed: str,
        model: int,
        **more: Any,
    ) -> Labeled:
        """Build the event; its id is derived, so that a second delivery is the same event."""
        return cls(
            id=text.id,
            label=label,
            authority=authority,
            decision=decision,
            event=derived_id("labeled", text.id, text.content, authority, decision, label),
            signed=signed,
            model=model,
            text=text.text,
            attributes=text.attributes,
            source=text.source,
            received=text.received,
            at=time.time(),
            **more,
        )


def truth_of(events: Iterable[Labeled]) -> Labeled | None:
    """Return the event of one text that holds, wherever it lies among its events.

    It is the greatest; but what a person has withdrawn since does not count.
    """
    told = list(events)
    person = [one for one in told if one.authority is Authority.PERSON]
    last = max(person, key=lambda one: one.order, default=None)
    if last is not None and last.withdrawn:
        told = [one for one in told if one.authority is not Authority.PERSON]
    return max(told, key=lambda one: one.order, default=None)


class Weighed(Record):
    """What the judge's answers about a text come to beside the classifier's own probabilities.

    `rightly` and `wrongly`: how likely they were to come from a judge that is right, and from one
    that errs (`models.trust.Fits`). `label` is what they leave the likeliest, and its probability:
    None where they were believed as they stand, or still leave none of the contenders.
    """

    rightly: Number
    wrongly: Number
    label: str | None = None
    probability: Number | None = None


class Verdict(Record):
    """One answer of the judge or a person; the last one of a decision is `final`.

    A person's (`question` "review") is the `round`-th decision about the text: a label "chosen",
    "none" of them, or "no_verdict" where the one before is withdrawn; the greatest counts.
    `decision` is set on the final one; `held` carries the text when it stays undecided, and with
    a person's word, from which all that follows is made (`streams.reviewed`). `guide`
    and `prompt` are versions of what was asked; `estimated` says that `tokens` are not the
    endpoint's own count. One who sees no more than the classifier is not `independent`: its
    agreement says nothing. `apart` is the embedding of a text that does not teach, `scores` what a
    text was predicted from, on a first final answer. `label` and `decision` are the answer as it
    was given; what became of it is `weighed`, on the final one.
    """

    id: str
    event: str
    question: Literal["verify", "choose", "review"]
    options: list[str]
    outcome: Literal["valid", "invalid", "chosen", "none", "no_verdict"]
    label: str | None = None
    kind: str | None = None
    signed: str
    authority: Authority = Authority.JUDGE
    independent: bool = True
    round: Integer = 1
    audit: bool = False
    spared: bool = False
    inclusion: Number = 1.0
    rate: Number = 1.0
    apart: Vector | None = None
    scores: Scores | None = None
    proposed: str
    confidence: Number
    model: Integer
    guide: str | None = None
    prompt: str | None = None
    neighbours: list[str] = Field(default_factory=list)
    reason: str = ""
    tokens: Integer = 0
    calls: Integer = 0
    estimated: bool = False
    final: bool = False
    decision: Literal["accepted", "undecided", "away"] | None = None
    weighed: Weighed | None = None
    held: Uncertain | None = None
    at: Number
