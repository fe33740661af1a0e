"""What every example store does, run over each of them."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import namedtuple
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient

from judge import qdrant_edge
from judge.examples import ExamplePoint, ExampleStore, point_id
from judge.memory_store import MemoryExampleStore
from judge.qdrant_edge import EdgeExampleStore
from judge.qdrant_server import ServerExampleStore
from models.errors import Fatal, Permanent, Transient
from tests.contract.loopback_qdrant import served

D = 4
ROOT = Path(__file__).parents[2]
REAL = "REDSTREAM_TEST_QDRANT"
# The client says once per process what its local mode leaves out; what it leaves out is speed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]
AWKWARD = ["a/b\\c", 'say "no"', "it's", "😀 zwölf", "l\0nul", "label: ?*", "' OR 1=1", " "]


def towards(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def point(text_id: str, label: str, *values: float) -> ExamplePoint:
    return ExamplePoint(text_id, label, f"text of {text_id}", towards(*values))


EAST, NORTH, UP = towards(1, 0, 0, 0), towards(0, 1, 0, 0), towards(0, 0, 1, 0)
SOME = [
    point("e1", "east", 1, 0, 0, 0),
    point("e2", "east", 3, 1, 0, 0),
    point("e3", "east", 1, 2, 0, 0),
    point("n1", "north", 0, 1, 0, 0),
    point("n2", "north", 2, 3, 0, 0),
]


@asynccontextmanager
async def in_memory(_: Path) -> AsyncIterator[ExampleStore]:
    yield MemoryExampleStore(D)


@asynccontextmanager
async def edge(folder: Path) -> AsyncIterator[ExampleStore]:
    yield EdgeExampleStore(folder / "examples", D)


@asynccontextmanager
async def local_mode(_: Path) -> AsyncIterator[ExampleStore]:
    """The server's adapter over the client's own imitation of a server."""
    client = AsyncQdrantClient(":memory:")  # on disk it takes 20 ms a point
    yield ServerExampleStore("http://127.0.0.1", D, client=client)


@asynccontextmanager
async def over_http(_: Path) -> AsyncIterator[ExampleStore]:
    async with served() as server:
        yield ServerExampleStore(server.url, D)


@asynccontextmanager
async def real_server(_: Path) -> AsyncIterator[ExampleStore]:
    url, key = os.environ.get(REAL), os.environ.get(f"{REAL}_KEY")
    if url is None:
        pytest.skip(f"no Qdrant server: {REAL} names none (http://127.0.0.1:6333)")
    name = f"redstream-test-{uuid.uuid4()}"
    yield ServerExampleStore(url, D, collection=name, key=key)
    client = AsyncQdrantClient(
        url=url, headers={"api-key": key} if key else None, check_compatibility=False
    )
    await client.delete_collection(name)
    await client.close()


@pytest.fixture(params=[in_memory, edge, local_mode, over_http, real_server])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ExampleStore]:
    async with request.param(tmp_path) as made:
        yield made
        await made.close()


async def test_nearest_of_any_label_comes_most_similar_first(store: ExampleStore) -> None:
    await store.upsert(SOME)
    found = await store.nearest(EAST, 4)
    assert [near.id for near in found] == ["e1", "e2", "n2", "e3"]
    assert [near.label for near in found] == ["east", "east", "north", "east"]
    assert found[0].text == "text of e1"
    expected = [1, 3 / 10**0.5, 2 / 13**0.5, 1 / 5**0.5]
    assert [near.similarity for near in found] == pytest.approx(expected, abs=1e-5)


async def test_nearest_of_a_label_sees_no_other_label(store: ExampleStore) -> None:
    await store.upsert(SOME)
    assert [near.id for near in await store.nearest(EAST, 8, "north")] == ["n2", "n1"]
    assert await store.nearest(EAST, 8, "nor") == []


async def test_the_length_of_an_embedding_does_not_matter(store: ExampleStore) -> None:
    await store.upsert([point("big", "a", 900, 0, 0, 0), point("small", "a", 0, 0.001, 0, 0)])
    assert [near.id for near in await store.nearest(towards(0, 7, 0, 0), 1)] == ["small"]
    assert (await store.nearest(towards(0, 7, 0, 0), 1))[0].similarity == pytest.approx(1)


@pytest.mark.parametrize("k", [0, -1])
async def test_asking_for_none_gets_none(store: ExampleStore, k: int) -> None:
    await store.upsert(SOME)
    assert await store.nearest(EAST, k) == []


async def test_equally_similar_examples_come_by_id(store: ExampleStore) -> None:
    await store.upsert([point(name, "a", 1, 0, 0, 0) for name in "cab"])
    assert [near.id for near in await store.nearest(EAST, 3)] == ["a", "b", "c"]


async def test_an_empty_store_has_no_neighbours(store: ExampleStore) -> None:
    assert await store.nearest(EAST, 8) == []
    assert await store.nearest(EAST, 8, "east") == []
    assert await store.count() == await store.count("east") == 0
    await store.upsert([])
    await store.delete([])
    await store.delete(["nobody"])
    await store.rename("nothing", "something")
    assert await store.count() == 0


async def test_upserting_again_changes_nothing(store: ExampleStore) -> None:
    await store.upsert(SOME)
    before = await store.nearest(EAST, 8)
    await store.upsert(SOME)
    assert await store.count() == len(SOME)
    assert await store.nearest(EAST, 8) == before


async def test_upserting_an_id_again_replaces_it(store: ExampleStore) -> None:
    await store.upsert(SOME)
    await store.upsert([ExamplePoint("e1", "up", "other words", UP)])
    (near,) = await store.nearest(UP, 1)
    assert (near.id, near.label, near.text) == ("e1", "up", "other words")
    assert (await store.count(), await store.count("east"), await store.count("up")) == (5, 2, 1)


async def test_of_an_id_twice_in_a_batch_the_last_stays(store: ExampleStore) -> None:
    await store.upsert([point("x", "first", 1, 0, 0, 0), point("x", "second", 0, 1, 0, 0)])
    assert [near.label for near in await store.nearest(EAST, 8)] == ["second"]
    assert await store.count("first") == 0


async def test_deleted_examples_are_gone_and_the_others_stay(store: ExampleStore) -> None:
    await store.upsert(SOME)
    await store.delete(iter(["e1", "n2", "nobody"]))
    assert [near.id for near in await store.nearest(EAST, 8)] == ["e2", "e3", "n1"]
    assert (await store.count("east"), await store.count("north")) == (2, 1)
    await store.upsert(SOME[:1])
    assert [near.id for near in await store.nearest(EAST, 1, "east")] == ["e1"]


async def test_renaming_moves_all_examples_into_the_other_label(store: ExampleStore) -> None:
    await store.upsert(SOME)
    await store.rename("north", "east")
    assert (await store.count("north"), await store.count("east")) == (0, 5)
    assert await store.nearest(NORTH, 8, "north") == []
    assert {near.label for near in await store.nearest(NORTH, 8)} == {"east"}
    await store.rename("east", "east")
    assert await store.count("east") == 5


async def test_the_ids_of_a_label_or_of_all_can_be_listed(store: ExampleStore) -> None:
    assert await store.ids() == await store.ids("east") == set()
    await store.upsert(SOME)
    assert await store.ids() == {"e1", "e2", "e3", "n1", "n2"}
    assert await store.ids("north") == {"n1", "n2"}
    assert await store.ids("nor") == set()


async def test_flushing_and_closing_again_change_nothing(store: ExampleStore) -> None:
    await store.flush()
    await store.upsert(SOME)
    await store.flush()
    assert await store.count() == len(SOME)
    await store.close()
    await store.close()


@pytest.mark.parametrize("label", AWKWARD)
async def test_any_label_name_is_taken_literally(store: ExampleStore, label: str) -> None:
    await store.upsert([*SOME, point(f"id of {label}", label, 0, 0, 1, 0)])
    (near,) = await store.nearest(UP, 8, label)
    assert (near.id, near.label) == (f"id of {label}", label)
    await store.rename(label, label + "!")
    assert (await store.count(label), await store.count(label + "!")) == (0, 1)
    await store.delete([f"id of {label}"])
    assert await store.count() == len(SOME)


async def test_a_wrong_dimension_is_refused_before_anything_is_written(
    store: ExampleStore,
) -> None:
    short = ExamplePoint("short", "east", "", np.ones(3, np.float32))
    with pytest.raises(Permanent, match=r"'short'.*\(3,\).*\(4,\)"):
        await store.upsert([*SOME, short])
    assert await store.count() == 0
    with pytest.raises(Permanent, match=r"\(2, 4\)"):
        await store.nearest(np.ones((2, D), np.float32), 1)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
async def test_an_embedding_without_direction_is_refused(store: ExampleStore, value: float) -> None:
    with pytest.raises(Permanent):
        await store.upsert([point("x", "a", value, value, value, value)])
    with pytest.raises(Permanent):
        await store.nearest(np.full(D, value, np.float32), 1)


async def test_half_a_surrogate_pair_is_refused(store: ExampleStore) -> None:
    with pytest.raises(Permanent, match="Unicode"):
        await store.upsert([ExamplePoint("x", "a", "broken \ud83d", EAST)])


async def test_a_thousand_examples_are_searched_exactly(store: ExampleStore) -> None:
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((1_000, D)).astype(np.float32)
    await store.upsert([ExamplePoint(f"{i}", f"l{i % 7}", "t", r) for i, r in enumerate(rows)])
    query = rng.standard_normal(D).astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    best = [i for i in np.argsort(-unit @ query) if i % 7 == 3][:8]
    assert [near.id for near in await store.nearest(query, 8, "l3")] == [str(i) for i in best]


async def test_all_ids_are_listed_where_they_are_many(store: ExampleStore) -> None:
    rows = np.random.default_rng(8).standard_normal((2_100, D)).astype(np.float32)
    await store.upsert([ExamplePoint(f"{i}", f"l{i % 2}", "t", row) for i, row in enumerate(rows)])
    assert await store.ids() == {str(i) for i in range(2_100)}
    assert await store.ids("l1") == {str(i) for i in range(1, 2_100, 2)}
    await store.delete([str(i) for i in range(2_100) if i % 3])
    assert await store.count() == 700


def test_a_text_id_has_one_point_id_for_ever() -> None:
    assert point_id("t-1") == "3c8b28d5-9a43-502f-94dc-7dd050c75fcb"
    assert point_id("t-1") != point_id("t-2")


# ---- Qdrant Edge alone: what is on disk


async def test_edge_reopens_with_its_examples(tmp_path: Path) -> None:
    first = EdgeExampleStore(tmp_path / "new" / "examples", D)
    await first.upsert(SOME)
    await first.delete(["n1"])
    await first.rename("north", "mountain")
    await first.close()
    await first.close()
    again = EdgeExampleStore(tmp_path / "new" / "examples", D)
    assert [near.id for near in await again.nearest(EAST, 8)] == ["e1", "e2", "n2", "e3"]
    assert (await again.count("mountain"), await again.count("north")) == (1, 0)
    await again.close()


async def test_edge_says_that_it_was_closed(tmp_path: Path) -> None:
    store = EdgeExampleStore(tmp_path / "examples", D)
    await store.close()
    for call in (store.upsert(SOME), store.nearest(EAST, 1), store.count(), store.flush()):
        with pytest.raises(Fatal, match="was closed"):
            await call


WRITER = """
import asyncio, sys, numpy as np
from judge.examples import ExamplePoint
from judge.qdrant_edge import EdgeExampleStore

async def main():
    store = EdgeExampleStore(sys.argv[1], 384)
    for start in range(0, 1_000_000, 50):
        rows = np.random.default_rng(start).standard_normal((50, 384)).astype(np.float32)
        await store.upsert(
            [ExamplePoint(str(start + i), f"l{i % 5}", "text", row) for i, row in enumerate(rows)]
        )
        print(start + 50, flush=True)

asyncio.run(main())
"""


def write_until_killed(path: Path, wait_ms: int) -> int:
    """How many examples the killed writer had been told were stored."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(wait_ms / 1_000)
        process.kill()
        acknowledged = int([first, *process.stdout][-1])
    assert process.returncode == -signal.SIGKILL
    return acknowledged


@pytest.mark.parametrize("wait_ms", [3, 30, 120])
async def test_edge_keeps_what_was_written_before_kill_9(tmp_path: Path, wait_ms: int) -> None:
    acknowledged = write_until_killed(tmp_path / "examples", wait_ms)
    store = EdgeExampleStore(tmp_path / "examples", 384)
    assert acknowledged <= await store.count() <= acknowledged + 50
    assert await store.count("l3") == await store.count() // 5
    last = np.random.default_rng(acknowledged - 50).standard_normal((50, 384)).astype(np.float32)
    (near,) = await store.nearest(last[49], 1, "l4")
    assert (near.id, near.similarity) == (str(acknowledged - 1), pytest.approx(1))
    await store.upsert([ExamplePoint("after", "l0", "text", last[0])])
    await store.close()


async def test_edge_killed_while_creating_starts_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "examples.creating" / "segments"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("half")
    store = EdgeExampleStore(tmp_path / "examples", D)
    assert await store.count() == 0
    await store.close()
    assert not unfinished.parent.exists()


def open_in_a_second_process(path: Path) -> str:
    code = f"from judge.qdrant_edge import EdgeExampleStore as E; E({str(path)!r}, {D})"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert told.returncode == 1
    return told.stderr


async def test_edge_tells_a_second_process_that_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "examples"
    store = EdgeExampleStore(path, D)
    told = open_in_a_second_process(path)
    assert f"models.errors.Fatal: the example store {path} is held by another" in told
    with pytest.raises(Fatal, match="opened twice in this one"):
        EdgeExampleStore(path, D)
    await store.upsert(SOME)
    assert await store.count() == len(SOME)
    await store.close()


async def test_edge_refuses_a_store_of_another_dimension(tmp_path: Path) -> None:
    await EdgeExampleStore(tmp_path / "examples", D).close()
    with pytest.raises(Fatal, match=r"holds vectors of 4 dim.* makes 8 dim.*remove the folder"):
        EdgeExampleStore(tmp_path / "examples", 8)
    await EdgeExampleStore(tmp_path / "examples", D).close()


async def test_edge_refuses_a_store_of_another_distance(tmp_path: Path) -> None:
    engine = qdrant_edge.edge
    params = engine.EdgeVectorParams(size=D, distance=engine.Distance.Dot)
    (tmp_path / "examples").mkdir()
    path = str(tmp_path / "examples")
    engine.EdgeShard.create(path, engine.EdgeConfig(vectors=params)).close()
    with pytest.raises(Fatal, match=r"4 dimensions, Dot; .* 4 dimensions, Cosine"):
        EdgeExampleStore(path, D)


def test_edge_refuses_a_folder_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Fatal, match="cannot be opened"):
        EdgeExampleStore(tmp_path, D)
    assert (tmp_path / "notes.txt").read_text() == "mine"


async def test_edge_stops_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EdgeExampleStore(tmp_path / "examples", D)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(qdrant_edge.shutil, "disk_usage", lambda _: usage(2**40, 2**40, 2**20))
    with pytest.raises(Transient, match="1 MiB left"):
        await store.upsert(SOME)
    monkeypatch.undo()
    await store.upsert(SOME)
    assert await store.count() == len(SOME)
    await store.close()


async def test_what_is_purged_is_gone_and_the_rest_is_found_as_before(store: ExampleStore) -> None:
    await store.upsert(SOME)
    await store.delete(["e2"])
    before = await store.nearest(EAST, 9)
    await store.purge()
    after = await store.nearest(EAST, 9)
    assert [(one.id, one.label, one.text) for one in after] == [
        (one.id, one.label, one.text) for one in before
    ]
    assert [one.similarity for one in after] == pytest.approx([one.similarity for one in before])
    assert await store.ids("east") == {"e1", "e3"}
    await store.upsert([point("e4", "east", 1, 1, 1, 0)])
    assert await store.count() == 5


async def test_a_purged_edge_store_has_no_byte_of_what_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "examples"
    store = EdgeExampleStore(path, D)
    await store.upsert([ExamplePoint("gone", "east", "zebra crossing", EAST), *SOME])
    await store.delete(["gone"])
    await store.flush()
    assert b"zebra" in _bytes(path)
    await store.purge()
    await store.flush()
    assert b"zebra" not in _bytes(path)
    await store.close()
    assert b"zebra" not in _bytes(tmp_path)
    again = EdgeExampleStore(path, D)
    assert await again.ids() == {point.id for point in SOME}
    await again.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
