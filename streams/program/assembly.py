"""Puts the house together from the settings: store, judge and stages over one log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from judge.examples import ExampleStore
from judge.local import LocalJudge
from judge.policy import Policy
from judge.port import Judge
from judge.qdrant_edge import EdgeExampleStore
from judge.similar import similar_labels
from judge.simulated import SimulatedJudge
from models.errors import Fatal
from streams.answers import Answers
from streams.asking import Asking
from streams.audits import Audits
from streams.derived import readable
from streams.encoding import Encodings
from streams.feed import Feed, Version
from streams.following import Following
from streams.labelset import LabelSet
from streams.ledger import Ledger
from streams.outputs import Outputs
from streams.program.folder import Folder
from streams.program.gold import read_gold
from streams.program.keys import key_of
from streams.program.settings import Settings, columns_beside
from streams.records import FileMark, Retrain
from streams.stage import Log, Stage, outgoing
from streams.stages.classify import Classify
from streams.stages.drift import Notice
from streams.stages.judge import BATCH_SECONDS, JudgeStage
from streams.stages.later import Later
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.stages.train import Train
from streams.stages.write import Write
from streams.stores import Stores, name_of
from streams.textindex import TextIndex
from streams.topology import (
    CLASSIFY,
    JUDGE,
    LATER,
    LEDGER,
    MARKS,
    NOTICE,
    REMEMBER,
    RETRAIN,
    TRAIN,
)
from streams.weighing import Weighing

logger = structlog.get_logger()


def open_store(settings: Settings, dimension: int, name: str = "") -> ExampleStore:
    """Open the example store the settings name: in the folder, or on a Qdrant server.

    `name` is what its own name ends in, of an encoder that the model was moved to.

    Raises:
        Fatal: it cannot be used; a server is first asked when it is first needed.
    """
    if settings.qdrant is None:
        return EdgeExampleStore(Folder(settings.var).store(name), dimension)
    from judge.qdrant_server import ServerExampleStore  # here: its client takes a second to load

    return ServerExampleStore(
        settings.qdrant,
        dimension,
        collection=f"{settings.qdrant_collection}{name}",
        key=key_of(settings, "qdrant") or None,
        plain_key=settings.qdrant_plain_key,
        authority=settings.qdrant_ca_file,
    )


def store_of(settings: Settings, version: Version) -> ExampleStore:
    """Open the example store of a version's encoder. Raises as `open_store`."""
    return open_store(settings, version.classifier.dimension, name_of(version.manifest))


def build_judge(settings: Settings, log: Log, feed: Feed) -> tuple[Judge, Callable[[], Policy]]:
    """Return the judge the settings name, and how far its questions go, asked for every batch.

    Raises:
        Fatal: settings of an LLM that do not fit; a simulated judge without a gold file, or with
            one of other labels.
    """
    if settings.judge == "llm":
        from streams.program.llm import build_llm  # here: its client takes two seconds to load

        return build_llm(settings, log, feed)
    return _stand_in(settings, log, feed), Policy


def _stand_in(settings: Settings, log: Log, feed: Feed) -> Judge:
    if settings.judge == "local":
        return LocalJudge()
    if settings.gold is None:
        raise Fatal("the simulated judge needs gold labels: name a file with --gold")
    gold = read_gold(settings.gold, columns_beside(settings))
    labels, embeddings = seed_examples(log)
    now = LabelSet.of(feed.newest().manifest)
    strange = sorted(
        label for label in set(gold.values()) - set(labels) if now.now(label) not in now.labels
    )
    if strange == sorted(set(gold.values())):
        raise Fatal(f"{settings.gold} has no label that the model knows: is it of these texts?")
    if strange:
        logger.warning(
            "gold labels that the model does not know: their texts stay undecided until the"
            " labels are added",
            labels=strange[:5],
        )
    return SimulatedJudge(
        gold,
        # Of the fit, whatever came since: the judge must not change its mind with the labels.
        labels,
        similar_labels(labels, embeddings),
        error=settings.judge_error,
        seed=settings.seed,
        called=lambda label: feed.newest().manifest.renamed.get(label, label),
    )


def seed_examples(log: Log) -> tuple[list[str], NDArray[np.float32]]:
    """Return the labels, and the embeddings (n, d), of the seed examples: they open `retrain`."""
    labels: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for _, lesson in readable(log, RETRAIN, Retrain):
        if lesson.kind != "seed" or lesson.embedding is None:
            break
        labels.append(lesson.label)
        rows.append(lesson.embedding.array())
    return labels, np.stack(rows)


@dataclass
class Parts:
    """What stages are made of; what a stage does not need is not asked for.

    `teaches`: the judge sees more than the classifier does. `behind` is told why the newest version
    cannot be served (`streams.pairing`).
    """

    settings: Settings
    log: Log
    feed: Feed
    teaches: bool
    stores: Stores
    encodings: Encodings
    judge: Callable[[], tuple[Judge, Callable[[], Policy]]]
    behind: Callable[[str], None] = lambda why: None

    @property
    def folder(self) -> Folder:
        """Where what is derived lies."""
        return Folder(self.settings.var)

    @property
    def certifies(self) -> bool:
        """Who sees no more than the classifier cannot witness that it is right."""
        return self.settings.certify and self.teaches

    @property
    def weighs(self) -> bool:
        """Whether the judge's answers may be weighed."""
        return self.settings.answers != "believe" and self.teaches

    @property
    def weighing(self) -> Weighing | None:
        """What weighs the judge's answers."""
        return Weighing(self.feed, self.settings.answers) if self.weighs else None


def _classify(parts: Parts) -> Stage:
    settings = parts.settings
    return Classify(
        parts.encodings.of(parts.feed.newest().manifest),
        parts.feed,
        TextIndex(parts.folder.texts),
        Asking(settings.audit, settings.seed, certify=parts.certifies),
        max_text=settings.max_text,
        weighing=parts.weighing,
        encodings=parts.encodings,
        behind=parts.behind,
    )


def _judge(parts: Parts) -> Stage:
    judge, policy = parts.judge()
    parts.stores.of(parts.feed.newest())  # now, not with the first case: it may be unusable
    return JudgeStage(
        judge,
        parts.stores,
        concurrency=parts.settings.concurrency,
        policy=policy,
        # Who has more patience with a slow model holds a batch longer for it.
        seconds=max(BATCH_SECONDS, parts.settings.llm_patience),
        feed=parts.feed,
        weighing=parts.weighing,
    )


def _remember(parts: Parts) -> Stage:
    parts.stores.of(parts.feed.newest())
    return Remember(parts.stores, parts.feed, parts.encodings)


def _train(parts: Parts) -> Stage:
    settings, folder = parts.settings, parts.folder
    return Train(
        parts.feed,
        Audits(folder.audits, settings.target, settings.audit) if parts.certifies else None,
        Outputs() if settings.shares else None,
        Answers() if parts.weighs else None,
        Following(folder.following) if settings.weights else None,
        encodings=parts.encodings,
    )


BUILT: dict[str, Callable[[Parts], Stage]] = {
    CLASSIFY.name: _classify,
    JUDGE.name: _judge,
    LATER.name: lambda parts: Later(),
    REMEMBER.name: _remember,
    TRAIN.name: _train,
    LEDGER.name: lambda parts: LedgerStage(Ledger(parts.folder.ledger)),
    NOTICE.name: lambda parts: Notice(seed=parts.settings.seed),
}
"""Every stage but the one that writes an output file, in the order of the flow."""


def build_stages(parts: Parts, out: Path | None) -> Sequence[Stage]:
    """Return every stage in the order of the flow (`streams.topology.STAGES`)."""
    stages = [build(parts) for build in BUILT.values()]
    if out is not None:
        claim_output(parts.log, out)
        stages.append(Write(out))
    return stages


def claim_output(log: Log, path: Path) -> None:
    """Make sure an output file is ours before anything in it is cut back.

    Raises:
        Fatal: the file holds something and is none of this folder's outputs, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise Fatal(f"cannot write {path}: {error.strerror}; name another --out") from None
    mark = FileMark(role="out", path=str(path.absolute()), bytes=0, rows=0)
    if log.newest(MARKS.name, mark.key.encode()) is not None:
        return
    if path.exists() and path.stat().st_size:
        raise Fatal(f"{path} holds something already: move it away, or name another --out")
    log.append([outgoing(MARKS, mark.key, mark)])
