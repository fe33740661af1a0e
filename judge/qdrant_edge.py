"""Examples in Qdrant Edge: the Qdrant engine as a library, on disk, without a server.

Measured (0.9.0, 100,000 examples of 384 dimensions, two cores): nearest 8 of a label .5 ms,
of any label 10 ms (an exact scan: the same answer each time, where an HNSW index takes two
minutes to build and answers approximately in 1.6 ms), opening .2 s.

Durability: what `upsert` returned from survives `kill -9`, since the engine's log is mapped
memory and the kernel keeps it; a power cut takes what came after the last flush. Replaying the
log makes opening slow (3.7 s for 100,000), so the store flushes itself now and then.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from judge.examples import ExamplePoint, by_similarity, check_embedding, check_point, point_id
from judge.question import Neighbour
from models.errors import Fatal, Transient

_T = TypeVar("_T")

# One engine call: 2 ms, so that searches between the calls of a big batch are not held up.
_POINTS_PER_CALL = 100
# Scans at a time. With more, a batch's texts all finish looking before the first is asked about;
# so the first questions are out while the others look (a tenth more texts a second).
_SCANS = 2
# A flush costs 20 to 40 ms; 1,000 points are replayed in about as much when opening.
_POINTS_PER_FLUSH = 1_000
# The engine grows its files 32 MiB at a time as mapped holes. Where the disk cannot fill a hole
# the process dies of SIGBUS: no exception, so it must be kept from happening.
_FREE_BYTES = 128 * 2**20


class EdgeExampleStore:
    """Fits `judge.examples.ExampleStore`; one process at a time may hold `path`.

    Writes go through one thread of its own, in the order in which they were asked for.
    Opening creates what is not there yet, and raises `Fatal` for a store of another shape, one
    that another process holds, or one that cannot be read.
    """

    def __init__(self, path: str | Path, dimension: int) -> None:
        self.path = Path(path)
        self.dimension = dimension
        self._closed = False
        self._unflushed = 0
        self._shard = _open(self.path, dimension)
        self._scans = asyncio.Semaphore(_SCANS)
        self._whole = asyncio.Event()
        self._whole.set()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="examples")

    async def upsert(self, points: Sequence[ExamplePoint]) -> None:
        for point in points:
            check_point(point, self.dimension)
        last = {point.id: point for point in points}  # the engine promises no order in a batch
        await self._write(lambda: self._upsert(list(last.values())))

    async def delete(self, ids: Iterable[str]) -> None:
        gone: list[edge.PointId] = [point_id(text_id) for text_id in ids]
        if gone:
            delete = edge.UpdateOperation.delete_points(gone)
            await self._write(lambda: self._update(delete, len(gone)))

    async def nearest(
        self, embedding: NDArray[np.float32], k: int, label: str | None = None
    ) -> list[Neighbour]:
        check_embedding(embedding, self.dimension, "search")
        if k <= 0:
            return []
        request = edge.QueryRequest(
            limit=k,
            query=edge.Query.Nearest(embedding.tolist()),
            filter=None if label is None else _of_label(label),
            with_payload=True,
        )
        await self._whole.wait()
        if label is None:  # a scan of everything: 10 ms at 100,000, too long for the event loop
            async with self._scans:
                found = await asyncio.to_thread(self._ask, lambda: self._shard.query(request))
        else:
            found = self._ask(lambda: self._shard.query(request))
        return by_similarity(
            Neighbour(stored["id"], stored["label"], stored["text"], float(point.score))
            for point in found
            for stored in [point.payload or {}]
        )

    async def count(self, label: str | None = None) -> int:
        request = edge.CountRequest(True, None if label is None else _of_label(label))
        await self._whole.wait()
        return self._ask(lambda: self._shard.count(request))

    async def ids(self, label: str | None = None) -> set[str]:
        of_label = None if label is None else _of_label(label)
        await self._whole.wait()
        async with self._scans:
            return await asyncio.to_thread(self._ask, lambda: self._ids(of_label))

    async def rename(self, old: str, new: str) -> None:
        rename = edge.UpdateOperation.set_payload_by_filter(_of_label(old), {"label": new})
        await self._write(lambda: self._update(rename, _POINTS_PER_FLUSH))

    async def purge(self) -> None:
        """Write all that is left into new files, which take the place of the old ones.

        The engine only marks what is removed: its words stay in its files and its log. Searches
        wait meanwhile (100,000 examples: some ten seconds).
        """
        self._whole.clear()
        try:
            for _ in range(_SCANS):
                await self._scans.acquire()
            await self._write(self._renew)
        finally:
            self._whole.set()
            for _ in range(_SCANS):
                self._scans.release()

    async def flush(self) -> None:
        """Make all that was written so far survive a power cut."""
        await self._write(self._flush)

    async def close(self) -> None:
        if not self._closed:
            await self._write(self._close)
            self._writer.shutdown(wait=False)

    async def _write(self, work: Callable[[], None]) -> None:
        if self._closed:
            raise Fatal(f"the example store {self.path} was closed")
        # Not asyncio.to_thread: one thread keeps the order even where a caller is cancelled.
        await asyncio.get_running_loop().run_in_executor(self._writer, self._ask, work)

    def _ask(self, work: Callable[[], _T]) -> _T:
        """Run one engine call; whatever the engine raises (bare `Exception`) is `Fatal`."""
        if self._closed:
            raise Fatal(f"the example store {self.path} was closed")
        try:
            return work()
        except (Fatal, Transient):
            raise
        except Exception as error:
            raise Fatal(
                f"the example store {self.path} failed: {error}. Start again; if it fails "
                "again, remove the folder and rebuild it (redstream examples rebuild)"
            ) from error

    def _upsert(self, points: list[ExamplePoint]) -> None:
        for start in range(0, len(points), _POINTS_PER_CALL):
            batch = points[start : start + _POINTS_PER_CALL]
            self._check_room()
            operation = edge.UpdateOperation.upsert_points([_to_engine(point) for point in batch])
            self._update(operation, len(batch))

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < _FREE_BYTES:
            raise Transient(
                f"the disk of the example store {self.path} has {free >> 20} MiB left, "
                f"{_FREE_BYTES >> 20} are needed to write safely: make room"
            )

    def _ids(self, of_label: edge.Filter | None) -> set[str]:
        found: set[str] = set()
        after: edge.PointId | None = None
        while True:
            page = edge.ScrollRequest(after, _POINTS_PER_FLUSH, of_label, with_payload=True)
            records, after = self._shard.scroll(page)
            found.update((record.payload or {})["id"] for record in records)
            if after is None:
                return found

    def _renew(self) -> None:
        beside = self.path.with_name(f"{self.path.name}.renewed")
        shutil.rmtree(beside, ignore_errors=True)
        fresh = _open(beside, self.dimension)
        after: edge.PointId | None = None
        while True:
            page = edge.ScrollRequest(
                after, _POINTS_PER_FLUSH, None, with_payload=True, with_vector=True
            )
            records, after = self._shard.scroll(page)
            points = [edge.Point(one.id, one.vector or [], one.payload) for one in records]
            for start in range(0, len(points), _POINTS_PER_CALL):
                self._check_room()
                some = points[start : start + _POINTS_PER_CALL]
                fresh.update(edge.UpdateOperation.upsert_points(some))
            fresh.flush()
            if after is None:
                break
        fresh.close()
        self._shard.close()
        # Killed between the two, there is no store: it is filled again from the training set.
        shutil.rmtree(self.path)
        beside.rename(self.path)
        self._shard = _open(self.path, self.dimension)
        self._unflushed = 0

    def _update(self, operation: edge.UpdateOperation, points: int) -> None:
        self._shard.update(operation)
        self._unflushed += points
        if self._unflushed >= _POINTS_PER_FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._shard.flush()
        self._unflushed = 0

    def _close(self) -> None:
        self._closed = True
        self._shard.close()  # flushes


def _to_engine(point: ExamplePoint) -> edge.Point:
    payload = {"id": point.id, "label": point.label, "text": point.text}
    return edge.Point(point_id(point.id), point.embedding.tolist(), payload)


def _of_label(label: str) -> edge.Filter:
    return edge.Filter(must=[edge.FieldCondition("label", match=edge.MatchValue(label))])


def _open(path: Path, dimension: int) -> edge.EdgeShard:
    config = edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine)
    )
    try:
        if not path.exists() or not any(path.iterdir()):
            _create(path, config)
        if not any(path.glob("segments/*")):  # the engine would begin an empty one, in silence
            raise FileNotFoundError("there are files, but no segments of Qdrant Edge")
        shard = edge.EdgeShard.load(str(path), config)
        _index_labels(shard)
        return shard
    except Exception as error:  # the engine knows no finer class
        raise Fatal(_why_not_opened(path, dimension, str(error))) from error


def _create(path: Path, config: edge.EdgeConfig) -> None:
    """Create beside, then move: killed at any moment, `path` holds a whole store or nothing."""
    unfinished = path.with_name(f"{path.name}.creating")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    shard = edge.EdgeShard.create(str(unfinished), config)
    _index_labels(shard)
    shard.close()
    unfinished.rename(path)


def _index_labels(shard: edge.EdgeShard) -> None:
    """Without the index a filter reads every payload; repeating it costs nothing."""
    shard.update(edge.UpdateOperation.create_field_index("label", edge.KeywordIndexParams()))


def _why_not_opened(path: Path, dimension: int, said: str) -> str:
    if "WouldBlock" in said:  # the engine's lock on its log
        return (
            f"the example store {path} is held by another process (or opened twice in this "
            "one): stop that one first, or give this one another folder"
        )
    if "incompatible" in said:
        try:
            stored = json.loads((path / "edge_config.json").read_text())["vectors"][""]
            holds = f"{stored['size']} dimensions, {stored['distance']}"
        except (OSError, ValueError, KeyError, TypeError):
            holds = "another shape"
        return (
            f"the example store {path} holds vectors of {holds}; this encoder makes "
            f"{dimension} dimensions, Cosine. Use the encoder it was built with, or remove the "
            "folder and rebuild it (redstream examples rebuild)"
        )
    return (
        f"the example store {path} cannot be opened: {said}. It is a cache: remove the folder "
        "and rebuild it (redstream examples rebuild)"
    )
