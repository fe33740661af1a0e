"""The example stores of a model: one for each encoder, so that no search mixes two spaces.

A case is shown the examples of the encoder that made its vector. Those of the encoder before stay
as they were at the change, for what was on its way then.
"""

from __future__ import annotations

from collections.abc import Callable

from judge.examples import ExampleStore
from judge.memory_store import MemoryExampleStore
from streams.feed import Version
from streams.records import Manifest
from streams.wire import Vector

Open = Callable[[int, str], ExampleStore]
"""Opens a store by the length of its vectors and what its name ends in."""


class Stores:
    """Every store that was asked for, opened once."""

    def __init__(self, open_: Open) -> None:
        self._open = open_
        self._opened: dict[str, ExampleStore] = {}
        self._one: ExampleStore | None = None

    @classmethod
    def only(cls, store: ExampleStore) -> Stores:
        """One store, whatever is asked for: of a model whose encoder does not change."""
        made = cls(lambda dimension, name: store)
        made._one = store
        return made

    @property
    def opened(self) -> list[ExampleStore]:
        """Return the stores that are open; the latest is the last."""
        return list(self._opened.values())

    def of(self, version: Version) -> ExampleStore:
        """Return the store of a version's encoder."""
        if self._one is not None:
            return self._one
        return self._named(name_of(version.manifest), version.classifier.dimension)

    def before(self, manifest: Manifest) -> ExampleStore | None:
        """Return the store of the encoder before, if the model was moved."""
        named = manifest.encoded
        if self._one is not None or named is None or not named.dimension_before:
            return None
        return self._named(named.store_before, named.dimension_before)

    def near(self, vector: Vector, manifest: Manifest | None) -> ExampleStore:
        """Return the store in which a vector may be searched for; an empty one if there is none."""
        if self._one is not None or manifest is None:
            return self._one or MemoryExampleStore(len(vector.array()))
        dimension, named = len(vector.array()), manifest.encoded
        if vector.encoder == manifest.encoder:
            return self._named(name_of(manifest), dimension)
        if named is not None and vector.encoder == named.before:
            return self._named(named.store_before, dimension)
        return MemoryExampleStore(dimension)  # of one before that, or a moment ahead of our feed

    def _named(self, name: str, dimension: int) -> ExampleStore:
        if name not in self._opened:
            self._opened[name] = self._open(dimension, name)
        return self._opened[name]

    async def close(self) -> None:
        """Close all that are open."""
        for store in self._opened.values():
            await store.close()


def name_of(manifest: Manifest) -> str:
    """Return what the name of a version's example store ends in."""
    return manifest.encoded.store if manifest.encoded else ""
