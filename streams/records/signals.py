"""What the stream says of itself: rounds, drift, dead letters, how far files are read."""

from __future__ import annotations

import base64
from typing import Literal

from pydantic import Field, JsonValue

from streams.wire import Integer, Number, Record


class RoundEnd(Record):
    """What a round over the held texts came to, in texts.

    `examined` by the classifier; of these `accepted` got a label, `sure` of them the
    classifier's own, and `refused` were judged again in vain. `after` are still held. `version`
    is then in service, `labeled` the end of that topic.
    """

    examined: Integer
    accepted: Integer
    sure: Integer
    refused: Integer
    after: Integer
    version: Integer
    labeled: Integer
    at: Number


class Round(Record):
    """A round over the held texts once the input has ended: its beginning, then with its `end`.

    `number` counts from 1 since the input ended; `before` texts were held; `version` was in
    service: it begins no second round. `texts`, `rechecks`, `verdicts` and `labeled` were the
    ends of those topics. Where many are held, further parts (`part` 2, 3, ...) bring back more.
    """

    number: Integer
    version: Integer
    part: Integer = 1
    before: Integer
    texts: Integer
    rechecks: Integer
    verdicts: Integer
    labeled: Integer
    end: RoundEnd | None = None
    at: Number


class Drift(Record):
    """A noticed change of the stream, with its evidence.

    `event` is derived from the record that brought it to light; `series` says whose disagreement
    it is; `texts` are ids of texts that show it, `examples` what they say, shortened.
    """

    kind: Literal["disagreement", "embeddings", "shares"]
    event: str | None = None
    series: Literal["audits", "doubtful"] | None = None
    labels: list[str]
    since: Number
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    texts: list[str] = Field(default_factory=list)
    examples: list[str] = Field(default_factory=list)
    at: Number


class DeadLetter(Record):
    """What could not be used: original bytes, provenance and reason.

    Of `headers` that are no UTF-8 the text is what can be read of them; their bytes are `unread`.
    """

    topic: str
    partition: Integer
    offset: Integer
    stage: str
    error: str
    message: str
    attempt: Integer
    version: str
    value: str = Field(description="original bytes, base64")
    key: str | None = Field(default=None, description="original key, base64")
    headers: dict[str, str] = Field(default_factory=dict)
    unread: dict[str, str] | None = Field(
        default=None, description="original bytes of headers that are no UTF-8, base64"
    )
    requeued: Number | None = None
    at: Number

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

    def original_headers(self) -> dict[str, str]:
        """Return the headers as they arrived, bytes that are no UTF-8 as surrogates."""
        unread = {
            name: base64.b64decode(value).decode("utf-8", "surrogateescape")
            for name, value in (self.unread or {}).items()
        }
        return {**self.headers, **unread}


class FileMark(Record):
    """How much of a file is read (`in`) or written (`out`), committed with the records it made.

    `digest` (of an input) is that of the bytes read so far: a file that changed is noticed, and
    read again from its start, which is the next `reading` (None: the first). `rows` is a file or
    folder of somebody's own rows with their labels, of which only its being ours is known. A new
    example store (`store`) lacks what was taught from line `rows` of `retrain` on, until `remember`
    has taken it in and removes the mark.
    """

    role: Literal["in", "out", "rows", "store"]
    path: str
    bytes: Integer
    rows: Integer
    digest: str | None = None
    reading: Integer | None = None

    @property
    def key(self) -> str:
        """Return the record's key."""
        return f"{self.role}:{self.path}"
