"""Every kind of record that moves, as it stands on the wire (JSON, UTF-8).

Our own records ignore fields they do not know, so that two versions can run side by side
while an upgrade rolls. What comes from outside is read by `streams.incoming`, which keeps
unknown fields as `attributes`. Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from streams.scores import Scores
from streams.wire import Record, Vector, content_of, derived_id


class Authority(StrEnum):
    """Who decided; a later member overrules an earlier one."""

    CLASSIFIER = "classifier"
    JUDGE = "judge"
    PERSON = "person"

    @property
    def rank(self) -> int:
        """Return the place in the order of authority, 0 for the weakest."""
        return list(Authority).index(self)


class Text(Record):
    """A text to label; its id is the key all the way."""

    id: str
    text: str
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    source: str | None = None
    received: float = 0.0

    @property
    def content(self) -> str:
        """Return the key of the content."""
        return content_of(self.text)


class Contender(Record):
    """A label that may be right, with its calibrated probability."""

    label: str
    probability: float


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
    rest: float | None = None
    rejected: list[str] = Field(default_factory=list)
    model: int
    round: int = 1
    audit: bool = False
    spared: bool = False
    inclusion: float = 1.0
    rate: float = 1.0
    apart: bool = False
    scores: Scores | None = None
    attempt: int = 0
    timeouts: int = 0
    due: float = 0.0


class Recheck(Record):
    """A held text whose contenders a new model version changed."""

    text: Text
    embedding: Vector
    lead: str
    rejected: list[str] = Field(default_factory=list)
    round: int
    model: int


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
    decision: int
    event: str
    confidence: float | None = None
    contenders: list[Contender] = Field(default_factory=list)
    signed: str
    model: int
    guide: str | None = None
    prompt: str | None = None
    neighbours: list[str] = Field(default_factory=list)
    spared: bool = False
    withdrawn: bool = False
    text: str
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    source: str | None = None
    received: float = 0.0
    at: float

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

    rightly: float
    wrongly: float
    label: str | None = None
    probability: float | None = None


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
    round: int = 1
    audit: bool = False
    spared: bool = False
    inclusion: float = 1.0
    rate: float = 1.0
    apart: Vector | None = None
    scores: Scores | None = None
    proposed: str
    confidence: float
    model: int
    guide: str | None = None
    prompt: str | None = None
    neighbours: list[str] = Field(default_factory=list)
    reason: str = ""
    tokens: int = 0
    calls: int = 0
    estimated: bool = False
    final: bool = False
    decision: Literal["accepted", "undecided", "away"] | None = None
    weighed: Weighed | None = None
    held: Uncertain | None = None
    at: float


class Retrain(Record):
    """One line of the training set: a seed example, an accepted text, or a revocation."""

    kind: Literal["seed", "accepted", "revoked"]
    id: str
    label: str
    text: str = ""
    embedding: Vector | None = None
    authority: Authority | None = None
    signed: str | None = None
    at: float

    @property
    def gold(self) -> bool:
        """Tell whether it is a person's word: a seed example, or one given or checked later."""
        return self.kind == "seed" or self.authority is Authority.PERSON

    @model_validator(mode="after")
    def _teaches_with_an_embedding(self) -> Self:
        if self.kind != "revoked" and self.embedding is None:
            raise ValueError("a lesson without an embedding")
        return self


class LabelCommand(Record):
    """A change of the label set; `into` is the new name (rename) or the label joined (merge).

    `embedding` is that of name and guide: who carries the command out has no encoder.
    """

    command: Literal["add", "retire", "rename", "merge", "guide"]
    label: str
    into: str | None = None
    name: str | None = None
    guide: str | None = None
    embedding: Vector | None = None
    at: float


class Claim(Record):
    """What is known of the precision of texts that go out unasked (`models.risk.Finding`)."""

    state: Literal["certified", "too few", "open", "below", "too close"]
    target: float
    bound: float
    agreement: float | None = None
    judged: int
    reason: str


class Reliability(Record):
    """What is known of the judge (`models.trust.Trust`), from so many `answers`.

    `reliable` is how often it is right about what it is asked, `steps` the same by the classifier's
    confidence. `believed`: for now its answers are taken for the truth, whatever that says.
    """

    reliable: float
    steps: list[float]
    answers: int
    believed: bool = False


class Refusal(Record):
    """Lessons that would have made the model worse, and how that was seen (`streams.gate`)."""

    lessons: list[str]
    texts: int
    lost: int
    won: int
    p: float


class Tree(Record):
    """Names of parts of a version, each with the SHA-256 of its content (`streams.trees`)."""

    parts: dict[str, str]


class Layered(Record):
    """How evidence is put together: weights for texts without and with the arbiter, eight each as
    in `models.confidence.Weights`, refitted on so many `judged` texts.
    """

    quick: list[float]
    full: list[float]
    judged: int


class Manifest(Record):
    """One whole version of the model: names its parts by content.

    It names `trees` by their SHA-256, which name the parts; the manifests of earlier redstreams
    have all `parts` themselves.

    From `threshold` on texts go out unasked, and `audit` of them are judged as well: None for as
    many as the settings say. `claim` is what supports that; None before anything was judged.
    `trust` is what the judge's answers are worth; None where nothing is known.
    `shares` is how often each label was given out lately, up to offset `counted` in `labeled`;
    `layer` the weights in service, None for those of the fit.
    Of labels that are `ageing` what was taught before that offset in `retrain` goes as soon as they
    can do without; `taught_from` is that of the latest change of meaning.
    `renamed` are labels that are no more, with what they are called now (renamed or merged);
    `retired` those that are not proposed any more.

    A rollback `restores` an older version; what was taught between the two is `left_out`, as are
    the lessons of earlier rollbacks: first offset in `retrain`, and the one after the last.
    """

    number: int
    epoch: int
    hash: str
    encoder: str
    threshold: float
    audit: float | None = None
    claim: Claim | None = None
    trust: Reliability | None = None
    judged_from: int = 0
    shares: dict[str, float] = Field(default_factory=dict)
    counted: int = 0
    layer: Layered | None = None
    taught_from: int = 0
    ageing: dict[str, int] = Field(default_factory=dict)
    refused: Refusal | None = None
    labels: list[str]
    parts: dict[str, str] = Field(default_factory=dict)
    trees: list[str] = Field(default_factory=list)
    applied: int = Field(description="offset in `retrain` up to which texts are learnt")
    applied_labels: int = Field(0, description="offset in `labels` up to which all is done")
    renamed: dict[str, str] = Field(default_factory=dict)
    retired: list[str] = Field(default_factory=list)
    learnt: int
    touched: list[str]
    restores: int | None = None
    left_out: list[tuple[int, int]] = Field(default_factory=list)
    at: float


class RoundEnd(Record):
    """What a round over the held texts came to, in texts.

    `examined` by the classifier; of these `accepted` got a label, `sure` of them the
    classifier's own, and `refused` were judged again in vain. `after` are still held. `version`
    is then in service, `labeled` the end of that topic.
    """

    examined: int
    accepted: int
    sure: int
    refused: int
    after: int
    version: int
    labeled: int
    at: float


class Round(Record):
    """A round over the held texts once the input has ended: its beginning, then with its `end`.

    `number` counts from 1 since the input ended; `before` texts were held; `version` was in
    service: it begins no second round. `texts`, `rechecks`, `verdicts` and `labeled` were the
    ends of those topics. Where many are held, further parts (`part` 2, 3, ...) bring back more.
    """

    number: int
    version: int
    part: int = 1
    before: int
    texts: int
    rechecks: int
    verdicts: int
    labeled: int
    end: RoundEnd | None = None
    at: float


class Drift(Record):
    """A noticed change of the stream, with its evidence.

    `event` is derived from the record that brought it to light; `series` says whose disagreement
    it is; `texts` are ids of texts that show it, `examples` what they say, shortened.
    """

    kind: Literal["disagreement", "embeddings", "shares"]
    event: str | None = None
    series: Literal["audits", "doubtful"] | None = None
    labels: list[str]
    since: float
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    texts: list[str] = Field(default_factory=list)
    examples: list[str] = Field(default_factory=list)
    at: float


class DeadLetter(Record):
    """What could not be used: original bytes, provenance and reason."""

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    message: str
    attempt: int
    version: str
    value: str = Field(description="original bytes, base64")
    key: str | None = Field(default=None, description="original key, base64")
    headers: dict[str, str] = Field(default_factory=dict)
    requeued: float | None = None
    at: float

    @property
    def position(self) -> str:
        """Return topic/partition/offset of the record: the key of its dead letter."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def original(self) -> bytes:
        """Return the bytes as they arrived."""
        return base64.b64decode(self.value)

    def original_key(self) -> bytes | None:
        """Return the key as it arrived."""
        return None if self.key is None else base64.b64decode(self.key)


class FileMark(Record):
    """How much of a file is read (`in`) or written (`out`), committed with the records it made.

    `digest` (of an input) is that of the bytes read so far: a file that changed is noticed, and
    read again from its start, which is the next `reading` (None: the first). `rows` is a file of
    somebody's own rows with their labels, of which nothing but its being ours is known.
    """

    role: Literal["in", "out", "rows"]
    path: str
    bytes: int
    rows: int
    digest: str | None = None
    reading: int | None = None

    @property
    def key(self) -> str:
        """Return the record's key."""
        return f"{self.role}:{self.path}"
