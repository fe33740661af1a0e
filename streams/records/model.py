"""Versions of the model: manifests, and what they say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from streams.wire import Integer, Number, Record


class Claim(Record):
    """What is known of the precision of texts that go out unasked (`models.risk.Finding`)."""

    state: Literal["certified", "too few", "too rare", "open", "below", "too close"]
    target: Number
    bound: Number
    agreement: Number | None = None
    judged: Integer
    reason: str


class Reliability(Record):
    """What is known of the judge (`models.trust.Trust`), from so many `answers`.

    `reliable` is how often it is right about what it is asked, `steps` the same by the classifier's
    confidence. `believed`: for now its answers are taken for the truth, whatever that says.
    """

    reliable: Number
    steps: list[Number]
    answers: Integer
    believed: bool = False


class Refusal(Record):
    """Lessons that would have made the model worse, and how that was seen (`streams.gate`)."""

    lessons: list[str]
    texts: Integer
    lost: Integer
    won: Integer
    p: Number


class Tree(Record):
    """Names of parts of a version, each with the SHA-256 of its content (`streams.trees`)."""

    parts: dict[str, str]


class Layered(Record):
    """How evidence is put together: weights for texts without and with the arbiter, eight each as
    in `models.confidence.Weights`, refitted on so many `judged` texts.
    """

    quick: list[Number]
    full: list[Number]
    judged: Integer


class Encoded(Record):
    """The encoder that a model was moved to, and since when (`streams.program.encoder_change`).

    `name` and `path` are those it is loaded by. From version `number` on the model reads its
    vectors; verdicts about what an earlier version said, and all before offset `verdicts`, say
    nothing of it. Its examples are in the store whose name ends in `store`; `before` is the
    identity of the encoder before it, whose examples are in `store_before`.
    """

    name: str
    path: Literal["fp32", "bfloat16"]
    dimension: Integer
    number: Integer
    verdicts: Integer
    store: str
    before: str
    name_before: str | None = None
    store_before: str = ""
    dimension_before: Integer = 0


class Manifest(Record):
    """One whole version of the model: names its parts by content.

    It names `trees` by their SHA-256, which name the parts; the manifests of earlier redstreams
    have all `parts` themselves.

    `encoder` is the identity of the encoder whose vectors it reads; `encoded` says more where that
    is not the one of the fit.
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

    number: Integer
    epoch: Integer
    hash: str
    encoder: str
    encoded: Encoded | None = None
    threshold: Number
    audit: Number | None = None
    claim: Claim | None = None
    trust: Reliability | None = None
    judged_from: Integer = 0
    shares: dict[str, Number] = Field(default_factory=dict)
    counted: Integer = 0
    layer: Layered | None = None
    taught_from: Integer = 0
    ageing: dict[str, Integer] = Field(default_factory=dict)
    refused: Refusal | None = None
    labels: list[str]
    parts: dict[str, str] = Field(default_factory=dict)
    trees: list[str] = Field(default_factory=list)
    applied: Integer = Field(description="offset in `retrain` up to which texts are learnt")
    applied_labels: Integer = Field(0, description="offset in `labels` up to which all is done")
    renamed: dict[str, str] = Field(default_factory=dict)
    retired: list[str] = Field(default_factory=list)
    learnt: Integer
    touched: list[str]
    restores: Integer | None = None
    left_out: list[tuple[Integer, Integer]] = Field(default_factory=list)
    at: Number

    @property
    def called(self) -> str:
        """Return how a person knows the encoder: by name, where the log has one, and identity."""
        return self.encoder if self.encoded is None else f"{self.encoded.name}, {self.encoder}"
