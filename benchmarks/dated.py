"""A set with dates, as a stream: a sample in order of time, its labels, and when each is known.

A set is a folder with `all.jsonl.gz`: rows with `text`, `label` and `ts` (ISO date), in order of
time. What is known of a label at any time comes from the texts before it alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import BadData, TextSet, read_rows

Ints = NDArray[np.intp]

PARTS = 4
"""Into how many samples a set is dealt, disjoint, each in order of time."""

LEAST = 10
"""Texts in the sample below which a label is left out, with its texts."""

FEW = 5
"""Examples with which a label is known: at the start, or by command once it has had as many."""


@dataclass(frozen=True)
class Dated:
    """One sample of n texts, oldest first: `y`, `year` and `quarter` (since year 0) are (n,)."""

    name: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    y: Ints
    year: Ints
    quarter: Ints
    labels_left_out: int
    texts_left_out: int

    def as_set(self) -> TextSet:
        """The same as a set without a test, for the cache of vectors."""
        return TextSet(
            name=self.name,
            labels=self.labels,
            names=self.labels,
            train=self.texts,
            train_y=self.y,
            test=(),
            test_y=self.y[:0],
            out_of_scope=(),
            repeated=0,
            unseen=0,
        )

    def as_drawn(self, per_label: int, tests: int) -> TextSet:
        """Texts without their order in time: so many per label to fit on, so many to ask about.

        Labels that have fewer than both together are left out.
        """
        train: list[int] = []
        test: list[int] = []
        kept: list[int] = []
        for label in range(len(self.labels)):
            rows = np.random.default_rng([0, label]).permutation(np.flatnonzero(self.y == label))
            if len(rows) >= per_label + tests:
                kept.append(label)
                train += rows[:per_label].tolist()
                test += rows[per_label : per_label + tests].tolist()
        names = tuple(self.labels[label] for label in kept)
        return TextSet(
            name=self.name,
            labels=names,
            names=names,
            train=tuple(self.texts[row] for row in train),
            train_y=np.searchsorted(kept, self.y[train]),
            test=tuple(self.texts[row] for row in test),
            test_y=np.searchsorted(kept, self.y[test]),
            out_of_scope=(),
            repeated=0,
            unseen=0,
        )

    @cached_property
    def known_from(self) -> Ints:
        """(labels,): the row after a label's FEW-th text, from which on it can be known."""
        rows = [np.flatnonzero(self.y == label) for label in range(len(self.labels))]
        return np.asarray([own[FEW - 1] + 1 for own in rows], np.intp)

    def before(self, year: int) -> int:
        """How many texts are older than that year."""
        return int(np.searchsorted(self.year, year))


def read_dated(data: Path, name: str, part: int) -> Dated:
    """A PARTS-th of the set, which one by `part`. Raises `BadData`."""
    rows: list[dict[str, Any]] = read_rows(data / name / "all.jsonl.gz")
    if any(not str(row.get("ts", ""))[:7].replace("-", "").isdigit() for row in rows):
        raise BadData(f"{data / name}: every row needs a `ts` such as 2016-03-31")
    dealt = PARTS - 1 - np.random.default_rng(19).permutation(len(rows)) % PARTS
    mine = sorted(
        (row for row, of in zip(rows, dealt, strict=True) if of == part % PARTS),
        key=lambda row: str(row["ts"]),
    )
    counts = Counter(str(row["label"]) for row in mine)
    labels = tuple(sorted(label for label, count in counts.items() if count >= LEAST))
    if len(labels) < 2:
        raise BadData(f"{data / name} has fewer than two labels with {LEAST} texts in a sample")
    number = {label: i for i, label in enumerate(labels)}
    kept = [row for row in mine if str(row["label"]) in number]
    year = np.asarray([int(str(row["ts"])[:4]) for row in kept], np.intp)
    month = np.asarray([int(str(row["ts"])[5:7]) for row in kept], np.intp)
    return Dated(
        name=name,
        labels=labels,
        texts=tuple(str(row["text"]) for row in kept),
        y=np.asarray([number[str(row["label"])] for row in kept], np.intp),
        year=year,
        quarter=4 * year + (month - 1) // 3,
        labels_left_out=len(counts) - len(labels),
        texts_left_out=len(mine) - len(kept),
    )
