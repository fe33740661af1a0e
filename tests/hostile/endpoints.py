"""What servers answer: an LLM (as judge, and as a writer of guides), and Qdrant."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import httpx as qdrants
import numpy as np
import openai
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import SecretStr
from qdrant_client import AsyncQdrantClient

from judge.examples import ExamplePoint
from judge.guides.compose import Material
from judge.llm.answer import Malformed, parse
from judge.llm.endpoint import Endpoint
from judge.llm.guide_prompt import read, render
from judge.llm.prompt import Limits, render_verify
from judge.qdrant_server import ServerExampleStore
from tests.hostile.boundary import Boundary, Unanswered, answered
from tests.hostile.given import almost, any_bytes, deep, dumped, odd_texts, odd_values
from tests.unit.judge.llm import make

sdks: Any = importlib.import_module("httpx2" if find_spec("httpx2") else "httpx")
"""The OpenAI SDK's own."""


@dataclass(frozen=True)
class Page:
    """What comes back."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def heads_of(page: Page) -> list[tuple[bytes, bytes]]:
    """With the usual kind of content, where no other is named."""
    named = any(name == b"content-type" for name, _ in page.headers)
    usual = [] if named else [(b"content-type", b"application/json")]
    return [*usual, *page.headers]


HEADS = (
    *((b"retry-after", value) for value in (b"1", b"-1", b"nan", b"inf", b"9" * 400, b"\xff", b"")),
    (b"retry-after-ms", b"1e400"),
    (b"retry-after", b"Wed, 21 Oct 9999 07:28:00 GMT"),
    (b"retry-after", b"Wed, 99 Foo 2015 99:99:99 XXX"),
    (b"content-type", b"text/html; charset=no-such"),
    (b"content-type", b"application/json; charset=utf-16"),
    (b"content-encoding", b"gzip"),
    (b"content-encoding", b"deflate"),
    (b"location", b"http://169.254.169.254/"),
    (b"x-request-id", b"\x80" * 300),
    (b"set-cookie", b"a=b"),
)

BOMBS = (
    b"[" * 90_000,
    b'{"choices": ' + b"[" * 90_000,
    b'{"status": {"error": ' + b"[" * 90_000,
    dumped({"error": {"message": deep(900)}}),
    b"9" * 5_000,
    gzip.compress(b"a" * 3_000_000),
    b'{"result": ' + b"9" * 5_000 + b"}",
)


def completion(content: str) -> bytes:
    """As an endpoint gives it that does what it should."""
    message = {"role": "assistant", "content": content, "refusal": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode()


SAID = (
    '{"answer": "valid", "reason": "so", "evidence": [1]}',
    '```json\n{"answer": "valid"}\n```',
    "<think>hm</think>" + '{"answer": "invalid"}',
    "```" + "\n" * 19_000 + "x",
    "<think>" * 2_000,
    "<think>" + " " * 19_000,
    "[" * 19_000,
    '{"answer": ' + "9" * 5_000 + "}",
    '{"means": "a card", "excludes": "b", "examples": ["t1"], "confusions": []}',
)

contents = st.one_of(
    st.sampled_from(SAID),
    odd_texts,
    st.builds(lambda value: dumped(value).decode("utf-8", "replace"), odd_values),
    almost(SAID[0].encode()).map(lambda said: said.decode("utf-8", "replace")),
    almost(SAID[-1].encode()).map(lambda said: said.decode("utf-8", "replace")),
)


def pages(bodies: SearchStrategy[bytes]) -> SearchStrategy[Page]:
    status = st.one_of(st.just(200), st.sampled_from([201, 204, 301, 400, 401, 403, 404, 408, 409]))
    worse = st.sampled_from([413, 418, 422, 425, 429, 451, 500, 502, 503, 504, 599])
    heads = st.lists(st.sampled_from(HEADS), max_size=3).map(tuple)
    body = st.one_of(bodies, bodies, bodies, any_bytes, st.sampled_from(BOMBS))
    return st.builds(Page, st.one_of(status, status, worse), heads, body)


completions = st.one_of(
    contents.filter(lambda said: not any("\ud800" <= c <= "\udfff" for c in said)).map(completion),
    st.one_of(almost(completion(SAID[0])), almost(b'{"error": {"message": "no", "code": "x"}}')),
)


def asked(settled: bool, page: Page) -> str:
    """One question to an endpoint, and what is made of its answer, as a judge and as a writer."""

    def wire(request: Any) -> Any:
        return sdks.Response(page.status, headers=heads_of(page), content=page.body)

    async def ask() -> None:
        http = sdks.AsyncClient(transport=sdks.MockTransport(wire))
        client = openai.AsyncOpenAI(
            api_key="none", base_url="http://127.0.0.1:9/v1", max_retries=0, http_client=http
        )
        endpoint = Endpoint("http://127.0.0.1:9/v1", "m", SecretStr("k"), client=client)
        endpoint._settled = settled
        try:
            said = await endpoint.ask(_question())
            for reads in (_judged, _guided):
                with suppress(Malformed):
                    reads(said.content)
        finally:
            await endpoint.close()

    return answered(lambda: asyncio.run(ask()))


@cache
def _question() -> Any:
    return render_verify(make.case(), "a", make.NEAR, {}, "seed", Limits())


@cache
def _material() -> Any:
    return render(Material("card", "a card", ("my card is gone",), ()), "seed")


def _judged(content: str) -> None:
    parse(content, {"valid": 1, "invalid": 1}, {"1": "n1"})


def _guided(content: str) -> None:
    read(content, _material())


POINT = {
    "id": "0" * 32,
    "version": 1,
    "score": 0.5,
    "payload": {"id": "a", "label": "b", "text": "c"},
}
INFO = {
    "status": "green", "optimizer_status": "ok", "segments_count": 1, "points_count": 0,
    "config": {
        "params": {"vectors": {"size": 2, "distance": "Cosine"}},
        "hnsw_config": {"m": 0, "ef_construct": 9, "full_scan_threshold": 9},
        "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 9,
                             "default_segment_number": 0, "flush_interval_sec": 5},
    },
    "payload_schema": {"label": {"data_type": "keyword", "points": 0}},
}  # fmt: skip

RESULTS: dict[str, Any] = {
    "exists": {"exists": True},
    "info": INFO,
    "query": {"points": [POINT]},
    "count": {"count": 3},
    "scroll": {"points": [POINT], "next_page_offset": "0" * 32},
    "update": {"operation_id": 1, "status": "completed"},
}


def result(name: str) -> bytes:
    """As Qdrant gives it."""
    return json.dumps({"result": RESULTS[name], "status": "ok", "time": 0.1}).encode()


def stored(given: tuple[str, Page]) -> str:
    """Each call to a store of which one kind of answer is hostile."""
    name, page = given
    seen = 0

    def wire(request: qdrants.Request) -> qdrants.Response:
        nonlocal seen
        seen += 1
        path = request.url.path
        kind = next((kind for kind in ("exists", "query", "count", "scroll") if kind in path), None)
        kind = kind or ("info" if request.method == "GET" else "update")
        if kind == name:
            return qdrants.Response(page.status, headers=heads_of(page), content=page.body)
        return qdrants.Response(200, content=result(kind))

    async def call(work: str) -> None:
        client = AsyncQdrantClient(
            url="http://127.0.0.1:9",
            check_compatibility=False,
            transport=qdrants.MockTransport(wire),
        )
        store = ServerExampleStore("http://127.0.0.1:9", 2, attempts=1, client=client)
        row = np.ones(2, np.float32)
        try:
            match work:
                case "nearest":
                    await store.nearest(row, 3)
                case "count":
                    await store.count()
                case "ids":
                    await store.ids()
                case "rename":
                    await store.rename("a", "b")
                case _:
                    await store.upsert([ExamplePoint("a", "b", "c", row)])
        finally:
            await store.close()

    works = {"query": "nearest", "count": "count", "scroll": "ids", "update": "rename"}
    said = answered(lambda: asyncio.run(call(works.get(name, "upsert"))))
    if seen > 20:
        raise Unanswered("the server is asked again and again")
    return said


@st.composite
def of_qdrant(draw: st.DrawFn) -> tuple[str, Page]:
    name = draw(st.sampled_from(list(RESULTS)))
    return name, draw(pages(st.one_of(st.just(result(name)), almost(result(name)))))


ENDPOINTS = (
    Boundary("LLM, first answer", pages(completions), lambda page: asked(False, page)),
    Boundary("LLM, later answers", pages(completions), lambda page: asked(True, page)),
    Boundary("Qdrant's answers", of_qdrant(), stored),
)
