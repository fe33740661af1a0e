"""What measurements on Kafka need: brokers, topics of their own, workers as real processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from numpy.typing import NDArray

from benchmarks.data import BadData
from models.classifier import Classifier
from streams.derived import backlog
from streams.feed import Feed
from streams.kafka.connection import Connection
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import create, declared
from streams.topology import CLASSIFY, TEXTS
from tools.broker import start
from tools.jars import Unavailable, fetched

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 300.0
"""Seconds after which what is waited for counts as never coming."""

STOP = 15.0


@contextmanager
def brokers() -> Iterator[str]:
    """REDSTREAM_KAFKA's, else a broker started here. Raises `BadData`: there is neither."""
    if named := os.environ.get("REDSTREAM_KAFKA"):
        yield named
        return
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that starts is away first
    with tempfile.TemporaryDirectory() as folder:
        try:
            broker = start(fetched(), Path(folder))
        except Unavailable as error:
            raise BadData(
                f"no Kafka to measure on: {error}; or name one, REDSTREAM_KAFKA"
            ) from None
        try:
            yield broker.bootstrap
        finally:
            broker.close()


def until(what: str, found: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until it is so. Raises `TimeoutError`."""
    latest = time.monotonic() + seconds
    while not found():
        if time.monotonic() > latest:
            raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(0.02)


class Child:
    """A process, and what it has reported: lines of JSON in a file."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._report = folder / "report"
        self._report.touch()
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, **env, "REPORT": str(self._report)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._log = folder / "log"

    def reports(self) -> list[dict[str, Any]]:
        """What it has reported so far."""
        whole, _, _ = self._report.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def ended(self) -> list[dict[str, Any]]:
        """Wait until it ends by itself; its reports. Raises `ChildProcessError`."""
        if self.process.wait(PATIENCE):
            said = self._log.read_text(errors="replace")[-2_000:]
            raise ChildProcessError(f"a worker ended with {self.process.returncode}:\n{said}")
        return self.reports()

    def stop(self) -> float:
        """Have it stop, as an orchestrator does; after how many seconds it was gone."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return time.monotonic() - began


class Watch:
    """Notes when each record of a topic reaches a reader."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self.seen: list[tuple[str, float, bytes]] = []
        """Key, time of the clock, value."""
        self._connection = connection
        self._topic = connection.topic(topic)
        self._over = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True)
        self._thread.start()
        self._ready.wait(60)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            self._topic, **self._connection.client(), auto_offset_reset="earliest"
        )
        await consumer.start()
        self._ready.set()
        while not self._over.is_set():
            found = await consumer.getmany(timeout_ms=50)
            now = time.time()
            self.seen += [
                ((one.key or b"").decode(), now, one.value)
                for records in found.values()
                for one in records
            ]
        await consumer.stop()

    def close(self) -> None:
        """Stop reading."""
        self._over.set()
        self._thread.join()


class Stand:
    """Topics, a folder and the processes of one measurement; all gone when it is closed."""

    def __init__(self, bootstrap: str, partitions: int = 4) -> None:
        self.connection = Connection(bootstrap, f"bench{uuid.uuid4().hex[:8]}.")
        self._topics = declared(self.connection, partitions, 1)
        self.partitions = partitions
        asyncio.run(create(self.connection, self._topics))
        self.folder = Path(tempfile.mkdtemp())
        self.log = KafkaReader(self.connection)
        self._children: list[Child] = []
        self._watches: list[Watch] = []

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.stop()
        for watch in self._watches:
            watch.close()
        self.log.close()
        asyncio.run(self._remove())
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _remove(self) -> None:
        admin = AIOKafkaAdminClient(**self.connection.client())
        await admin.start()
        try:
            await admin.delete_topics([one.name for one in self._topics])
        finally:
            await admin.close()

    @property
    def env(self) -> dict[str, str]:
        """What a process is told by its environment."""
        return {
            "REDSTREAM_KAFKA": self.connection.bootstrap,
            "REDSTREAM_KAFKA_PREFIX": self.connection.prefix,
            "REDSTREAM_KAFKA_PARTITIONS": str(self.partitions),
            "REDSTREAM_VAR": str(self.folder / "var"),
        }

    def serve(self, classifier: Classifier) -> None:
        """Publish a model."""
        self.log.append(Feed(self.log).publish(classifier, applied=0, learnt=0, touched=()))

    def prepare(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors (n, d) for the fake encoder of workers."""
        np.save(self.folder / "vectors.npy", vectors)
        (self.folder / "texts.json").write_text(json.dumps(list(texts)), encoding="utf-8")

    def child(self, *command: str, **env: str) -> Child:
        """Start a process."""
        folder = self.folder / f"child-{len(self._children)}"
        folder.mkdir()
        child = Child(command, folder, {**self.env, **env})
        self._children.append(child)
        return child

    def worker(self, stage: str, *options: str) -> Child:
        """Start a worker of a stage, with the fake encoder if vectors lie ready."""
        prepared = ["--vectors", str(self.folder)] if stage == CLASSIFY.name else []
        return self.child("-m", "benchmarks.kafka_worker", stage, *prepared, *options)

    def watch(self, topic: str) -> Watch:
        """Read a topic from now on."""
        watch = Watch(self.connection, topic)
        self._watches.append(watch)
        return watch

    def joined(self, stage: str, members: int) -> None:
        """Wait until a stage has so many workers, and its partitions are given out."""
        asyncio.run(self._joined(self.connection.group(stage), members))

    async def _joined(self, group: str, members: int) -> None:
        admin = AIOKafkaAdminClient(**self.connection.client())
        await admin.start()
        try:
            async with asyncio.timeout(PATIENCE):
                while not await _stable(admin, group, members):  # noqa: ASYNC110 (elsewhere)
                    await asyncio.sleep(0.1)
        finally:
            await admin.close()

    def idle(self) -> None:
        """Wait until no stage has anything to do, three looks in a row: work travels in between."""
        quiet = 0
        while quiet < 3:
            quiet = 0 if backlog(self.log) else quiet + 1
            time.sleep(1.1)  # what is told may be a second old

    def fill(
        self, values: Sequence[tuple[str, bytes]], per_second: float | None = None
    ) -> dict[str, float]:
        """Put texts (key, value) into `texts`, by turns into its partitions; when each was sent."""
        return asyncio.run(self.filling(values, per_second))

    async def filling(
        self, values: Sequence[tuple[str, bytes]], per_second: float | None = None
    ) -> dict[str, float]:
        """The same, beside other work."""
        producer = AIOKafkaProducer(**self.connection.client(), acks="all", linger_ms=5)
        await producer.start()
        sent: dict[str, float] = {}
        pending = []
        began = time.time()
        topic = self.connection.topic(TEXTS.name)
        try:
            for number, (key, value) in enumerate(values):
                if per_second and (early := began + number / per_second - time.time()) > 0:
                    await asyncio.sleep(early)
                sent[key] = time.time()
                pending.append(
                    await producer.send(topic, value, key.encode(), number % self.partitions)
                )
            await asyncio.gather(*pending)
        finally:
            await producer.stop()
        return sent


async def _stable(admin: AIOKafkaAdminClient, group: str, members: int) -> bool:
    try:
        [answer] = await admin.describe_consumer_groups([group])
    except KafkaError:  # the first group of a broker has no coordinator yet
        return False
    _, _, state, _, _, found, *_ = answer.groups[0]
    return state == "Stable" and len(found) == members


def rows_of(texts: Sequence[str], count: int, prefix: str = "t") -> list[tuple[str, bytes]]:
    """So many texts with ids of their own, as they lie in the topic: key and JSON."""
    return [
        (name := f"{prefix}{number:06d}", json.dumps({"id": name, "text": text}).encode())
        for number, text in ((i, texts[i % len(texts)]) for i in range(count))
    ]
