"""What a Qdrant server can do to us, and what comes of it: retried, told, survived."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
import stamina
from qdrant_client import models as q

from judge.examples import ExamplePoint
from judge.qdrant_server import ServerExampleStore
from models.errors import Fatal, Permanent, RedstreamError, Transient
from tests.contract.loopback_qdrant import (
    LoopbackQdrant,
    Trouble,
    body,
    drip,
    half,
    hang_up,
    served,
    silence,
    status,
)

D = 4
KEY = "s3cret-key-nobody-may-see"
EAST = np.array([1, 0, 0, 0], np.float32)
SOME = [ExamplePoint("e", "east", "to the right", EAST)]
TIMEOUT, ATTEMPTS = 0.15, 3
# The longest a call may take: every try in full, the waits between, and a loaded machine.
BOUND = ATTEMPTS * TIMEOUT + 3.0

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local:UserWarning"),
]


@pytest.fixture(autouse=True)
def no_waits_between_tries(request: pytest.FixtureRequest) -> Iterator[None]:
    if "real_waits" in request.fixturenames:
        yield
    else:
        with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
            yield


@pytest.fixture
def real_waits() -> None:
    """For tests of the time a call takes."""


@pytest.fixture
async def server() -> AsyncIterator[LoopbackQdrant]:
    async with served(KEY) as running:
        yield running


@pytest.fixture
async def store(server: LoopbackQdrant) -> AsyncIterator[ServerExampleStore]:
    made = store_at(server.url)
    yield made
    await made.close()


def store_at(url: str, key: str | None = KEY, dimension: int = D) -> ServerExampleStore:
    return ServerExampleStore(url, dimension, key=key, timeout=TIMEOUT, attempts=ATTEMPTS)


async def raised(store: ServerExampleStore) -> RedstreamError:
    """What a search raises; it is one line, in time, and tells no secret."""
    started = time.monotonic()
    with pytest.raises(RedstreamError) as caught:
        await store.nearest(EAST, 3)
    assert time.monotonic() - started < BOUND
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return caught.value


PASSING = {
    "timeout": silence,
    "an answer byte by byte": drip,
    "500": status(500),
    "502 of a proxy": body(b"<html>Bad Gateway</html>", 502),
    "503": status(503),
    "429": status(429),
    "429 for half a minute": status(429, Retry_After="30"),
    "429 until a date": status(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
    "half an answer": half,
    "no answer": hang_up,
}
STRANGE = {
    "not JSON": body(b"<html>Welcome to your new router</html>"),
    "half of the JSON": body(b'{"result": {"points": ['),
    "nothing": body(b""),
    "another shape": body(b'{"result": {"points": 7}, "status": "ok", "time": 0.1}'),
    "no result": body(b'{"status": "ok", "time": 0.1}'),
    "somebody else's points": body(
        b'{"result": {"points": [{"id": 1, "version": 1, "score": 1.0, "payload": {"a": 1}}]}}'
    ),
}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
async def test_a_passing_trouble_ends_in_transient_and_a_recovery_works(
    server: LoopbackQdrant, store: ServerExampleStore, trouble: Trouble
) -> None:
    server.fail(trouble, forever=True)
    assert isinstance(await raised(store), Transient)  # at the very first call
    server.recover()
    await store.upsert(SOME)
    server.fail(trouble, forever=True)
    assert isinstance(await raised(store), Transient)  # in the midst of the work
    server.recover()
    assert [near.id for near in await store.nearest(EAST, 3)] == ["e"]


@pytest.mark.parametrize("trouble", STRANGE.values(), ids=STRANGE)
async def test_a_strange_answer_is_fatal_from_a_stranger_and_passing_from_a_known_server(
    server: LoopbackQdrant, store: ServerExampleStore, trouble: Trouble
) -> None:
    server.fail(trouble, forever=True)
    error = await raised(store)
    assert isinstance(error, Fatal)
    assert f"{server.url} does not answer as Qdrant does" in str(error)
    server.recover()
    await store.upsert(SOME)
    server.fail(trouble, forever=True)
    assert isinstance(await raised(store), Transient)
    server.recover()
    assert [near.id for near in await store.nearest(EAST, 3)] == ["e"]


@pytest.mark.parametrize(
    "trouble", [status(500), status(429, Retry_After="1"), half, hang_up, silence]
)
async def test_a_trouble_of_one_moment_is_not_noticed(
    server: LoopbackQdrant, store: ServerExampleStore, trouble: Trouble
) -> None:
    for work in (store.upsert(SOME), store.rename("east", "west"), store.delete(["nobody"])):
        server.fail(trouble)
        await work
    server.fail(trouble)
    assert [(near.id, near.label) for near in await store.nearest(EAST, 3)] == [("e", "west")]
    server.fail(trouble)
    assert await store.count("west") == 1


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await store.count()
    server.requests.clear()
    server.fail(status(429, Retry_After="30"), forever=True)
    await raised(store)
    assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", [silence, drip, status(503)])
@pytest.mark.usefixtures("real_waits")
async def test_a_call_is_tried_three_times_within_a_bounded_time(
    server: LoopbackQdrant, store: ServerExampleStore, trouble: Trouble
) -> None:
    await store.count()
    server.requests.clear()
    server.fail(trouble, forever=True)
    assert isinstance(await raised(store), Transient)  # which holds the clock beside it
    assert server.requests == ["POST points/query"] * ATTEMPTS


async def test_nobody_listening_is_transient_and_names_the_address() -> None:
    async with served() as server:
        url = server.url
    store = store_at(url)
    error = await raised(store)
    assert isinstance(error, Transient)
    assert f"{url} cannot be reached" in str(error)
    await store.close()


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refused_key_is_fatal_at_once_and_never_shown(
    server: LoopbackQdrant, store: ServerExampleStore, code: int
) -> None:
    server.fail(status(code, f"{KEY} is no key"), forever=True)
    error = await raised(store)
    assert isinstance(error, Fatal)
    assert "check REDSTREAM_QDRANT_KEY" in str(error)
    assert len(server.requests) == 1


async def test_a_server_that_asks_for_a_key_says_so(server: LoopbackQdrant) -> None:
    store = store_at(server.url, key=None)
    assert "set REDSTREAM_QDRANT_KEY" in str(await raised(store))
    await store.close()


async def test_a_key_that_the_server_repeats_is_blacked_out(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    server.fail(status(500, f"you sent {KEY}"), forever=True)
    assert "you sent [key]" in str(await raised(store))


@pytest.mark.parametrize("code", [301, 404, 405])
async def test_a_server_of_another_kind_is_fatal(
    server: LoopbackQdrant, store: ServerExampleStore, code: int
) -> None:
    server.fail(status(code), forever=True)
    assert "address of Qdrant" in str(await raised(store))


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_points_that_the_server_refuses_are_permanent_and_told(
    server: LoopbackQdrant, store: ServerExampleStore, code: int
) -> None:
    await store.upsert(SOME)
    server.fail(status(code, "Wrong input: too odd"))
    with pytest.raises(Permanent, match="too odd"):
        await store.upsert(SOME)
    await store.upsert(SOME)


async def test_the_collection_is_made_with_its_index_once_and_found_again(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await asyncio.gather(*(store.count() for _ in range(5)))
    assert server.requests[:4] == ["GET exists", "PUT", "GET", "PUT index"]
    assert set(server.requests[4:]) == {"POST points/count"}
    params = (await server.engine.get_collection("redstream")).config.params.vectors
    assert isinstance(params, q.VectorParams)
    assert (params.size, params.distance) == (D, q.Distance.COSINE)
    assert server.indexes == {"label": "keyword"}
    server.requests.clear()
    again = store_at(server.url)
    await again.upsert(SOME)
    assert server.requests == ["GET exists", "GET", "PUT points"]
    await again.close()


async def test_a_missing_index_is_made_on_a_collection_that_exists(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await server.engine.create_collection(
        "redstream", q.VectorParams(size=D, distance=q.Distance.COSINE)
    )
    await store.count()
    assert server.indexes == {"label": "keyword"}


async def test_another_worker_may_make_the_collection_first(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    faster = store_at(server.url)
    await faster.count()
    await faster.close()
    server.fail(body(b'{"result": {"exists": false}, "status": "ok", "time": 0}'), status(409))
    assert await store.count() == 0


async def test_a_collection_of_another_dimension_is_fatal_and_names_both(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await store.upsert(SOME)
    other = store_at(server.url, dimension=8)
    with pytest.raises(Fatal, match=r"'redstream'.*holds vectors of 4 dim.* makes 8 dim.*delete"):
        await other.count()
    await other.close()
    assert await store.count() == 1


@pytest.mark.parametrize(
    ("vectors", "told"),
    [
        (q.VectorParams(size=D, distance=q.Distance.DOT), "4 dimensions, Dot; "),
        ({"text": q.VectorParams(size=D, distance=q.Distance.COSINE)}, r"named vectors \(text\)"),
    ],
)
async def test_a_collection_of_another_shape_is_fatal(
    server: LoopbackQdrant, store: ServerExampleStore, vectors: q.VectorParams, told: str
) -> None:
    await server.engine.create_collection("redstream", vectors)
    with pytest.raises(Fatal, match=told):
        await store.upsert(SOME)


async def test_an_index_of_another_kind_is_fatal(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await store.count()
    server.indexes["label"] = "text"
    other = store_at(server.url)
    with pytest.raises(Fatal, match="text index on `label`"):
        await other.count()
    await other.close()


async def test_a_collection_replaced_in_the_midst_is_fatal_not_a_dead_letter(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await store.upsert(SOME)
    await server.engine.delete_collection("redstream")
    with pytest.raises(Fatal, match="has lost the collection"):
        await store.upsert(SOME)
    await server.engine.create_collection(
        "redstream", q.VectorParams(size=8, distance=q.Distance.COSINE)
    )
    with pytest.raises(Fatal, match="holds vectors of 8 dim"):
        await store.upsert(SOME)


async def test_a_write_that_was_only_taken_down_is_not_called_done(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    await store.count()
    server.fail(body(b'{"result": {"operation_id": 1, "status": "acknowledged"}}'), forever=True)
    with pytest.raises(Transient, match="not applied"):
        await store.upsert(SOME)


async def test_a_big_upsert_goes_in_batches(
    server: LoopbackQdrant, store: ServerExampleStore
) -> None:
    rows = np.random.default_rng(1).standard_normal((250, D)).astype(np.float32)
    await store.upsert([ExamplePoint(str(i), "l", "t", row) for i, row in enumerate(rows)])
    assert server.requests.count("PUT points") == 3
    assert await store.count() == 250


async def test_a_closed_store_says_so(store: ServerExampleStore) -> None:
    await store.close()
    with pytest.raises(Fatal, match="was closed"):
        await store.count()


@pytest.mark.parametrize(
    "url",
    ["localhost:6333", "qdrant", "", "ftp://host", "http://", "http://[::1", "http://h:port"],
)
def test_what_is_no_address_is_fatal_at_once(url: str) -> None:
    with pytest.raises(Fatal, match=r"write http\(s\)://HOST"):
        store_at(url, key=None)


def test_a_password_in_the_address_is_refused_unseen() -> None:
    with pytest.raises(Fatal, match="carries a user or password") as caught:
        store_at(f"https://me:{KEY}@example.org")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["zwölf", "two\nlines", "tab\tbed"])
def test_a_key_that_cannot_be_sent_is_refused_unseen(key: str) -> None:
    with pytest.raises(Fatal, match="QDRANT_KEY holds characters") as caught:
        store_at("http://127.0.0.1", key=key)
    assert key not in str(caught.value)


async def test_a_key_travels_unencrypted_to_this_machine_or_where_asked_for() -> None:
    with pytest.raises(Fatal, match=r"travel to example\.org unencrypted.*PLAIN_KEY"):
        store_at("http://example.org")
    for url in ("http://127.0.0.1", "http://[::1]:6333", "http://localhost", "https://example.org"):
        await store_at(url).close()
    await store_at("http://example.org", key=" ").close()
    await ServerExampleStore("http://example.org", D, key=KEY, plain_key=True).close()
