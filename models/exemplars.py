"""The examples a classifier keeps for a label: bounded, mostly recent, a few gold.

A *shelf* is one label's exemplars. It is a pure function of the set of examples put on it: what
is kept depends on arrival numbers and ids, never on the order or the batches they came in. Vectors
are rounded through float16 at the door, so that a classifier read back from its parts computes
with the very bits of the one that wrote them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.errors import BadExamples
from models.snapshot import Blob

ACTIVE = 60
"""Exemplars of a label that are used. Under drift, 50 to 150 recent ones measured near a tie."""

GOLD = 10
"""Of those, the oldest gold examples that are never pushed out by newer texts."""

RESERVE = 10
"""Kept beyond ACTIVE and not used: what comes back when a text just learnt is revoked."""


@dataclass(frozen=True, eq=False)
class Example:
    """One labelled text, by its embedding.

    `embedding` is (d,) float32, L2-normalised. `gold` marks an example given or checked by a
    person. `arrival` orders a label's examples in time (the position in the training log is a
    good one); left out, `learn` numbers it after those already there and `fit` takes all to be of
    one age.
    """

    id: str
    label: str
    embedding: NDArray[np.float32]
    gold: bool
    arrival: int | None = None


def rounded(embedding: NDArray[np.floating]) -> NDArray[np.float16]:
    """The form in which an embedding enters: float16, C-contiguous, of the same shape."""
    half = np.ascontiguousarray(embedding, dtype=np.float16)
    if not np.isfinite(half).all():
        raise BadExamples("an embedding holds a number that is not finite: encode the text again")
    return half


def fingerprint(identity: str) -> int:
    """A stable 64-bit number for an id (blake2b), small enough to be kept by the thousand."""
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, eq=False)
class Shelf:
    """One label's exemplars, oldest first by (arrival, id); the reserve is among them.

    `vectors` is (n, d) float16; `arrivals` (n,) int64; `gold` (n,) bool; n <= ACTIVE + RESERVE.
    """

    ids: tuple[str, ...]
    arrivals: NDArray[np.int64]
    gold: NDArray[np.bool_]
    vectors: NDArray[np.float16]

    @classmethod
    def empty(cls, dimension: int) -> Shelf:
        """A shelf with nothing on it."""
        return cls(
            (),
            np.zeros(0, np.int64),
            np.zeros(0, np.bool_),
            np.zeros((0, dimension), np.float16),
        )

    @classmethod
    def of(cls, examples: Sequence[Example], dimension: int) -> Shelf:
        """A shelf of these examples, all of one age unless they carry an arrival."""
        return cls.empty(dimension)._with(examples, [e.arrival or 0 for e in examples])

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def members(self) -> frozenset[str]:
        """The ids of all that is here, the reserve included."""
        return frozenset(self.ids)

    @cached_property
    def active(self) -> NDArray[np.intp]:
        """Which are used, (m,) ascending: the oldest GOLD gold, the rest the most recent."""
        return self._chosen(ACTIVE)

    @property
    def used(self) -> list[str]:
        """Ids of the exemplars that are used, in their order."""
        return [self.ids[i] for i in self.active]

    def same(self, other: Shelf) -> bool:
        """Whether the exemplars in use are the same, bit by bit."""
        return self is other or self.blob.digests == other.blob.digests

    @cached_property
    def spare(self) -> NDArray[np.intp]:
        """Which are only kept in reserve, ascending."""
        return np.setdiff1d(np.arange(len(self.ids)), self.active)

    @cached_property
    def blob(self) -> Blob:
        """How the exemplars in use are stored."""
        return self._take(self.active)._blob()

    @cached_property
    def reserve(self) -> Blob:
        """How the reserve is stored."""
        return self._take(self.spare)._blob()

    def _blob(self) -> Blob:
        arrays = {"arrivals": self.arrivals, "gold": self.gold, "vectors": self.vectors}
        return Blob({"ids": list(self.ids)}, arrays)

    @classmethod
    def read(cls, blob: Blob) -> Shelf:
        """Back from how it is stored."""
        a = blob.arrays
        shelf = cls(tuple(blob.meta["ids"]), a["arrivals"], a["gold"], a["vectors"])
        sizes = {len(shelf.ids), len(shelf.arrivals), len(shelf.gold), len(shelf.vectors)}
        if shelf.vectors.ndim != 2 or len(sizes) != 1:
            raise ValueError("ids, times and vectors differ in number")
        return shelf

    def beside(self, other: Shelf) -> Shelf:
        """All of both, in order."""
        joined = Shelf(
            (*self.ids, *other.ids),
            np.concatenate([self.arrivals, other.arrivals]),
            np.concatenate([self.gold, other.gold]),
            np.concatenate([self.vectors, other.vectors]),
        )
        return joined._sorted()

    def _sorted(self) -> Shelf:
        order = sorted(range(len(self.ids)), key=lambda i: (self.arrivals[i], self.ids[i]))
        return self._take(np.asarray(order, np.intp))

    def _chosen(self, bound: int) -> NDArray[np.intp]:
        keep = np.flatnonzero(self.gold)[:GOLD]
        others = np.setdiff1d(np.arange(len(self.ids)), keep)
        room = bound - len(keep)
        return np.union1d(keep, others[max(0, len(others) - room) :]).astype(np.intp)

    def _take(self, rows: NDArray[np.intp]) -> Shelf:
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            arrivals=self.arrivals[rows],
            gold=self.gold[rows],
            vectors=np.ascontiguousarray(self.vectors[rows]),
        )

    def _with(self, examples: Sequence[Example], arrivals: Sequence[int]) -> Shelf:
        if not examples:
            return self
        added = Shelf(
            tuple(e.id for e in examples),
            np.asarray(arrivals, np.int64),
            np.asarray([e.gold for e in examples], np.bool_),
            rounded(np.stack([e.embedding for e in examples])),
        )
        joined = self.beside(added)
        return joined._take(joined._chosen(ACTIVE + RESERVE))

    def add(self, example: Example) -> Shelf:
        """This shelf and one more; what no longer fits goes."""
        newest = int(self.arrivals.max(initial=0))
        arrival = newest + 1 if example.arrival is None else example.arrival
        return self._with([example], [arrival])

    def remove(self, ids: Collection[str]) -> Shelf:
        """This shelf without those ids; the same object if it holds none of them."""
        gone = set(ids)
        rows = np.asarray([i for i, name in enumerate(self.ids) if name not in gone], np.intp)
        return self if len(rows) == len(self.ids) else self._take(rows)
