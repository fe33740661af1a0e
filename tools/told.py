"""What the AsyncAPI document says in words: of the whole, of each topic, of headers."""

from __future__ import annotations

from streams.incoming import (
    ID_HEADER,
    READING_HEADER,
    ROW_HEADER,
    SOURCE_HEADER,
    TEXT_HEADER,
    WRONG_HEADER,
)
from streams.textindex import REQUEUED_HEADER

ABOUT = """\
Texts go in, labelled events come out; classifier, judge and trainer pass records between the two.

Write to `texts` only: any JSON object with a `text`, best keyed by its id. Read `labeled-latest`
(the newest truth of each text), `labeled` (every decision, in the order made) and `deadletters`
(what could not be used). All other topics are redstream's own: their records may change with any
version, and nobody else writes there.

Delivery is at least once: a reader drops an event whose `event` id it has seen. Ledger, trainer and
drift publish in transactions: read with `isolation.level=read_committed`. Addresses begin with
REDSTREAM_KAFKA_PREFIX, here the default `redstream.`. Times are seconds since 1970, UTC.

Values are JSON in UTF-8, without the fields that have no value. Fields may be added with any
version: pass over those that you do not know. No plain JSON are `models` and the snapshot in
`marks`, whose messages say what they are: parts of a model are raw bytes, and what is called a
zlib stream is the JSON of its payload, compressed.
"""

PUBLIC = {
    "texts": "write",
    "labeled-latest": "read",
    "labeled": "read",
    "deadletters": "read",
}
"""What an outsider may do with a topic."""

TOLD = {
    "texts": "Texts to label, from anybody. What is no JSON object with a usable text ends in"
    " `deadletters`, not in silence.",
    "uncertain": "Texts for the judge: the classifier was not sure, or an audit asks.",
    "uncertain-later": "Texts that wait for the judge: it was away or slow, or has others first.",
    "verdicts": "Every answer of the judge, and of a person (who writes here with"
    " `redstream review`). Kept for ever: calibration, thresholds and cost are read from it. A"
    " message without a value erases the one with its key.",
    "retrain": "The training set: seed examples, accepted texts, revocations. Kept for ever; a"
    " message without a value erases the one with its key.",
    "models": "Versions of the model, content-addressed as in git; a message without a value"
    " removes its key.",
    "labeled": "Labelled events, every decision about every text. Of the events of one text the"
    " greatest (authority, decision, event) holds, wherever it lies; authority rises from"
    " classifier over judge to person. A person's `withdrawn` takes that person's word back. Read"
    " `labeled-latest` if the order is not of interest.",
    "recheck": "Undecided texts whose contenders a newer model version changed.",
    "rounds": "Rounds over the undecided texts once an input has ended.",
    "labeled-latest": "For each text the labelled event that holds now: the topic to build on."
    " Compacted, so that a reader from the beginning gets the whole truth; a later event of a text"
    " replaces the earlier one. An empty `label` is a person's word that no label is right. A"
    " message without a value: the text is forgotten, and so should be what was built on it.",
    "forgotten": "Texts that are forgotten for good, made with `redstream forget`: a digest of each"
    " id, from which nobody can tell what it was. Nothing of them is taken in any more.",
    "labels": "Changes of the label set, made with `redstream labels`.",
    "drift": "Changes of the stream that were noticed, with their evidence.",
    "deadletters": "What could not be used, by any stage: original bytes, key and headers, where"
    " they lay and why. `redstream deadletters requeue` puts one back after a repair.",
    "marks": "How far files are read and written, and what the detectors of drift know.",
}

HEADERS = {
    SOURCE_HEADER: "Where the text comes from, such as file:line; shown by `redstream explain`."
    " An id that is missing is derived from it.",
    TEXT_HEADER: "Name or dotted path of the field with the text; left out: `text`.",
    ID_HEADER: "Name or dotted path of the field with the id; left out: `id`.",
    ROW_HEADER: "Set by redstream: the id of the row of a file, for a text without its own.",
    READING_HEADER: "Set by redstream: how often the file was read from its start.",
    WRONG_HEADER: "Set by redstream: why the row of a file is none; it becomes a dead letter.",
    REQUEUED_HEADER: "Set by redstream: the position that a dead letter first had.",
}

MODEL_MESSAGES = {
    "ModelPart": (
        "part/SHA-256",
        "",
        "The raw bytes of a part (numpy arrays, JSON) under the SHA-256 of exactly these bytes.",
    ),
    "ModelTree": (
        "tree/SHA-256",
        "Tree",
        "Names of parts: the payload's JSON as a zlib stream, whose SHA-256 is in the key.",
    ),
    "ModelManifest": (
        "manifest/N",
        "Manifest",
        "One whole version, as a zlib stream of the payload's JSON; published after all it names.",
    ),
    "ModelPin": ("pin/N", "", "Keeps version N while it is there; the value is `{}`."),
}
"""Key, record ("" for bytes) and words of what lies in `models`."""
