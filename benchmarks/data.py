"""Sets of labelled texts, and draws of a few examples per label from them.

A set is a folder with `train.jsonl.gz` and `test.jsonl.gz`: rows with `text` and `label`. A label's
name comes from `names.json` ({label: name}), else from a `name` in the rows, else it is the label
with its underscores as spaces. `oos_test.jsonl.gz`, where it is there, holds texts of no label.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import Fatal

F32 = NDArray[np.float32]
Ints = NDArray[np.intp]


class BadData(Fatal):
    """A set cannot be read, or a benchmark cannot be run on it; the message says what to do."""


@dataclass(frozen=True)
class TextSet:
    """One set. `labels` are those with training texts, sorted; `train_y` and `test_y` number them.

    A training text that is also a test text is left out of training (`repeated` counts them); a
    test text whose label has no training text is left out of the test (`unseen` counts them).
    """

    name: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    train: tuple[str, ...]
    train_y: Ints
    test: tuple[str, ...]
    test_y: Ints
    out_of_scope: tuple[str, ...]
    repeated: int
    unseen: int

    @cached_property
    def natural(self) -> Ints:
        """How many training texts every label has, (labels,)."""
        return np.bincount(self.train_y, minlength=len(self.labels)).astype(np.intp)

    def about(self) -> dict[str, Any]:
        """What a record says of the set."""
        return {
            "labels": len(self.labels),
            "train": len(self.train),
            "test": len(self.test),
            "out_of_scope": len(self.out_of_scope),
            "train_texts_left_out_because_in_test": self.repeated,
            "test_texts_left_out_because_label_unseen": self.unseen,
        }


def available(data: Path) -> list[str]:
    """The names of the sets in a folder, sorted; a set with dates has one file."""
    if not data.is_dir():
        raise BadData(f"{data} is no folder: name the folder of the sets with --data")
    dated = {p.parent.name for p in data.glob("*/all.jsonl.gz")}
    return sorted(
        dated | {p.parent.name for p in data.glob("*/train.jsonl.gz") if _whole(p.parent)}
    )


def _whole(folder: Path) -> bool:
    return (folder / "train.jsonl.gz").is_file() and (folder / "test.jsonl.gz").is_file()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file, gzipped. Raises `BadData`, which names file and line."""
    rows = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise BadData(f"{path}, line {number} is not JSON: {error}") from None
                if not isinstance(row, dict) or not {"text", "label"} <= row.keys():
                    raise BadData(f"{path}, line {number} has no `text` and `label`")
                rows.append(row)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read ({error}): it should be gzipped JSON Lines") from None
    if not rows:
        raise BadData(f"{path} is empty")
    return rows


def _names(folder: Path, rows: list[dict[str, Any]]) -> dict[str, str]:
    names = {str(r["label"]): str(r["name"]) for r in rows if r.get("name")}
    path = folder / "names.json"
    if path.is_file():
        try:
            names.update(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise BadData(
                f"{path} cannot be read ({error}): it should map labels to names"
            ) from None
    return names


def load_set(data: Path, name: str) -> TextSet:
    """The set of that name in the folder `data`. Raises `BadData`."""
    folder = data / name
    if not _whole(folder):
        has = ", ".join(available(data)) or "none"
        raise BadData(
            f"{folder} is no set: it needs train.jsonl.gz and test.jsonl.gz. Sets in {data}: {has}"
        )
    train, test = read_rows(folder / "train.jsonl.gz"), read_rows(folder / "test.jsonl.gz")
    names = _names(folder, train + test)
    in_test = {row["text"] for row in test}
    kept = [row for row in train if row["text"] not in in_test]
    labels = tuple(sorted({str(row["label"]) for row in kept}))
    number = {label: i for i, label in enumerate(labels)}
    seen = [row for row in test if str(row["label"]) in number]
    outside = folder / "oos_test.jsonl.gz"
    return TextSet(
        name=name,
        labels=labels,
        names=tuple(names.get(label, label.replace("_", " ")) for label in labels),
        train=tuple(row["text"] for row in kept),
        train_y=np.asarray([number[str(row["label"])] for row in kept], np.intp),
        test=tuple(row["text"] for row in seen),
        test_y=np.asarray([number[str(row["label"])] for row in seen], np.intp),
        out_of_scope=tuple(r["text"] for r in read_rows(outside)) if outside.is_file() else (),
        repeated=len(train) - len(kept),
        unseen=len(test) - len(seen),
    )


@dataclass(frozen=True)
class Vectors:
    """The vectors of a set, (n, d) each, at the float16 precision in which redstream keeps them."""

    train: F32
    test: F32
    names: F32
    out_of_scope: F32


@dataclass(frozen=True)
class Problem:
    """One draw: what every method is given, and what it is asked.

    `x` (n, d) and `y` (n,) are the examples drawn, `texts` their texts; `names` (labels, d) the
    labels' names; `natural` (labels,): how many texts each label has in the whole training set.
    """

    seed: int
    labels: tuple[str, ...]
    x: F32
    y: Ints
    texts: tuple[str, ...]
    names: F32
    name_texts: tuple[str, ...]
    natural: Ints
    test_x: F32
    test_y: Ints
    test_texts: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many labels there are."""
        return len(self.labels)


def chosen_rows(y: Ints, labels: Ints, per_label: int, seed: int) -> Ints:
    """Rows of up to `per_label` examples of each of these labels.

    A draw of 5 is part of the draw of 10 with the same seed, and so on. In random order: a set's
    own order often puts alike texts together, and a classifier that keeps the latest would see it.
    """
    picked = []
    for label in labels:
        rows = np.flatnonzero(y == label)
        rng = np.random.default_rng([seed, int(label)])
        picked.append(rng.permutation(rows)[:per_label])
    return np.concatenate(picked).astype(np.intp)


def draw(
    texts: TextSet,
    vectors: Vectors,
    per_label: int,
    seed: int,
    *,
    at_least: int = 1,
    only: Ints | None = None,
) -> Problem:
    """A problem with up to `per_label` examples of every label that has `at_least` of them."""
    counts = Counter(texts.train_y.tolist())
    asked = np.arange(len(texts.labels)) if only is None else np.sort(only)
    labels = np.asarray([i for i in asked if counts[int(i)] >= at_least], np.intp)
    if len(labels) < 2:
        raise BadData(f"{texts.name} has fewer than two labels with {at_least} texts or more")
    number = np.full(len(texts.labels), -1, np.intp)
    number[labels] = np.arange(len(labels))
    rows = chosen_rows(texts.train_y, labels, per_label, seed)
    asked_rows = np.flatnonzero(number[texts.test_y] >= 0)
    return Problem(
        seed=seed,
        labels=tuple(texts.labels[i] for i in labels),
        x=vectors.train[rows],
        y=number[texts.train_y[rows]],
        texts=tuple(texts.train[i] for i in rows),
        names=vectors.names[labels],
        name_texts=tuple(texts.names[i] for i in labels),
        natural=np.asarray([counts[int(i)] for i in labels], np.intp),
        test_x=vectors.test[asked_rows],
        test_y=number[texts.test_y[asked_rows]],
        test_texts=tuple(texts.test[i] for i in asked_rows),
    )
