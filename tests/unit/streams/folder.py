"""A fitted folder (`tiny.fit_folder`) that learns: lessons in, versions out."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from models.encoder import HashingEncoder
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.feed import Feed, Version
from streams.program.folder import Folder, working
from streams.program.settings import Settings
from streams.records import Retrain
from streams.stage import outgoing
from streams.stages.train import Train
from streams.topology import RETRAIN
from streams.wire import Vector
from tests.unit.streams import make, tiny

SEEDS = sum(len(texts) for texts in tiny.EXAMPLES.values())
"""Where in `retrain` the lessons begin."""

ENCODER = HashingEncoder()
"""As the folder is fitted with."""


def lesson(words: str, label: str = "travel", **fields: object) -> Retrain:
    vector = Vector.of(ENCODER.encode([words])[0], ENCODER.identity)
    return make.lesson(words, label, text=words, embedding=vector, **fields)


def revoked(words: str) -> Retrain:
    return make.lesson(words, "travel", kind="revoked", embedding=None)


def put(settings: Settings, *lessons: Retrain) -> None:
    with working(settings) as log:
        log.append([outgoing(RETRAIN, one.id, one) for one in lessons])


def learn(settings: Settings) -> None:
    """Have the trainer learn what waits, each lesson in a version of its own."""
    with working(settings) as log:
        asyncio.run(EmbeddedRunner(log, [Train(Feed(log))], batch=1).run(lockstep=True))


def teach(settings: Settings, *lessons: Retrain) -> None:
    put(settings, *lessons)
    learn(settings)


def served(settings: Settings, number: int | None = None) -> Version:
    """The version in service, or another, as a new reader finds it."""
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        feed = Feed(log)
        newest = feed.newest()
        return newest if number is None else feed.load(number)


def end(settings: Settings, topic: str) -> int:
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        return log.end(topic)


def damage(settings: Settings, part: str, number: int) -> None:
    """Turn a part of a version into other bytes."""
    sha = served(settings, number).classifier.digests()[part]
    with closing(sqlite3.connect(Folder(settings.var).log)) as db:
        key = f"part/{sha}".encode()
        assert db.execute("UPDATE records SET value = ? WHERE key = ?", (b"bits", key)).rowcount
        db.commit()
