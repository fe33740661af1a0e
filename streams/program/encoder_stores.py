"""The example stores of encoders that a model has left."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass

from models.errors import Fatal
from streams.feed import Feed
from streams.program.assembly import open_store
from streams.program.folder import Folder, log_of, working
from streams.program.settings import Settings
from streams.records import Manifest


@dataclass(frozen=True)
class Shown:
    """The version in service, and the length of the vectors that it reads."""

    manifest: Manifest
    dimension: int


def shown(settings: Settings) -> Shown:
    """Return which encoder the model reads. Raises `NoModel`."""
    with log_of(settings) as log:
        version = Feed(log).newest()
        return Shown(version.manifest, version.classifier.dimension)


def fills(settings: Settings) -> bool:
    """Tell whether a command can reach the example store: on a server, or in the folder itself.

    On Kafka without a server each worker has one of its own.
    """
    return settings.qdrant is not None or settings.kafka is None


def drop_store(settings: Settings, name: str) -> None:
    """Delete an example store by what its name ends in, if it is there.

    Raises:
        Transient: the server is away.
        Fatal: the folder cannot be removed.
    """
    if settings.qdrant is not None:
        from judge.qdrant_server import ServerExampleStore

        store = open_store(settings, 1, name)
        assert isinstance(store, ServerExampleStore)

        async def drop() -> None:
            try:
                await store.drop()
            finally:
                await store.close()

        asyncio.run(drop())
        return
    path = Folder(settings.var).store(name)
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Fatal(f"{path} cannot be removed: {error}") from None


def clean(settings: Settings) -> str | None:
    """Delete the examples of the encoder before; return whose they were, None if there was none.

    Raises:
        Held: a run has the folder open, and may have them as well.
        Fatal: as `drop_store`.
    """
    with log_of(settings) as log:
        named = Feed(log).newest().manifest.encoded
    if named is None:
        return None
    if settings.qdrant is not None:
        drop_store(settings, named.store_before)
    else:
        with working(settings):
            drop_store(settings, named.store_before)
    return named.name_before or named.before
