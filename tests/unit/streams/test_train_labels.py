"""train: label commands are carried out once, in their turn; a bad one costs no other record."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.classifier import Classifier, LabelInfo
from streams.delivery import deliver
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.records import Authority, LabelCommand, Manifest, Retrain
from streams.stage import Delivered, Outgoing
from streams.stages.train import Train
from streams.topology import DEADLETTERS, LABELS, RETRAIN, TRAIN, VERDICTS
from streams.wire import Record, Vector
from tests.unit.streams import make, tiny
from tests.unit.streams.test_train import auditing, judged, kept_apart, poison

PERSON = Authority.PERSON
COFFEE = ["coffee machine leaks", "no coffee beans", "espresso machine broken"]


@pytest.fixture
def stage(log: SqliteLog) -> Train:
    return Train(tiny.fitted(log))


def command(what: Any, label: str, into: str | None = None, **more: Any) -> LabelCommand:
    return LabelCommand(command=what, label=label, into=into, at=1.0, **more)


def added(label: str = "coffee", **more: Any) -> LabelCommand:
    usual: dict[str, Any] = {"name": label, "embedding": tiny.vector(f"{label} machine")}
    return command("add", label, **{**usual, **more})


def lesson(words: str, label: str = "coffee", **more: Any) -> Retrain:
    return make.lesson(words, label, text=words, embedding=tiny.vector(words), **more)


def published(log: SqliteLog, *records: Record) -> None:
    topics = {LabelCommand: LABELS.name, Retrain: RETRAIN.name}
    log.append([Outgoing(topics[type(one)], b"", one.encode()) for one in records])


async def taught(log: SqliteLog, stage: Train, limit: int = 64) -> list[Outgoing]:
    """All that waits, in the batches and the order of the embedded log."""
    answers = []
    while batch := log.read(TRAIN.name, [LABELS.name, RETRAIN.name], limit):
        out = await deliver(stage, batch)
        log.commit(TRAIN.name, batch, out)
        answers += out
    return answers


def served(log: SqliteLog) -> tuple[Manifest, Classifier]:
    version = Feed(log).newest()
    return version.manifest, version.classifier


def named(label: str = "coffee") -> LabelInfo:
    return LabelInfo(label, label, "", tiny.vector(f"{label} machine").array())


async def test_a_label_and_its_examples_come_with_one_version(log: SqliteLog, stage: Train) -> None:
    published(log, added(), *map(lesson, COFFEE))
    await taught(log, stage)
    manifest, classifier = served(log)
    assert (manifest.number, manifest.applied_labels, manifest.applied) == (2, 1, 3)
    assert manifest.learnt == 3
    assert set(classifier.shelves["coffee"].ids) == set(COFFEE)
    assert classifier.predict(np.stack([tiny.embed("coffee machine")]))[0].label == "coffee"
    before = tiny.classifier()
    assert set(classifier.touched_since(before)) == {"coffee"}  # one subset, the new one
    # Held texts that are coffee have what it was taken for among their contenders.
    was = before.predict(np.stack([tiny.embed(COFFEE[0])]))[0]
    assert {"coffee", was.label} <= set(manifest.touched)


async def test_a_guide_or_a_name_is_enough(log: SqliteLog, stage: Train) -> None:
    published(log, added(guide="The coffee machine."))
    await taught(log, stage)
    manifest, classifier = served(log)
    assert "coffee" in manifest.labels
    assert classifier.infos["coffee"].guide == "The coffee machine."
    assert classifier.predict(np.stack([tiny.embed("coffee machine")]))[0].label == "coffee"


@pytest.mark.parametrize("size", [1, 2, 3, 64])
async def test_the_size_of_the_batches_changes_nothing(
    log: SqliteLog, tmp_path: Path, stage: Train, size: int
) -> None:
    records = [
        added(),
        *map(lesson, COFFEE),
        added("tea"),
        lesson("visa for a trip", "travel"),
        command("rename", "coffee", "espresso"),
        lesson("green tea", "tea"),
        lesson("grinder stuck"),
        command("merge", "tea", "espresso"),
        command("retire", "room"),
        lesson("room locked", "room"),
        lesson("more tea", "tea"),
    ]
    published(log, *records)
    await taught(log, stage, size)
    with closing(SqliteLog(tmp_path / "other.sqlite")) as other:
        whole = Train(tiny.fitted(other))
        published(other, *records)
        await taught(other, whole)
        assert served(log)[1].hash() == served(other)[1].hash()
    manifest, classifier = served(log)
    assert manifest.labels == ["espresso", "password", "printer", "travel"]
    assert manifest.renamed == {"coffee": "espresso", "tea": "espresso"}
    assert manifest.retired == ["room"]
    assert {"grinder stuck", "green tea", "more tea"} < set(classifier.shelves["espresso"].ids)
    assert (manifest.applied, manifest.applied_labels, manifest.learnt) == (8, 5, 7)


async def test_a_lesson_for_a_retired_label_is_no_dead_letter_and_not_learnt(
    log: SqliteLog, stage: Train
) -> None:
    published(log, command("retire", "room"), lesson("room locked", "room"))
    assert make.of(DEADLETTERS, await taught(log, stage)) == []
    manifest, classifier = served(log)
    assert (manifest.learnt, manifest.retired) == (0, ["room"])
    assert classifier.hash() == tiny.classifier().retire_label("room").hash()


async def test_killed_before_the_version_was_published_a_command_is_carried_out_once(
    log: SqliteLog, stage: Train
) -> None:
    published(log, added(), *map(lesson, COFFEE))
    batch = log.read(TRAIN.name, [LABELS.name, RETRAIN.name], 64)
    lost = await deliver(stage, batch)  # handled, and the process died before the commit
    assert lost
    await taught(log, Train(Feed(log)))
    once = served(log)[1].hash()
    assert served(log)[0].number == 2
    # Published, and delivered again as a log may that commits positions apart.
    assert await deliver(Train(Feed(log)), batch) == []
    assert served(log)[1].hash() == once


async def test_a_bad_command_is_a_dead_letter_and_the_rest_is_done(
    log: SqliteLog, stage: Train
) -> None:
    published(
        log,
        command("retire", "ghost"),
        added("password", name="another"),
        command("add", "nameless"),
        added("odd", embedding=Vector.of(np.ones(3, np.float32), "e")),
        added("broken", embedding=Vector(encoder="e", f16="AAA")),
        added("void", embedding=Vector.of(np.zeros(64, np.float32), "e")),
        added(),
        lesson(COFFEE[0]),
    )
    log.append([Outgoing(LABELS.name, b"", b"no command")])
    letters = make.of(DEADLETTERS, await taught(log, stage))
    told = {letter.offset: letter.message for letter in letters}
    assert sorted(told) == [0, 1, 2, 3, 4, 5, 7]
    assert told[0].startswith("there is no label 'ghost'")
    assert told[1] == "there is a label 'password' already"
    assert "neither examples nor an embedded name" in told[2]
    assert "another encoder" in told[3]
    assert "no embedding" in told[4]
    assert "says nothing" in told[5]
    assert {letter.stage for letter in letters} == {"train"}
    manifest, classifier = served(log)
    assert manifest.labels == sorted([*tiny.LABELS, "coffee"])
    assert manifest.applied_labels == 8
    assert classifier.hash() == served_alone(COFFEE[0]).hash()


def served_alone(*words: str) -> Classifier:
    classifier = tiny.classifier().add_label(named())
    return classifier.learn(
        [
            type(one)(one.id, one.label, one.embedding, False, place)
            for place, one in enumerate(tiny.example(each, "coffee") for each in words)
        ]
    )


async def test_only_bad_commands_end_in_a_version_that_has_passed_them(
    log: SqliteLog, stage: Train
) -> None:
    published(log, command("retire", "ghost"))
    await taught(log, stage)
    manifest, classifier = served(log)
    assert manifest.applied_labels == 1
    assert classifier.hash() == tiny.classifier().hash()


async def test_labels_that_came_with_the_fit_are_no_bad_commands(
    log: SqliteLog, stage: Train
) -> None:
    """A folder of before the trainer read `labels` has them before it."""
    published(log, *(command("add", label, name=label) for label in tiny.LABELS))
    assert make.of(DEADLETTERS, await taught(log, stage)) == []
    assert served(log)[1].hash() == tiny.classifier().hash()


# The race: a log without an order between topics


async def race(log: SqliteLog, stage: Train, *batches: list[Delivered]) -> list[Outgoing]:
    await stage.start(log)
    answers = []
    for batch in batches:
        out = await deliver(stage, batch)
        log.commit(TRAIN.name, batch, out)
        answers += out
    return answers


@pytest.mark.parametrize("apart", [False, True])
async def test_a_lesson_delivered_before_its_command_is_learnt(
    log: SqliteLog, stage: Train, apart: bool
) -> None:
    published(log, added(), *map(lesson, COFFEE))
    lessons, commands = log.read_from(RETRAIN.name, 0, 9), log.read_from(LABELS.name, 0, 9)
    batches = (lessons, commands) if apart else ([*lessons, *commands],)
    assert make.of(DEADLETTERS, await race(log, stage, *batches)) == []
    manifest, classifier = served(log)
    assert (manifest.number, manifest.applied_labels, manifest.learnt) == (2, 1, 3)
    assert classifier.hash() == served_alone(*COFFEE).hash()


async def test_a_lesson_before_the_rename_that_brings_its_label_is_learnt(
    log: SqliteLog, stage: Train
) -> None:
    published(log, command("retire", "ghost"), command("rename", "room", "hall"))
    published(log, lesson("hall locked", "hall"), lesson("room locked", "room"))
    lessons, commands = log.read_from(RETRAIN.name, 0, 9), log.read_from(LABELS.name, 0, 9)
    (letter,) = make.of(DEADLETTERS, await race(log, stage, lessons, commands))
    assert letter.position == "labels/0/0"
    shelf = served(log)[1].shelves["hall"]
    assert {"hall locked", "room locked"} < set(shelf.ids)


async def test_a_lesson_whose_label_no_command_brings_is_still_a_dead_letter(
    log: SqliteLog, stage: Train
) -> None:
    published(log, added("tea"), lesson("boo", "ghosts"))
    lessons = log.read_from(RETRAIN.name, 0, 9)
    (letter,) = make.of(DEADLETTERS, await race(log, stage, lessons))
    assert letter.message == "no label 'ghosts' in model 1"
    assert served(log)[0].number == 1


# Beside thresholds and the gate


async def answered(log: SqliteLog, stage: Train, batch: list[Delivered]) -> Manifest:
    log.commit(TRAIN.name, batch, await deliver(stage, batch))
    return served(log)[0]


async def test_what_a_command_costs_is_not_held_against_the_lessons_beside_it(
    log: SqliteLog, tmp_var: Path
) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await answered(log, stage, make.batch(VERDICTS, *kept_apart()))
    # A second label for printers takes half of their texts away.
    copies = [
        make.lesson(f"{words} {n}", "press", embedding=tiny.vector(words), authority=PERSON)
        for n in range(8)
        for words in tiny.EXAMPLES["printer"]
    ]
    published(log, added("press"), *copies, lesson("visa for a trip", "travel"))
    batch = log.read(TRAIN.name, [LABELS.name, RETRAIN.name], 64)
    manifest = await answered(log, stage, batch)
    before, after = tiny.classifier(), served(log)[1]
    texts = np.stack([tiny.embed(words) for words in tiny.EXAMPLES["printer"]])
    lost = [
        was.label == "printer" != now.label
        for was, now in zip(before.predict(texts), after.predict(texts), strict=True)
    ]
    assert sum(lost) >= 3, "the command has to cost something for this to mean anything"
    assert manifest.refused is None
    assert "visa for a trip" in after.shelves["travel"].ids


async def test_the_texts_kept_apart_follow_a_rename(log: SqliteLog, tmp_var: Path) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    await answered(log, stage, make.batch(VERDICTS, *kept_apart()))
    published(log, command("rename", "printer", "press"))
    await taught(log, stage)
    manifest = await answered(log, stage, make.batch(RETRAIN, *poison()))
    assert manifest.refused is not None
    assert manifest.refused.texts == 96


async def test_who_teaches_between_runs_keeps_the_terms(log: SqliteLog, tmp_var: Path) -> None:
    stage = auditing(log, tmp_var, tiny.fitted(log))
    before = await answered(log, stage, make.batch(VERDICTS, *judged(300)))
    published(log, added())
    await taught(log, Train(Feed(log), keep_terms=True))
    after = served(log)[0]
    assert after.number > before.number
    assert (after.threshold, after.audit, after.claim) == (
        before.threshold,
        before.audit,
        before.claim,
    )
    assert before.threshold != tiny.classifier().threshold
