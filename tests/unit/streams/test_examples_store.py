"""Rebuild, export, import and show of the example store, over a folder fitted for real."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from judge.examples import ExamplePoint
from judge.qdrant_edge import EdgeExampleStore
from models.errors import EncoderMismatch, Fatal, RedstreamError, Transient
from streams.embedded.log import SqliteLog
from streams.errors import Held, NoModel
from streams.feed import MANIFEST, Feed
from streams.program.assembly import open_store
from streams.program.examples_store import exported, rebuild, show, write_lines
from streams.program.folder import working
from streams.program.lessons import TakenIn, take_in, training_set
from streams.program.settings import Settings
from streams.records import Authority, Retrain
from streams.stage import Outgoing, outgoing
from streams.topology import MODELS, RETRAIN
from tests.contract.loopback_qdrant import LoopbackQdrant, served, status
from tests.unit.streams import make, tiny

TEXTS = {text: label for label, texts in tiny.EXAMPLES.items() for text in texts}

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local:UserWarning"),
]


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def quiet(name: str, share: float) -> None:
    """Show no progress."""


def stored(settings: Settings) -> dict[str, str]:
    """The label of each text in the store."""

    async def look() -> dict[str, str]:
        store = open_store(settings, 384)
        found = await store.nearest(np.ones(384, np.float32), 1_000)
        await store.close()
        return {near.text: near.label for near in found}

    return asyncio.run(look())


def append(settings: Settings, *lessons: Retrain) -> None:
    with working(settings) as log:
        log.append([outgoing(RETRAIN, lesson.id, lesson) for lesson in lessons])


def lose(store: Path) -> None:
    shutil.rmtree(store)


def lose_segments(store: Path) -> None:
    for segment in store.glob("segments/*"):
        shutil.rmtree(segment)


def cut_short(store: Path) -> None:
    for file in store.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:10])


def replace_by_file(store: Path) -> None:
    shutil.rmtree(store)
    store.write_text("not a folder")


def litter(store: Path) -> None:
    """As after a rebuild that was killed."""
    for name in ("examples.fresh", "examples.old", "examples.fresh.creating"):
        (store.parent / name / "segments").mkdir(parents=True)
    shutil.rmtree(store)


@pytest.mark.parametrize("damage", [lose, lose_segments, cut_short, replace_by_file, litter])
def test_a_lost_or_damaged_folder_is_rebuilt(
    settings: Settings, damage: Callable[[Path], None]
) -> None:
    store = settings.var / "examples"
    damage(store)
    rebuilt = rebuild(settings)
    assert (rebuilt.where, rebuilt.examples, rebuilt.unusable) == (str(store), len(TEXTS), 0)
    assert stored(settings) == TEXTS
    assert sorted(path.name for path in settings.var.glob("examples*")) == ["examples"]


def test_a_rebuilt_store_has_what_was_taught_last_and_nothing_else(settings: Settings) -> None:
    gone, kept, *_ = training_set_of(settings)
    of_kept = training_set_of(settings, embeddings=True)[kept]
    append(
        settings,
        make.lesson(gone, kind="revoked", embedding=None),
        of_kept.model_copy(update={"label": "travel", "kind": "accepted"}),
        make.lesson("of another encoder"),
    )

    async def stray() -> None:
        store = EdgeExampleStore(settings.var / "examples", 384)
        await store.upsert([ExamplePoint("stray", "room", "never taught", np.ones(384))])
        await store.close()

    asyncio.run(stray())
    assert rebuild(settings).unusable == 1
    left = stored(settings)
    assert left.keys() == TEXTS.keys() - {text_of(settings, gone)}
    assert left[of_kept.text] == "travel"


def training_set_of(settings: Settings, **how: bool) -> dict[str, Retrain]:
    with working(settings) as log:
        return training_set(log, **how)


def text_of(settings: Settings, gone: str) -> str:
    with working(settings) as log:
        lessons = [Retrain.decode(r.value) for r in log.read_from(RETRAIN.name, 0, 1_000)]
    return next(lesson.text for lesson in lessons if lesson.id == gone)


def test_a_linked_store_is_rebuilt_where_it_is(settings: Settings, tmp_path: Path) -> None:
    disk = tmp_path / "disk" / "store"
    disk.parent.mkdir()
    shutil.move(settings.var / "examples", disk)
    (settings.var / "examples").symlink_to(disk)
    assert rebuild(settings).where == str(disk)
    assert (settings.var / "examples").is_symlink()
    assert stored(settings) == TEXTS


def test_rebuilding_needs_a_folder_that_is_free_and_fitted(
    settings: Settings, tmp_path: Path
) -> None:
    with working(settings), pytest.raises(Held):
        rebuild(settings)
    with pytest.raises(NoModel, match="redstream fit"):
        rebuild(Settings(var=tmp_path / "other"))


@contextmanager
def on(server: LoopbackQdrant, settings: Settings) -> Iterator[Settings]:
    yield settings.model_copy(update={"qdrant": server.url, "qdrant_collection": "mine"})


async def test_a_server_is_filled_and_cleared_of_strays(settings: Settings) -> None:
    async with served() as server:
        with on(server, settings) as there:
            server.fail(status(503), forever=True)
            with pytest.raises(Transient, match="503"):
                await asyncio.to_thread(rebuild, there)
            server.recover()
            rebuilt = await asyncio.to_thread(rebuild, there)
            assert rebuilt.where == f"collection 'mine' of {server.url}"
            assert (rebuilt.examples, rebuilt.removed) == (len(TEXTS), 0)
            store = open_store(there, 384)
            await store.upsert([ExamplePoint("stray", "room", "no", np.ones(384, np.float32))])
            assert await asyncio.to_thread(lambda: show(there, "room").stored) == {
                "stray",
                *(i for i, e in training_set_of(settings).items() if e.label == "room"),
            }
            assert (await asyncio.to_thread(rebuild, there)).removed == 1
            assert await store.count() == len(TEXTS)
            assert await asyncio.to_thread(stored, there) == TEXTS
            await store.close()


async def test_lessons_reach_a_server_too(settings: Settings, tmp_path: Path) -> None:
    rows = write(tmp_path / "new.jsonl", {"label": "room", "text": "the big room on floor two"})
    async with served() as server:
        with on(server, settings) as there:
            taken = await asyncio.to_thread(take_in, there, rows, quiet)
            assert taken == TakenIn(1, 0, 2)
            # The server's collection was empty: it was filled with the rest as well.
            now = TEXTS | {"the big room on floor two": "room"}
            assert await asyncio.to_thread(stored, there) == now


def test_what_is_exported_is_known_when_it_is_imported(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert write_lines(exported(settings, embeddings=False), file) == len(TEXTS)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {row["text"]: row["label"] for row in rows} == TEXTS
    assert [row["label"] for row in rows] == sorted(row["label"] for row in rows)
    assert {tuple(row) for row in rows} == {("id", "label", "text")}
    assert take_in(settings, file, quiet) == TakenIn(0, len(TEXTS), 1)
    with pytest.raises(Fatal, match="is there already"):
        write_lines([], file)
    with pytest.raises(Fatal, match="No such file"):
        write_lines([], tmp_path / "nowhere" / "out.jsonl")


def test_an_embedding_is_exported_with_its_encoder(settings: Settings) -> None:
    row = json.loads(next(exported(settings, embeddings=True)))
    lesson = training_set_of(settings, embeddings=True)[row["id"]]
    assert lesson.embedding is not None
    assert row["encoder"] == lesson.embedding.encoder
    assert np.array_equal(np.array(row["embedding"], np.float32), lesson.embedding.array())


def test_an_import_reaches_classifier_and_store_as_a_persons_word(
    settings: Settings, tmp_path: Path
) -> None:
    (moved, was), *_ = training_set_of(settings).items()
    file = write(
        tmp_path / "new.jsonl",
        {"id": "p1", "label": "travel", "text": "my suitcase is lost 😀", "note": 7},
        {"id": "p1", "label": "travel", "text": "my suitcase is lost 😀"},
        {"id": moved, "label": "travel", "text": was.text},
    )
    assert take_in(settings, file, quiet) == TakenIn(2, 1, 2)
    assert stored(settings) == TEXTS | {"my suitcase is lost 😀": "travel", was.text: "travel"}
    lesson = training_set_of(settings)["p1"]
    assert (lesson.authority, lesson.signed, lesson.gold) == (Authority.PERSON, "import", True)
    with working(settings) as log:
        version = Feed(log).newest()
    assert version.manifest.learnt == 2
    shelves = version.classifier.live.shelves
    assert {"p1", moved} <= set(shelves["travel"].ids)
    assert moved not in shelves[was.label].ids
    assert dict(zip(shelves["travel"].ids, shelves["travel"].gold, strict=True))["p1"]
    assert take_in(settings, file, quiet) == TakenIn(0, 3, 2)


BAD = [
    ({"label": "nobody", "text": "x"}, r"new.jsonl:2: there is no label 'nobody'.*labels add"),
    ({"label": "room"}, r"new.jsonl:2: the field 'text' is missing"),
    ({"label": "room", "text": "x", "id": ""}, r"new.jsonl:2: the field 'id' is missing"),
    ({"label": "room", "text": "y " * 20_000}, r"new.jsonl:2: 39999 characters; at most 20000"),
    ({"label": "room", "text": "?!"}, r"new.jsonl:2: the encoder finds nothing in '\?!'"),
    ({"id": "a", "label": "room", "text": "b"}, r":2: the id 'a' stands for .* at .*new.jsonl:1"),
]


@pytest.mark.parametrize(("row", "told"), BAD)
def test_a_bad_line_is_named_and_nothing_is_taken_in(
    settings: Settings, tmp_path: Path, row: dict[str, object], told: str
) -> None:
    good = {"id": "a", "label": "room", "text": "a room with a view"}
    with pytest.raises(Fatal, match=told):
        take_in(settings, write(tmp_path / "new.jsonl", good, row), quiet)
    assert len(training_set_of(settings)) == len(TEXTS)


def test_an_id_that_stands_for_another_text_is_refused(settings: Settings, tmp_path: Path) -> None:
    known = next(iter(training_set_of(settings)))
    file = write(tmp_path / "new.jsonl", {"id": known, "label": "room", "text": "words of mine"})
    with pytest.raises(Fatal, match="stands for another text"):
        take_in(settings, file, quiet)


def test_another_encoder_is_refused(settings: Settings, tmp_path: Path) -> None:
    with working(settings) as log:
        new = Feed(log).newest()
        manifest = new.manifest.model_copy(update={"encoder": "another", "number": 2})
        log.append([outgoing(MODELS, f"{MANIFEST}{manifest.number}", manifest)])
    file = write(tmp_path / "new.jsonl", {"label": "room", "text": "words of mine"})
    with pytest.raises(EncoderMismatch, match="was made with encoder another"):
        take_in(settings, file, quiet)


def test_showing_a_label_tells_gold_from_accepted_and_what_is_not_stored(
    settings: Settings,
) -> None:
    append(settings, make.lesson("j1", "room", authority=Authority.JUDGE, signed="local"))
    shown = show(settings, "room")
    assert shown.stored is not None
    assert {lesson.id for lesson in shown.lessons} - shown.stored == {"j1"}
    assert [lesson.gold for lesson in shown.lessons] == [True] * 6 + [False]


def test_showing_works_while_a_run_holds_the_folder(settings: Settings) -> None:
    with working(settings):
        shown = show(settings, "room")
    assert len(shown.lessons) == 6
    assert shown.stored is None
    assert "is held by process" in shown.why


def test_showing_makes_no_store_where_none_is(settings: Settings) -> None:
    lose(settings.var / "examples")
    shown = show(settings, "room")
    assert "redstream examples rebuild" in shown.why
    assert not (settings.var / "examples").exists()


def test_showing_a_label_without_examples_names_the_nearest(settings: Settings) -> None:
    with pytest.raises(Fatal, match="no example of 'rooms'; of room there are"):
        show(settings, "rooms")


def test_the_last_word_on_a_text_is_its_lesson(log: SqliteLog) -> None:
    lessons = [
        make.lesson("a"),
        make.lesson("b"),
        make.lesson("a", "fire"),
        make.lesson("b", kind="revoked", embedding=None),
    ]
    log.append([outgoing(RETRAIN, lesson.id, lesson) for lesson in lessons])
    log.append([Outgoing(RETRAIN.name, b"c", b"not a lesson")])
    (lesson,) = training_set(log).values()
    assert (lesson.id, lesson.label, lesson.embedding) == ("a", "fire", None)
    assert training_set(log, embeddings=True)["a"].embedding == make.VECTOR


def test_the_key_of_the_server_is_in_nothing_that_is_printed() -> None:
    settings = Settings(qdrant="http://example.org", qdrant_key="s3cret")
    assert "s3cret" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    with pytest.raises(RedstreamError, match="unencrypted") as caught:
        open_store(settings, 4)
    assert "s3cret" not in str(caught.value)
