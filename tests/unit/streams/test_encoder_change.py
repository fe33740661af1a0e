"""A model moved to another encoder: what it was taught stays, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from judge.qdrant_edge import EdgeExampleStore
from models.errors import Fatal
from streams.embedded.lock import held
from streams.embedded.log import SqliteLog
from streams.errors import Held
from streams.feed import Feed
from streams.program.encoder_change import Moved, change
from streams.program.encoder_stores import clean
from streams.program.folder import Folder, working
from streams.program.labels import change as do
from streams.program.labels_add import add
from streams.program.lessons import teach as take_in
from streams.program.lessons import training_set
from streams.program.rollback import rollback
from streams.program.settings import Settings
from streams.records import LabelCommand
from streams.topology import MARKS, RETRAIN
from tests.unit.streams import folder, tiny
from tests.unit.streams.folder import lesson, served

NAME = "hashing:64"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var=tiny.fit_folder(tmp_path), encoder="hashing")


def moved(settings: Settings, name: str = NAME, **more: object) -> Moved:
    return change(settings, name, "fp32", lambda what, share: None, **more)  # type: ignore[arg-type]


def members(settings: Settings) -> set[str]:
    shelves = served(settings).classifier.shelves
    return {id_ for shelf in shelves.values() for id_ in shelf.members}


def stored(settings: Settings, name: str, dimension: int) -> set[str]:
    async def ask() -> set[str]:
        store = EdgeExampleStore(Folder(settings.var).store(name), dimension)
        try:
            return await store.ids()
        finally:
            await store.close()

    return asyncio.run(ask())


def test_everything_taught_is_there_in_vectors_of_the_new_encoder(settings: Settings) -> None:
    folder.teach(settings, lesson("visa for a trip"), lesson("badge for a room", "room"))
    before = members(settings)
    found = moved(settings)
    now = served(settings)
    assert found.version == now.number
    assert (found.lessons, found.gold) == (folder.SEEDS + 2, folder.SEEDS)
    assert members(settings) == before
    assert now.classifier.dimension == 64
    assert now.manifest.encoder == now.classifier.encoder == found.encoder.identity
    assert now.manifest.encoded is not None
    assert (now.manifest.encoded.name, now.manifest.encoded.name_before) == (NAME, "hashing")
    assert found.before is not None
    assert found.after is not None
    assert found.before.of_people == found.after.of_people == folder.SEEDS
    assert found.before.texts == found.after.texts == folder.SEEDS + 2
    (said,) = now.predict(found.encoder.encode(["printer paper jam"]))
    assert said.label == "printer"


def test_it_is_filled_with_every_example_and_the_other_store_stays(settings: Settings) -> None:
    folder.teach(settings, lesson("visa for a trip"))
    with working(settings) as log:
        take_in(settings, log)
    moved(settings)
    assert stored(settings, "-2", 64) == stored(settings, "", 384) == members(settings)


def test_learning_goes_on_also_with_lessons_in_vectors_of_the_encoder_before(
    settings: Settings,
) -> None:
    moved(settings)
    put = lesson("visa for a trip")
    folder.put(settings, put)
    with working(settings) as log:
        take_in(settings, log)
    assert "visa for a trip" in members(settings)
    assert "visa for a trip" in stored(settings, "-2", 64)
    now = served(settings)
    assert now.manifest.encoded is not None
    assert not now.manifest.refused


def test_what_the_trainer_learns_while_it_works_is_taken_over(settings: Settings) -> None:
    told: list[str] = []

    def progress(what: str, share: float) -> None:
        if what == "loading the encoder":
            folder.put(settings, lesson("visa for a trip"))
        if what == "publishing":
            with working(settings) as log:  # a run's trainer, in the middle of it
                learnt = Feed(log).newest()
                told.append(str(learnt.number))
        if what.startswith("encoding") and not told:
            folder.learn(settings)
            told.append(what)

    change(settings, NAME, "fp32", progress)
    assert "visa for a trip" in members(settings)
    with working(settings) as log:  # the mark says that the store lacks it
        assert log.keys(MARKS.name, "store:") == [b"store:-2"]
    folder.put(settings, lesson("badge for a room", "room"))
    with working(settings) as log:
        take_in(settings, log)
        assert log.newest(MARKS.name, b"store:-2") is None
    assert stored(settings, "-2", 64) == members(settings)


def test_a_version_that_the_trainer_was_publishing_then_is_refused_and_learnt_again(
    settings: Settings,
) -> None:
    """It lies behind the new one in the log, and its lesson counts as handled."""
    with closing(SqliteLog(Folder(settings.var).log)) as log:
        late = Feed(log)
        late.newest()
    folder.put(settings, lesson("visa for a trip"))
    moved(settings)
    now = served(settings)
    late_one = late._version
    assert late_one is not None
    with closing(SqliteLog(Folder(settings.var).log)) as log:
        records = late.publish(
            late_one.classifier.learn([tiny_example()]),
            applied=log.end(RETRAIN.name),
            learnt=1,
            touched=["travel"],
        )
        taken = log.read("train", [RETRAIN.name], 1_000)
        log.commit("train", taken, records)
    assert served(settings).manifest == now.manifest
    assert "visa for a trip" not in members(settings)
    folder.put(settings, lesson("badge for a room", "room"))
    with working(settings) as log:
        take_in(settings, log)
    assert {"visa for a trip", "badge for a room"} <= members(settings)


def tiny_example() -> object:
    row = folder.ENCODER.encode(["visa for a trip"])[0]
    return tiny.Example(id="visa for a trip", label="travel", embedding=row, gold=False)


def test_a_label_that_was_told_in_the_other_encoders_vectors_is_told_anew(
    settings: Settings,
) -> None:
    """`labels add` was given before the change, and nobody had taken it in yet."""
    with held(settings.var):
        add_waits(settings)
    moved(settings)
    with working(settings) as log:
        take_in(settings, log)
    info = served(settings).classifier.infos["coffee"]
    assert info.embedding is not None
    assert info.embedding.shape == (64,)


def add_waits(settings: Settings) -> None:
    import streams.program.labels as labels

    patience = labels.WAIT_SECONDS
    labels.WAIT_SECONDS = 0.0
    try:
        done = add(
            settings,
            "coffee",
            name="Coffee",
            guide="machines",
            examples=None,
            progress=lambda what, share: None,
        )
    finally:
        labels.WAIT_SECONDS = patience
    assert done.version is None


def test_it_goes_back_with_all_that_was_taught_since(settings: Settings) -> None:
    first = served(settings).manifest
    moved(settings)
    folder.put(settings, lesson("visa for a trip"))
    with working(settings) as log:
        take_in(settings, log)
    moved(settings, "hashing")
    now = served(settings).manifest
    assert now.encoder == first.encoder
    assert now.epoch == first.epoch + 2
    assert "visa for a trip" in members(settings)
    assert not Folder(settings.var).store("").exists()  # nobody names it any more
    assert Folder(settings.var).store("-2").exists()


def test_a_dry_run_measures_and_writes_nothing(settings: Settings) -> None:
    before = served(settings).manifest
    found = moved(settings, dry=True)
    assert found.version is None
    assert found.after is not None
    assert served(settings).manifest == before
    assert not Folder(settings.var).store("-2").exists()


def test_the_encoder_in_service_is_no_change(settings: Settings) -> None:
    before = served(settings).manifest
    assert moved(settings, "hashing").version is None
    assert served(settings).manifest == before


def test_a_rollback_does_not_go_back_over_it_but_within_it(settings: Settings) -> None:
    first = served(settings).number
    moved(settings)
    second = served(settings).number
    folder.put(settings, lesson("visa for a trip"))
    with working(settings) as log:
        take_in(settings, log)
    with pytest.raises(Fatal, match="`redstream encoder change hashing` does"):
        rollback(settings, first)
    assert rollback(settings, second).changed
    assert served(settings).manifest.encoded is not None
    assert "visa for a trip" not in members(settings)


def test_lessons_that_a_rollback_left_out_stay_out(settings: Settings) -> None:
    first = served(settings).number
    folder.teach(settings, lesson("visa for a trip"))
    rollback(settings, first)
    moved(settings)
    assert "visa for a trip" not in members(settings)


def test_a_rollback_in_the_middle_of_it_is_not_undone(settings: Settings) -> None:
    first = served(settings).number
    folder.teach(settings, lesson("visa for a trip"))

    def progress(what: str, share: float) -> None:
        if what == "publishing":
            rollback(settings, first)

    with pytest.raises(Fatal, match="rolled back"):
        change(settings, NAME, "fp32", progress)
    assert served(settings).manifest.encoded is None


def test_two_changes_at_a_time_are_refused(settings: Settings) -> None:
    with held(settings.var / "locks" / "encoder"), pytest.raises(Held):
        moved(settings)


def test_the_examples_of_the_encoder_before_are_deleted_by_command(settings: Settings) -> None:
    assert clean(settings) is None
    moved(settings)
    with held(settings.var), pytest.raises(Held):
        clean(settings)
    assert clean(settings) == "hashing"
    assert not Folder(settings.var).store("").exists()
    assert Folder(settings.var).store("-2").exists()


def test_a_label_that_is_brought_back_has_its_examples_in_the_new_vectors(
    settings: Settings,
) -> None:
    retire(settings, "room")
    moved(settings)
    done = add(
        settings,
        "room",
        name=None,
        guide="",
        examples=None,
        progress=lambda what, share: None,
    )
    assert done.version is not None
    assert set(tiny.EXAMPLES["room"]) <= {lesson_text(settings, i) for i in members(settings)}


def test_a_rollback_goes_to_a_version_before_two_changes_with_the_labels_of_now(
    settings: Settings,
) -> None:
    first = served(settings).number
    moved(settings)
    retire(settings, "room")
    add(settings, "coffee", name=None, guide="", examples=None, progress=lambda w, s: None)
    moved(settings, "hashing")
    found = rollback(settings, first)
    assert found.changed
    assert found.commands == 2
    now = served(settings)
    assert set(now.classifier.labels) == {"password", "printer", "travel", "coffee"}
    assert now.classifier.infos["coffee"].embedding is not None
    assert now.manifest.encoder == now.classifier.encoder


def retire(settings: Settings, label: str) -> None:
    do(settings, LabelCommand(command="retire", label=label, at=0.0))


def lesson_text(settings: Settings, id_: str) -> str:
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        return training_set(log)[id_].text
