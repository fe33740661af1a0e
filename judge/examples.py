"""The port of the example store: validated texts, searched by similarity and label."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from judge.question import Neighbour
from models.errors import Permanent

# Fixed for ever: with another namespace every stored example would get another point id.
_NAMESPACE = uuid.UUID("5b1c7a52-94a8-5d0c-9a43-3a0c6f1d7e21")


@dataclass(frozen=True, slots=True)
class ExamplePoint:
    """A validated text with its label; `embedding` has shape (d,) and any length but zero."""

    id: str
    label: str
    text: str
    embedding: NDArray[np.float32] = field(compare=False, repr=False)


class ExampleStore(Protocol):
    """Validated examples near a text. A cache of `retrain`: lost, it is rebuilt from it.

    Every call raises `Permanent` where the data can never fit (a wrong dimension, a text that
    is not Unicode), `Transient` where it may fit later, `Fatal` where the store is unusable.
    """

    async def upsert(self, points: Sequence[ExamplePoint]) -> None:
        """Add or replace by id. Repeatable; of an id given twice, the last one stays.

        All points are checked before the first is written.
        """
        ...

    async def delete(self, ids: Iterable[str]) -> None:
        """Remove by id; unknown ids are ignored."""
        ...

    async def nearest(
        self, embedding: NDArray[np.float32], k: int, label: str | None = None
    ) -> list[Neighbour]:
        """The k most similar examples (of `label`, or of any), most similar first."""
        ...

    async def count(self, label: str | None = None) -> int:
        """How many examples there are (of `label`, or in all)."""
        ...

    async def ids(self, label: str | None = None) -> set[str]:
        """Return the text ids of all examples (of `label`)."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Give all examples of label `old` the label `new`; they join those already there."""
        ...

    async def purge(self) -> None:
        """Leave nothing of what was removed in the store's own files.

        A server sees to its files by itself: nothing is done there.
        """
        ...

    async def flush(self) -> None:
        """Make all that was written so far survive a power cut, as far as the store is ours.

        Whoever commits a position after writing calls it before.
        """
        ...

    async def close(self) -> None:
        """Make everything durable and let go of it. Closing twice is allowed."""
        ...


def point_id(text_id: str) -> str:
    """The UUIDv5 under which a text is stored: the same on every machine, for any text id."""
    return str(uuid.uuid5(_NAMESPACE, text_id))


def check_embedding(embedding: NDArray[np.float32], dimension: int, whose: str) -> None:
    """Raise `Permanent` unless the embedding is a finite, non-zero vector of (dimension,).

    The engine itself would take a vector of NaN or of zeros and return it at any distance.
    """
    if embedding.shape != (dimension,):
        raise Permanent(
            f"{whose}: the embedding has shape {embedding.shape}, the example store holds "
            f"({dimension},): was it made by another encoder?"
        )
    if not np.isfinite(embedding).all() or not embedding.any():
        raise Permanent(f"{whose}: the embedding is not finite, or all zeros")


def check_point(point: ExamplePoint, dimension: int) -> None:
    """Raise `Permanent` for a point that no store can hold."""
    check_embedding(point.embedding, dimension, f"example {point.id!r}")
    for value in (point.id, point.label, point.text):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Permanent(f"example {point.id!r} is not Unicode text: {error}") from error
    if not point.id or not point.label:
        raise Permanent(f"example {point.id!r} lacks an id or a label ({point.label!r})")


def by_similarity(neighbours: Iterable[Neighbour]) -> list[Neighbour]:
    """Most similar first; ties by id, so that a replay sees the same order."""
    return sorted(neighbours, key=lambda near: (-near.similarity, near.id))
