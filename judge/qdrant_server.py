"""Examples on a Qdrant server, for workers in several processes or on several machines.

Over REST, by `qdrant_client`. Searches are exact, as in `judge.qdrant_edge`, so that the same
question has the same answer on both; the collection is made without the graph of an approximate
search, which nobody would ask. What was proven on a real server and what was not: docs/qdrant.md.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as q
from qdrant_client.http.exceptions import UnexpectedResponse

from judge.examples import ExamplePoint, by_similarity, check_embedding, check_point, point_id
from judge.qdrant_calls import Away, Caller, Garbled, checked_key, checked_url
from judge.question import Neighbour
from judge.transport import trusting
from models.errors import Fatal, Permanent

_T = TypeVar("_T")

# 100 points of 384 dimensions with texts of 20,000 characters are under 10 MB of JSON; the
# server takes 32 MB a request.
_POINTS_PER_CALL = 100
_IDS_PER_CALL = 1_000
_PATIENCE = 6.0  # a rename touches any number of points in one call


class ServerExampleStore:
    """Fits `judge.examples.ExampleStore`; any number of processes may share a collection.

    The server is first asked at the first call, which makes the collection and the index on the
    label where they are missing and raises `Fatal` where they are there in another shape. A call
    takes at most `attempts` times `timeout` seconds and a little. Writes wait until they are
    applied (`wait=true`): what was returned from is found by the next search.

    Raises:
        Fatal: an address that is none, a key that would travel unencrypted to another machine
            without `plain_key`, or an `authority` (a file of certificates) that cannot be used.
    """

    def __init__(
        self,
        url: str,
        dimension: int,
        *,
        collection: str = "redstream",
        key: str | None = None,
        plain_key: bool = False,
        authority: Path | None = None,
        timeout: float = 5.0,
        attempts: int = 3,
        client: AsyncQdrantClient | None = None,
    ) -> None:
        key = checked_key(key)
        self.url = checked_url(url, key is not None, plain_key)
        self.dimension = dimension
        self.collection = collection
        # Nothing where no file is named: then SSL_CERT_FILE holds, and httpx' own authorities.
        trust: dict[str, Any] = (
            {"verify": trusting(authority, "REDSTREAM_QDRANT_CA_FILE")} if authority else {}
        )
        # The key as a header: given as `api_key`, the client warns about every plain connection.
        self._client = client or AsyncQdrantClient(
            url=self.url,
            headers={"api-key": key} if key else None,
            timeout=math.ceil(timeout),
            **trust,
            check_compatibility=False,  # a thread that asks, and at worst prints a warning
        )
        self._caller = Caller(f"the Qdrant server {self.url}", key, timeout, attempts)
        self._opening = asyncio.Lock()
        self._ready = self._closed = False

    async def upsert(self, points: Sequence[ExamplePoint]) -> None:
        for point in points:
            check_point(point, self.dimension)
        last = list({point.id: point for point in points}.values())
        for start in range(0, len(last), _POINTS_PER_CALL):
            batch = [_to_server(point) for point in last[start : start + _POINTS_PER_CALL]]
            await self._write(partial(self._client.upsert, self.collection, batch))

    async def delete(self, ids: Iterable[str]) -> None:
        gone: list[q.ExtendedPointId] = [point_id(text_id) for text_id in ids]
        for start in range(0, len(gone), _IDS_PER_CALL):
            some = q.PointIdsList(points=gone[start : start + _IDS_PER_CALL])
            await self._write(partial(self._client.delete, self.collection, some))

    async def nearest(
        self, embedding: NDArray[np.float32], k: int, label: str | None = None
    ) -> list[Neighbour]:
        check_embedding(embedding, self.dimension, "search")
        if k <= 0:
            return []

        async def search() -> list[Neighbour]:
            found = await self._client.query_points(
                self.collection,
                query=embedding.tolist(),
                query_filter=None if label is None else _of_label(label),
                search_params=q.SearchParams(exact=True),
                limit=k,
            )
            return by_similarity(
                Neighbour(stored["id"], stored["label"], stored["text"], float(point.score))
                for point in found.points
                for stored in [point.payload or {}]
            )

        return await self._call(search)

    async def count(self, label: str | None = None) -> int:
        of_label = None if label is None else _of_label(label)

        async def count() -> int:
            return (await self._client.count(self.collection, of_label, exact=True)).count

        return await self._call(count)

    async def ids(self, label: str | None = None) -> set[str]:
        of_label = None if label is None else _of_label(label)
        found: set[str] = set()
        page: q.ExtendedPointId | None = None

        async def scroll() -> tuple[list[str], q.ExtendedPointId | None]:
            records, after = await self._client.scroll(
                self.collection, of_label, _IDS_PER_CALL, offset=page, with_payload=["id"]
            )
            return [(record.payload or {})["id"] for record in records], after

        while True:
            some, page = await self._call(scroll)
            before = len(found)
            found.update(some)
            if page is None:
                return found
            if len(found) == before:
                raise Garbled(f"{self._caller.where} gives the same page again and again")

    async def rename(self, old: str, new: str) -> None:
        named, of_old = {"label": new}, _of_label(old)
        await self._write(
            partial(self._client.set_payload, self.collection, named, of_old), _PATIENCE
        )

    async def purge(self) -> None:
        """Nothing to do: the server's own optimizer rewrites segments with removed points."""

    async def drop(self) -> None:
        """Delete the whole collection, if it is there."""
        await self._caller.ask(partial(self._client.delete_collection, self.collection))

    async def flush(self) -> None:
        """Nothing to do: every write was waited for."""

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._client.close()

    async def _write(
        self, work: Callable[[], Awaitable[q.UpdateResult]], patience: float = 1.0
    ) -> None:
        async def write() -> None:
            status = (await work()).status
            if status is not q.UpdateStatus.COMPLETED:
                raise Away(f"{self._caller.where} took a write but has not applied it: {status}")

        await self._call(write, patience)

    async def _call(self, work: Callable[[], Awaitable[_T]], patience: float = 1.0) -> _T:
        if self._closed:
            raise Fatal(f"the example store on {self.url} was closed")
        async with self._opening:
            if not self._ready:
                await self._caller.ask(self._open)
                self._ready = True
        try:
            return await self._caller.ask(work, patience)
        except Permanent:  # or is it the collection that was replaced by another?
            await self._caller.ask(self._open)
            raise

    async def _open(self) -> None:
        """Make what is missing, and raise `Fatal` for what is there in another shape."""
        if not await self._client.collection_exists(self.collection):
            await self._create()
        info = await self._client.get_collection(self.collection)
        vectors = info.config.params.vectors
        if not isinstance(vectors, q.VectorParams):
            holds = f"named vectors ({', '.join(vectors or {})})"
        else:
            holds = f"{vectors.size} dimensions, {vectors.distance.value}"
        if holds != (fits := f"{self.dimension} dimensions, Cosine"):
            raise self._other(f"holds vectors of {holds}; this encoder makes {fits}")
        index = info.payload_schema.get("label")
        if index is None:
            await self._client.create_payload_index(
                self.collection, "label", q.PayloadSchemaType.KEYWORD
            )
        elif index.data_type is not q.PayloadSchemaType.KEYWORD:
            raise self._other(f"has a {index.data_type.value} index on `label`, not a keyword one")

    async def _create(self) -> None:
        try:
            await self._client.create_collection(
                self.collection,
                q.VectorParams(size=self.dimension, distance=q.Distance.COSINE),
                hnsw_config=q.HnswConfigDiff(m=0),
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # another worker was faster
                raise

    def _other(self, why: str) -> Fatal:
        return Fatal(
            f"the collection {self.collection!r} of {self._caller.where} {why}. Use the encoder it"
            " was made with, name another collection by REDSTREAM_QDRANT_COLLECTION, or delete it"
            " and fill it again (redstream examples rebuild)"
        )


def _to_server(point: ExamplePoint) -> q.PointStruct:
    payload = {"id": point.id, "label": point.label, "text": point.text}
    return q.PointStruct(id=point_id(point.id), vector=point.embedding.tolist(), payload=payload)


def _of_label(label: str) -> q.Filter:
    return q.Filter(must=[q.FieldCondition(key="label", match=q.MatchValue(value=label))])
