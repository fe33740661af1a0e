"""A judge that errs meets a classifier that is better: real stages over the embedded log."""

import asyncio
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from judge.memory_store import MemoryExampleStore
from judge.policy import Policy
from judge.similar import similar_labels
from judge.simulated import SimulatedJudge
from models.classifier import Classifier, Example, LabelInfo
from models.encoder_paths import EncoderPath
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.encoding import Encodings
from streams.feed import Feed
from streams.figures import Figures
from streams.program.assembly import Parts, build_stages
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.records import Authority, Text
from streams.stage import outgoing
from streams.stores import Stores
from streams.topology import TEXTS
from streams.weighing import Mode

LABELS, EACH, TEXTS_STREAMED, DIMENSION = 16, 12, 700, 24
NOISE = 1.25
"""As wide as leaves the classifier right on eight or nine texts in ten."""

NAMES = tuple(f"label {number:02d}" for number in range(LABELS))


class Drawn:
    """Encodes "LABEL/NUMBER" as that label's direction, with noise drawn by number."""

    path: EncoderPath = "fp32"
    identity = "drawn"
    dimension = DIMENSION

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), DIMENSION), np.float32)
        for row, text in enumerate(texts):
            label, number = map(int, text.split("/"))
            noise = np.random.default_rng([label, number]).normal(size=DIMENSION)
            rows[row] = directions()[label] + NOISE * noise / np.sqrt(DIMENSION)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@cache
def directions() -> NDArray[np.float64]:
    """Labels in groups of four that are alike."""
    rng = np.random.default_rng(7)
    group, own = rng.normal(size=(LABELS // 4, DIMENSION)), rng.normal(size=(LABELS, DIMENSION))
    rows = np.repeat(group, 4, axis=0) + own
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@cache
def seeds() -> list[Example]:
    texts = [f"{label}/{number}" for label in range(LABELS) for number in range(EACH)]
    rows = Drawn().encode(texts)
    return [
        Example(text, NAMES[int(text.split("/")[0])], row, gold=True)
        for text, row in zip(texts, rows, strict=True)
    ]


@cache
def fitted() -> Classifier:
    labels = [LabelInfo(name, name, "", None) for name in NAMES]
    return Classifier.fit(seeds(), labels, encoder=Drawn.identity, target=0.95)


@cache
def stream() -> dict[str, str]:
    """Texts by their ids, which are what they say, with their labels."""
    drawn = np.random.default_rng(3).integers(LABELS, size=TEXTS_STREAMED)
    return {f"{label}/{1_000 + n}": NAMES[label] for n, label in enumerate(drawn.tolist())}


def right_alone() -> float:
    """How often the classifier is right that nobody teaches."""
    said = fitted().predict(Drawn().encode(list(stream())))
    pairs = zip(said, stream().values(), strict=True)
    return float(np.mean([one.label == label for one, label in pairs]))


class Outcome:
    """What became of the stream in a folder, with answers believed or weighed."""

    def __init__(self, var: Path, answers: Mode, error: float) -> None:
        var.mkdir()
        settings = Settings(var=var, answers=answers)
        examples, gold = seeds(), stream()
        similar = similar_labels(
            [one.label for one in examples], np.stack([one.embedding for one in examples])
        )
        judge = SimulatedJudge(gold, NAMES, similar, error=error)
        with closing(SqliteLog(Folder(var).log)) as log:
            feed = Feed(log)
            log.append(feed.publish(fitted(), applied=0, learnt=0, touched=()))
            log.append([outgoing(TEXTS, id, Text(id=id, text=id)) for id in gold])
            store = MemoryExampleStore(DIMENSION)
            parts = Parts(
                settings,
                log,
                feed,
                teaches=judge.teaches,
                stores=Stores.only(store),
                encodings=Encodings(lambda manifest: Drawn()),
                judge=lambda: (judge, Policy),
            )
            stages = build_stages(parts, None)
            asyncio.run(EmbeddedRunner(log, stages).run(lockstep=True))
            self.trust = feed.newest().manifest.trust
        with closing(Figures(Folder(var).ledger)) as figures:
            truths = figures.truths()
            self.calls = figures.counts().calls
        self.judge_right = float(np.mean([judge.believed(id) == gold[id] for id in gold]))
        self.undecided = 1 - len(truths) / len(gold)
        self.right = sum(truths[id][0] == gold[id] for id in truths) / len(gold)
        self.by_classifier = sum(by is Authority.CLASSIFIER for _, by in truths.values())


def test_a_judge_worse_than_the_classifier_does_no_harm(tmp_path: Path) -> None:
    weighed = Outcome(tmp_path / "weighed", "weigh", 0.4)
    believed = Outcome(tmp_path / "believed", "believe", 0.4)
    alone = right_alone()
    assert weighed.judge_right < 0.65 < 0.8 < alone
    assert weighed.right >= alone
    assert believed.right < alone  # which is what weighing is for
    assert weighed.calls < believed.calls
    assert weighed.trust is not None
    assert weighed.trust.reliable == pytest.approx(weighed.judge_right, abs=0.15)


def test_with_a_good_judge_nothing_is_lost(tmp_path: Path) -> None:
    weighed = Outcome(tmp_path / "weighed", "weigh", 0.04)
    believed = Outcome(tmp_path / "believed", "believe", 0.04)
    assert weighed.right >= believed.right - 0.003
    assert weighed.right > right_alone() + 0.05
    assert weighed.undecided <= believed.undecided
