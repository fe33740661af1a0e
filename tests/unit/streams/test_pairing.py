"""Version and encoder switch together, the one before serves until then, and nothing is mixed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streams.pairing
from judge.memory_store import MemoryExampleStore
from models.classifier import Classifier, Example, LabelInfo
from models.encoder import Encoder, HashingEncoder
from models.errors import Fatal
from streams.asking import Asking
from streams.audits import Audits
from streams.embedded.log import SqliteLog
from streams.encoding import Encodings, NotHere, Words
from streams.errors import NotYet
from streams.feed import Feed
from streams.records import Encoded, LabelCommand, Manifest
from streams.stages.classify import Classify
from streams.stages.train import Train
from streams.stores import Stores
from streams.terms import Terms
from streams.textindex import TextIndex
from streams.topology import LABELED, RECHECK, RETRAIN, TEXTS, UNCERTAIN, VERDICTS
from streams.wire import Vector
from tests.unit.streams import make, tiny

OTHER = HashingEncoder(96)


def other() -> Classifier:
    """The tiny classifier in vectors of another encoder."""
    return Classifier.fit(
        [
            Example(id=text, label=label, embedding=OTHER.encode([text])[0], gold=True)
            for label, texts in tiny.EXAMPLES.items()
            for text in texts
        ],
        [LabelInfo(k, k, "", OTHER.encode([k])[0]) for k in tiny.LABELS],
        encoder=OTHER.identity,
        target=0.9,
    )


def encoded(feed: Feed, **fields: Any) -> Encoded:
    usual: dict[str, Any] = {"store": "-2", "before": tiny.ENCODER.identity, "verdicts": 0}
    usual |= {"name": "hashing:96", "path": "fp32", "dimension": 96, "number": feed.moves_to()}
    return Encoded(**{**usual, **fields})


def move(log: SqliteLog) -> Manifest:
    feed = Feed(log)
    feed.newest()
    log.append(feed.move(other(), encoded=encoded(feed)))
    return feed.newest().manifest


class Shelf:
    """Encoders as a machine has them: each comes when it is let."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.fails: Exception | None = None
        self.asked = 0

    def __call__(self, manifest: Manifest) -> Encoder:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        assert self.there.wait(20)
        return OTHER


Make = Callable[..., Classify]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def behind() -> list[str]:
    return []


@pytest.fixture
async def stage(log: SqliteLog, tmp_var: Path, shelf: Shelf, behind: list[str]) -> Any:
    made = Classify(
        tiny.ENCODER,
        tiny.fitted(log),
        TextIndex(tmp_var / "texts.sqlite"),
        Asking(0.0, 0, certify=False),
        max_text=1_000,
        encodings=Encodings(shelf),
        behind=behind.append,
    )
    await made.start(log)
    yield made
    shelf.there.set()
    await made.close()


def texts(*words: str) -> list[Any]:
    return make.batch(TEXTS, *(make.text(one, one).encode() for one in words))


async def until_it_serves(stage: Classify, number: int) -> None:
    for _ in range(500):
        if stage._pairing.now().version.number == number:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never switched")


async def test_the_version_before_serves_with_its_own_encoder_until_the_other_is_loaded(
    log: SqliteLog, stage: Classify, shelf: Shelf
) -> None:
    moved = move(log)
    for words in ("printer paper jam", "printer offline paper"):
        out = await stage.handle(texts(words))
        assert [event.model for event in make.of(LABELED, out)] == [1]
    shelf.there.set()
    await until_it_serves(stage, moved.number)
    out = await stage.handle(texts("toner empty printer", tiny.UNSURE))
    assert [event.model for event in make.of(LABELED, out)] == [moved.number]
    (case,) = make.of(UNCERTAIN, out)
    assert case.embedding.encoder == OTHER.identity
    assert case.embedding.array().shape == (96,)
    assert shelf.asked == 1


async def test_where_it_cannot_be_loaded_the_version_before_goes_on_and_says_so(
    log: SqliteLog,
    stage: Classify,
    shelf: Shelf,
    behind: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf.fails = Fatal("no such weights")
    moved = move(log)
    await stage.handle(texts("printer paper jam"))
    await asyncio.sleep(0.1)
    for words in ("printer offline paper", "toner empty printer"):
        out = await stage.handle(texts(words))
        assert [event.model for event in make.of(LABELED, out)] == [1]
    begun, why = behind
    assert begun == ""
    assert "no such weights" in why
    assert "model 1 serves until it can be" in why
    assert shelf.asked == 1  # not with every batch
    shelf.fails = None
    shelf.there.set()
    monkeypatch.setattr(streams.pairing, "AGAIN_SECONDS", 0.0)
    stage._pairing._again = 0.001
    await until_it_serves(stage, moved.number)
    assert behind[-1] == ""


async def test_a_held_text_in_vectors_of_another_encoder_is_encoded_anew(
    log: SqliteLog, stage: Classify, shelf: Shelf
) -> None:
    shelf.there.set()
    moved = move(log)
    await until_it_serves(stage, moved.number)
    words = "printer paper jam"
    foreign = make.recheck("t1", text=make.text("t1", words), embedding=tiny.vector(words))
    own = Vector.of(OTHER.encode([words])[0], OTHER.identity)
    same = make.recheck("t2", text=make.text("t2", words), embedding=own)
    out = await stage.handle(make.batch(RECHECK, foreign, same))
    first, second = make.of(LABELED, out)
    assert {first.id, second.id} == {"t1", "t2"}
    assert first.confidence == second.confidence
    assert not [one for one in out if one.topic == "deadletters"]


async def test_a_worker_that_starts_without_the_encoder_waits_for_it(
    log: SqliteLog, tmp_var: Path, shelf: Shelf
) -> None:
    feed = tiny.fitted(log)
    move(log)
    shelf.fails = Fatal("no such weights")
    index = TextIndex(tmp_var / "texts.sqlite")
    asking = Asking(0.0, 0, certify=False)
    made = Classify(tiny.ENCODER, feed, index, asking, max_text=9, encodings=Encodings(shelf))
    with pytest.raises(NotHere, match="hashing:96"):
        await made.start(log)
    index.close()


def test_a_case_is_shown_the_examples_of_its_own_encoder(log: SqliteLog) -> None:
    feed = tiny.fitted(log)
    opened: list[tuple[int, str]] = []

    def open_(dimension: int, name: str) -> MemoryExampleStore:
        opened.append((dimension, name))
        return MemoryExampleStore(dimension)

    stores = Stores(open_)
    first = stores.near(tiny.vector("paper"), feed.newest().manifest)
    moved = move(log)
    own = stores.near(Vector.of(OTHER.encode(["paper"])[0], OTHER.identity), moved)
    assert opened == [(64, ""), (96, "-2")]
    assert stores.near(tiny.vector("paper"), moved) is first
    strange = stores.near(Vector.of(np.ones(64, np.float32), "of a third"), moved)
    assert strange not in (first, own)
    assert len(opened) == 2


def test_names_are_told_anew_with_what_came_before_them() -> None:
    words = Words("new", [("room", "Meeting rooms", "Booking one")])
    vector = Vector.of(np.ones(2, np.float32), "old")
    guide = LabelCommand(command="guide", label="room", guide="A desk", embedding=vector, at=0)
    name = LabelCommand(
        command="rename", label="room", into="space", name="Space", embedding=vector, at=0
    )
    own = name.model_copy(update={"embedding": Vector.of(np.ones(2, np.float32), "new")})
    assert words.said(guide) == "Meeting rooms. A desk"
    assert words.said(name) == "Space. A desk"
    assert words.said(own) is None


def test_answers_about_an_earlier_encoders_versions_certify_nothing(tmp_path: Path) -> None:
    made = Audits(tmp_path / "audits.json", 0.95, 0.05)
    sure = {"final": True, "decision": "accepted", "label": "printer", "confidence": 0.99}
    verdicts = [make.verdict(f"t{n}", model=1, **sure) for n in range(300)]
    for delivered, verdict in zip(make.batch(VERDICTS, *verdicts), verdicts, strict=True):
        made.observe(delivered, verdict, since=3)
    terms = made.terms(0.6, Terms(0.6))
    assert terms.claim is not None
    assert (terms.claim.judged, terms.threshold) == (0, 0.6)


def test_a_change_of_encoder_is_no_change_of_meaning(tmp_path: Path) -> None:
    made = Audits(tmp_path / "audits.json", 0.95, 0.05)
    made.begin(10)
    assert made.settling
    made.begin(20, meaning=False)
    assert not made.settling
    assert made.terms(0.6, Terms(0.6)).judged_from == 20
    made.save()
    assert not Audits(tmp_path / "audits.json", 0.95, 0.05).settling


async def test_a_trainer_in_the_middle_of_a_batch_does_not_undo_the_move(log: SqliteLog) -> None:
    """Who follows the same feed has read it up to the new version when the trainer publishes."""
    feed = tiny.fitted(log)
    stage = Train(feed, encodings=Encodings(lambda manifest: OTHER))
    await stage.start(log)
    words = "visa for a trip"
    batch = make.batch(
        RETRAIN, make.lesson(words, "travel", text=words, embedding=tiny.vector(words))
    )
    handled = asyncio.create_task(stage.handle(batch))
    await asyncio.sleep(0)
    move(log)
    feed.newest()
    with pytest.raises(NotYet):
        await handled
    log.append(await stage.handle(batch))
    now = feed.newest()
    assert now.manifest.encoder == now.classifier.encoder == OTHER.identity
    assert words in now.classifier.shelves["travel"].members
