"""The example store of a folder: filling it again from the log, writing it out, looking into it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from judge.examples import ExampleStore
from judge.qdrant_edge import EdgeExampleStore
from models.errors import Fatal, RedstreamError
from streams.derived import chunks
from streams.embedded.lock import held
from streams.encoding import Encodings
from streams.feed import Feed, Version
from streams.labelset import LabelSet
from streams.program.assembly import store_of
from streams.program.encoding import encodings
from streams.program.folder import Folder, log_of, working
from streams.program.lessons import training_set
from streams.program.settings import Settings
from streams.records import Retrain
from streams.stage import Log
from streams.stages.remember import Remember
from streams.stores import name_of
from streams.topology import RETRAIN


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to; `unusable` lessons are of another form or dimension."""

    where: str
    examples: int
    removed: int
    unusable: int


@dataclass(frozen=True)
class Shown:
    """What is known of a label: its lessons, and which examples the store has.

    `stored` is None where the store could not be looked into; then `why` tells why.
    """

    lessons: list[Retrain]
    stored: set[str] | None
    why: str = ""


def rebuild(settings: Settings) -> Rebuilt:
    """Make the store hold what `retrain` says, whatever it holds now, or whether it is there.

    In the folder a new store is made beside the old one and takes its place when it is whole. On
    a server every example is written again, then what is not of this folder is deleted: searches
    go on meanwhile.

    Raises:
        Fatal: a run holds the folder, nothing was fitted, the collection has another shape.
        Transient: the server is away, the disk is full: the same command again goes on.
    """
    with working(settings) as log:
        feed = Feed(log)
        version, made = feed.newest(), encodings(settings)
        name = name_of(version.manifest)
        if settings.qdrant is not None:
            where = f"collection '{settings.qdrant_collection}{name}' of {settings.qdrant}"
            return asyncio.run(_filled(store_of(settings, version), log, feed, made, where))
        path = Folder(settings.var).store(name).resolve()  # it may be a link to another disk
        fresh, old = (path.with_name(f"{path.name}.{what}") for what in ("fresh", "old"))
        try:
            _remove(fresh)
            store = EdgeExampleStore(fresh, version.classifier.dimension)
            rebuilt = asyncio.run(_filled(store, log, feed, made, str(path)))
            _remove(old)
            if path.exists():
                path.rename(old)
            fresh.rename(path)  # killed before this, the next run finds none and fills a new one
            _remove(old)
        except OSError as error:
            raise Fatal(f"{path} cannot be replaced: {error}") from None
        return rebuilt


async def _filled(
    store: ExampleStore, log: Log, feed: Feed, made: Encodings, where: str
) -> Rebuilt:
    stage, unusable = Remember(store, feed, made, log), 0
    try:
        for records in chunks(log, RETRAIN):
            unusable += await stage.refill(records)
        labels = LabelSet.of(feed.newest().manifest)
        strays = await store.ids() - training_set(log, labels).keys()
        await store.delete(strays)
        await store.flush()
        return Rebuilt(where, await store.count(), len(strays), unusable)
    finally:
        await store.close()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def exported(settings: Settings, *, embeddings: bool) -> Iterator[str]:
    """Return a JSON line (id, label, text) for each example, by label and then by age.

    From the log, also while a run is under way: that is what the store is filled from.
    """
    with log_of(settings) as log:
        labels = LabelSet.of(Feed(log).newest().manifest)
        lessons = training_set(log, labels, embeddings=embeddings)
    for lesson in sorted(lessons.values(), key=lambda lesson: lesson.label):
        row: dict[str, object] = {"id": lesson.id, "label": lesson.label, "text": lesson.text}
        if lesson.embedding is not None:
            row["embedding"] = lesson.embedding.array().tolist()
            row["encoder"] = lesson.embedding.encoder
        yield json.dumps(row, ensure_ascii=False)


def write_lines(lines: Iterable[str], path: Path) -> int:
    """Write lines into a new file; return how many.

    Raises:
        Fatal: the file is there already, or cannot be written.
    """
    count = 0
    try:
        with path.open("x", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
    except FileExistsError:
        raise Fatal(f"{path} is there already: move it away, or name another --out") from None
    except OSError as error:
        raise Fatal(f"cannot write {path}: {error.strerror}") from None
    return count


def show(settings: Settings, label: str) -> Shown:
    """Return what the log and the store have of a label; the log also while a run is under way.

    Raises:
        Fatal: neither knows the label.
    """
    with log_of(settings) as log:
        version = Feed(log).newest()
        lessons = training_set(log, LabelSet.of(version.manifest))
    of_label = [lesson for lesson in lessons.values() if lesson.label == label]
    try:
        stored, why = _stored(settings, version, label), ""
    except RedstreamError as error:
        stored, why = None, str(error)
    if not of_label and not stored:
        labels = sorted({lesson.label for lesson in lessons.values()})
        near = get_close_matches(label, labels, 3, 0.4) or labels[:3]
        raise Fatal(f"there is no example of {label!r}; of {', '.join(near)} there are")
    return Shown(of_label, stored, why)


def _stored(settings: Settings, version: Version, label: str) -> set[str]:
    async def ask(store: ExampleStore) -> set[str]:
        try:
            return await store.ids(label)
        finally:
            await store.close()

    if settings.qdrant is not None:
        return asyncio.run(ask(store_of(settings, version)))
    with held(settings.var):  # the engine lets one process in, and so does a run
        if not Folder(settings.var).store(name_of(version.manifest)).exists():
            raise Fatal("the store is not there: `redstream examples rebuild` fills a new one")
        return asyncio.run(ask(store_of(settings, version)))
