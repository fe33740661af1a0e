"""Texts, and those on their way to the judge."""

from __future__ import annotations

from pydantic import Field, JsonValue

from streams.scores import Scores
from streams.wire import Integer, Number, Record, Vector, content_of


class Text(Record):
    """A text to label; its id is the key all the way."""

    id: str
    text: str
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    source: str | None = None
    received: Number = 0.0

    @property
    def content(self) -> str:
        """Return the key of the content."""
        return content_of(self.text)


class Contender(Record):
    """A label that may be right, with its calibrated probability."""

    label: str
    probability: Number


class Uncertain(Record):
    """A text for the judge: the classifier was not sure, or an audit asks.

    `rest` is the probability of none of the contenders, before any of them was left out; None for
    what theirs leave. `rejected` are the labels the judge has refused for it in earlier rounds: it
    is not asked about them again. `further` are labels beyond the contenders, likeliest first, for
    a judge that refuses those. An audit that is `spared` is of a doubtful text about which
    nobody would be asked otherwise (`streams.weighing`). `attempt` counts how often it was
    postponed, `timeouts` how often of those because the judge took too long over it. `inclusion`
    is the probability with which it came to be judged, `rate` the least that any text had then;
    one that is `apart` does not teach, so that versions can be compared on it. `scores` are what
    it was predicted from, the first time.
    """

    text: Text
    embedding: Vector
    contenders: list[Contender]
    further: list[str] = Field(default_factory=list)
    rest: Number | None = None
    rejected: list[str] = Field(default_factory=list)
    model: Integer
    round: Integer = 1
    audit: bool = False
    spared: bool = False
    inclusion: Number = Field(1.0, gt=0, le=1)
    rate: Number = Field(1.0, ge=0, le=1)
    apart: bool = False
    scores: Scores | None = None
    attempt: Integer = 0
    timeouts: Integer = 0
    due: Number = 0.0


class Recheck(Record):
    """A held text whose contenders a new model version changed."""

    text: Text
    embedding: Vector
    lead: str
    rejected: list[str] = Field(default_factory=list)
    round: Integer
    model: Integer
