"""A Qdrant server of our own on loopback: its REST interface over the client's local mode.

It is no proof of a real server, but it has the adapter speak HTTP; and it can be told to fail:
`fail` takes answers that are given instead of the right ones, one a request or for ever.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any

from aiohttp import web
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as q

Trouble = Callable[[web.Request], Awaitable[web.StreamResponse]]
APPLIED = {"operation_id": 1, "status": "completed"}


class LoopbackQdrant:
    """`requests` are the calls that came in, as "POST points/query"."""

    def __init__(self, key: str | None = None) -> None:
        self.engine = AsyncQdrantClient(":memory:")
        self.key = key
        self.requests: list[str] = []
        self.indexes: dict[str, str] = {}
        self.url = ""
        self._trouble: Any = iter(())

    def fail(self, *troubles: Trouble, forever: bool = False) -> None:
        """Answer the next requests so; with `forever`, all of them until told otherwise."""
        self._trouble = repeat(troubles[0]) if forever else iter(troubles)

    def recover(self) -> None:
        """Answer rightly again."""
        self._trouble = iter(())

    async def answer(self, request: web.Request) -> web.StreamResponse:
        what = f"{request.method} {request.match_info['what']}".strip()
        self.requests.append(what)
        if (trouble := next(self._trouble, None)) is not None:
            return await trouble(request)
        if self.key is not None and request.headers.get("api-key") != self.key:
            return told(401, "Must provide an API key or an Authorization bearer token")
        body = await request.json() if request.can_read_body else {}
        name = request.match_info["name"]
        if what not in ("GET exists", "PUT") and not await self.engine.collection_exists(name):
            return told(404, f"Not found: Collection `{name}` doesn't exist!")
        try:
            result = await getattr(self, CALLS[what])(name, body)
        except ValueError as error:
            return told(400, f"Wrong input: {error}")
        if isinstance(result, list):
            result = [one.model_dump(mode="json") for one in result]
        elif isinstance(result, q.BaseModel):
            result = result.model_dump(mode="json")
        return web.json_response({"result": result, "status": "ok", "time": 0.001})

    async def exists(self, name: str, _: Any) -> dict[str, bool]:
        return {"exists": await self.engine.collection_exists(name)}

    async def create(self, name: str, body: dict[str, Any]) -> bool:
        vectors = q.CreateCollection(**body).vectors
        return await self.engine.create_collection(name, vectors)

    async def drop(self, name: str, _: Any) -> bool:
        return await self.engine.delete_collection(name)

    async def info(self, name: str, _: Any) -> dict[str, Any]:
        told = (await self.engine.get_collection(name)).model_dump(mode="json")
        told["payload_schema"] = {
            field: {"data_type": kind, "points": 0} for field, kind in self.indexes.items()
        }
        return told

    async def index(self, _: str, body: dict[str, Any]) -> dict[str, Any]:
        self.indexes[body["field_name"]] = body["field_schema"]
        return APPLIED

    async def upsert(self, name: str, body: dict[str, Any]) -> q.UpdateResult:
        return await self.engine.upsert(name, q.PointsList(**body).points)

    async def delete(self, name: str, body: dict[str, Any]) -> q.UpdateResult:
        return await self.engine.delete(name, q.PointIdsList(**body))

    async def payload(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        change = q.SetPayload(**body)
        assert change.filter is not None
        await self.engine.set_payload(name, change.payload, change.filter)
        return APPLIED

    async def query(self, name: str, body: dict[str, Any]) -> q.QueryResponse:
        asked = q.QueryRequest(**body)
        assert asked.params is not None
        assert asked.params.exact
        return await self.engine.query_points(
            name, body["query"]["nearest"], query_filter=asked.filter, limit=body["limit"]
        )

    async def count(self, name: str, body: dict[str, Any]) -> q.CountResult:
        return await self.engine.count(name, q.CountRequest(**body).filter)

    async def scroll(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        asked = q.ScrollRequest(**body)
        records, after = await self.engine.scroll(
            name, asked.filter, body["limit"], offset=asked.offset, with_payload=asked.with_payload
        )
        points = [record.model_dump(mode="json") for record in records]
        return {"points": points, "next_page_offset": after}


CALLS = {
    "GET exists": "exists",
    "PUT": "create",
    "DELETE": "drop",
    "GET": "info",
    "PUT index": "index",
    "PUT points": "upsert",
    "POST points/delete": "delete",
    "POST points/payload": "payload",
    "POST points/query": "query",
    "POST points/count": "count",
    "POST points/scroll": "scroll",
}


@asynccontextmanager
async def served(key: str | None = None) -> AsyncIterator[LoopbackQdrant]:
    """Serve on a free port until the block ends; requests in hand are dropped."""
    server = LoopbackQdrant(key)
    app = web.Application(client_max_size=32 * 2**20)
    app.router.add_route("*", "/collections/{name}{slash:/?}{what:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
        await server.engine.close()


def told(status: int, why: str, **headers: str) -> web.Response:
    """An error as Qdrant tells it."""
    body = {"status": {"error": why}, "time": 0.001}
    return web.json_response(body, status=status, headers=headers)


def status(code: int, why: str = "out of order", **headers: str) -> Trouble:
    """Answer with an error."""

    async def trouble(_: web.Request) -> web.Response:
        return told(code, why, **{name.replace("_", "-"): text for name, text in headers.items()})

    return trouble


def body(content: bytes, code: int = 200) -> Trouble:
    """Answer with these bytes."""

    async def trouble(_: web.Request) -> web.Response:
        return web.Response(body=content, status=code, content_type="application/json")

    return trouble


async def silence(_: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.sleep(3600)
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    """Answer a byte at a time, each in time, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    """Promise a whole answer, and hang up in the midst of it."""
    whole = json.dumps({"result": {"points": []}, "status": "ok", "time": 0.1}).encode()
    response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    assert request.transport is not None
    request.transport.close()
    return response
