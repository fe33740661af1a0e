"""Every topic and every stage, in the order in which a text flows. Read this page first.

                     ┌──────────────── recheck ◄─────────────┐
                     ▼                                       │
 texts ────────► classify ──sure─────────────► labeled ──► ledger ──► labeled-latest ──► write
                     │                            ▲          ▲
                     └─unsure, audits─► uncertain │      verdicts ◄── a person (review)
                                            ▼     │          │
            uncertain-later ◄─away─────── judge ──┴──────────┤
                   └── later ──► uncertain                   ├─accepted─► retrain ─► remember
                                                             │               │      (Qdrant)
 uncertain, verdicts, labeled ──► drift (stage) ──► drift ───┴─────────────► train ─► models
 labels (add, retire, rename, merge) ──► train, remember                      (to every stage)
 forgotten (texts to erase) ──► ledger, train, remember, drift; every other stage looks it up
 anything unreadable, anywhere ──► deadletters

A person's verdict comes from outside, into the log: the ledger makes a labelled event and a lesson
of it (`streams.reviewed`). When the input has ended, the runner publishes `rounds`, and the ledger
brings back all that it holds (`streams.rounds`).

A stage is a name (its consumer group), the topics it reads and one coroutine from a batch to
what it publishes (`streams.stage`). It knows no runner; `streams.embedded` runs it on SQLite.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams import records
from streams.wire import Record


@dataclass(frozen=True)
class Topic:
    """One topic: what it carries, how it is keyed, and how long it is kept.

    `record` is None where the value is not one of our records (raw bytes from outside, parts
    of a model). `partitions` (None: as many as the settings say) and `keep_days` are what the Kafka
    adapter declares: one where whoever reads builds on the order of all records (ledger, trainer,
    drift), many where work is shared out. The embedded log has one partition, and keeps what is
    `passing` until every stage has read it, all else for ever (`streams.retention`).

    `of_text`: every record is about the text that its key names (`streams.stage.text_of`). One that
    is `erasable` has a key for every record, kept for ever but for those that are erased: Kafka
    compacts it, which only a record without a value then makes use of.
    """

    name: str
    record: type[Record] | None
    key: str
    compacted: bool = False
    partitions: int | None = None
    keep_days: int | None = 7
    passing: bool = False
    of_text: bool = False
    erasable: bool = False

    @property
    def removes(self) -> bool:
        """Whether a record without a value takes away what is under its key."""
        return self.compacted or self.erasable


TEXTS = Topic("texts", None, key="text id, or none")
UNCERTAIN = Topic("uncertain", records.Uncertain, key="text id", passing=True, of_text=True)
UNCERTAIN_LATER = Topic(
    "uncertain-later", records.Uncertain, key="text id", passing=True, of_text=True
)
VERDICTS = Topic(
    "verdicts",
    records.Verdict,
    key="text id, then a digest of the record",
    keep_days=None,
    partitions=1,
    of_text=True,
    erasable=True,
)
RETRAIN = Topic(
    "retrain",
    records.Retrain,
    key="text id, then a digest of the record",
    keep_days=None,
    partitions=1,
    of_text=True,
    erasable=True,
)
MODELS = Topic(
    "models", None, key="part/SHA, tree/SHA, manifest/N or pin/N", compacted=True, partitions=1
)
PART, TREE, MANIFEST, PIN = "part/", "tree/", "manifest/", "pin/"
"""How the keys of `models` begin (`streams.repository`)."""

LABELED = Topic(
    "labeled",
    records.Labeled,
    key="text id",
    keep_days=30,
    passing=True,
    partitions=1,
    of_text=True,
)
RECHECK = Topic("recheck", records.Recheck, key="text id", passing=True, of_text=True)
ROUNDS = Topic("rounds", records.Round, key="version", partitions=1, keep_days=None)
LABELED_LATEST = Topic(
    "labeled-latest", records.Labeled, key="text id", compacted=True, of_text=True
)
LABELS = Topic("labels", records.LabelCommand, key="label", partitions=1, keep_days=None)
DRIFT = Topic(
    "drift",
    records.Drift,
    key="kind, then a digest of the record",
    keep_days=None,
    partitions=1,
    erasable=True,
)
DEADLETTERS = Topic(
    "deadletters", records.DeadLetter, key="topic/partition/offset", keep_days=30, partitions=1
)
FORGOTTEN = Topic(
    "forgotten", records.Forgotten, key="digest of a text id", compacted=True, partitions=1
)
MARKS = Topic("marks", records.FileMark, key="role and path", compacted=True, partitions=1)

TOPICS = (
    TEXTS,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
    RETRAIN,
    MODELS,
    LABELED,
    RECHECK,
    ROUNDS,
    LABELED_LATEST,
    LABELS,
    DRIFT,
    DEADLETTERS,
    FORGOTTEN,
    MARKS,
)

COMPACTED = frozenset(topic.name for topic in TOPICS if topic.compacted)


@dataclass(frozen=True)
class StageSpec:
    """One stage: its consumer group, what it reads and writes, and where its code is.

    `batch` is the most records of one batch; `pause` the least seconds between two batches
    (the trainer publishes at most one version a second; lockstep ignores it).
    """

    name: str
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    code: str
    batch: int = 64
    pause: float = 0.0


CLASSIFY = StageSpec(
    "classify",
    (RECHECK, TEXTS),
    (LABELED, UNCERTAIN, UNCERTAIN_LATER),
    "streams.stages.classify",
)
JUDGE = StageSpec(
    "judge",
    (UNCERTAIN,),
    (VERDICTS, LABELED, RETRAIN, UNCERTAIN_LATER, RECHECK),
    "streams.stages.judge",
    batch=64,
)
LATER = StageSpec("later", (UNCERTAIN_LATER,), (UNCERTAIN,), "streams.stages.later", batch=1)
REMEMBER = StageSpec(
    "remember", (FORGOTTEN, LABELS, RETRAIN), (MARKS,), "streams.stages.remember", batch=256
)
TRAIN = StageSpec(
    "train",
    (FORGOTTEN, LABELS, RETRAIN, VERDICTS, DRIFT, LABELED),
    (MODELS, RETRAIN),
    "streams.stages.train",
    batch=1_024,
    pause=1.0,
)
LEDGER = StageSpec(
    "ledger",
    (FORGOTTEN, LABELED, VERDICTS, RETRAIN, MODELS, DEADLETTERS, ROUNDS),
    (LABELED_LATEST, RECHECK, LABELED, RETRAIN),
    "streams.stages.ledger",
    batch=256,
)
NOTICE = StageSpec(
    "drift",
    (FORGOTTEN, UNCERTAIN, VERDICTS, LABELED),
    (DRIFT, MARKS),
    "streams.stages.drift",
    batch=256,
)
WRITE = StageSpec("write", (LABELED_LATEST,), (MARKS,), "streams.stages.write", batch=256)

STAGES = (CLASSIFY, JUDGE, LATER, REMEMBER, TRAIN, LEDGER, NOTICE, WRITE)
"""In the order of the flow. Every stage may also write to `deadletters`.

Lockstep always runs the last of them that has input, so that what comes next depends on the
log alone and a run that was killed goes on exactly as it would have gone.
"""
