"""A stream of a set's own texts that changes at a moment, past all detectors of drift."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import TextSet, Vectors, chosen_rows
from benchmarks.pool import Pool
from models.drift import Disagreement, Judged
from models.two_sample import Sample, Windows, embeddings, shares
from streams.drift import EMBEDDINGS, SHARES

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SWAPPED = {"5 points": 1 / 19, "10 points": 1 / 9.5}
"""Shares of the labels that pass their texts on in a ring, for so many more disagreements."""

NEW = 1 / 15
"""Share of the labels that are not there before they appear."""

CHANGES = ("none", *(f"labels swap, {points}" for points in SWAPPED), "labels appear", "shares")


@dataclass(frozen=True)
class Streamed:
    """What can be drawn: a pool, its vectors (n, d), and the threshold in force."""

    pool: Pool
    vectors: F32
    threshold: float


def streamed(texts: TextSet, vectors: Vectors, pool: Pool, per_label: int, seed: int) -> Streamed:
    """The pool with the vectors of its texts; the threshold is the seed examples' for .95."""
    fitted = chosen_rows(texts.train_y, np.arange(len(texts.labels)), per_label, seed)
    rest = np.setdiff1d(np.arange(len(texts.train)), fitted)
    return Streamed(pool, vectors.train[rest], min(pool.seed_thresholds.values()))


def weights(labels: int, change: str, rng: np.random.Generator) -> tuple[F64, F64]:
    """Shares of the labels before and after the change, (labels,) each."""
    before, after = np.ones(labels), np.ones(labels)
    if change == "labels appear":
        before[rng.permutation(labels)[: max(1, round(NEW * labels))]] = 0
    elif change == "shares":
        before, after = (1 / np.sqrt(1 + rng.permutation(labels)) for _ in range(2))
    return before, after


def run(
    one: Streamed, change: str, at: int, length: int, audits: float, seed: int
) -> dict[str, Any]:
    """Texts drawn with replacement; alarms, by detector: place of the text, labels named."""
    rng = np.random.default_rng([seed, CHANGES.index(change)])
    pool = one.pool
    names = list(pool.labels)
    number = {label: i for i, label in enumerate(names)}
    gold = np.asarray([number[label] for label in pool.gold])
    rows = []
    sizes = np.bincount(gold, minlength=len(names))
    for share, count in zip(weights(len(names), change, rng), (at, length - at), strict=True):
        p = (share / np.maximum(sizes, 1))[gold]
        rows.append(rng.choice(len(gold), count, p=p / p.sum()))
    moved: dict[int, int] = {}
    if change.startswith("labels swap"):
        count = 2 * max(1, round(SWAPPED[change.split(", ")[1]] * len(names) / 2))
        chosen = rng.permutation(len(names))[:count].tolist()
        moved = dict(zip(chosen, chosen[1:] + chosen[:1], strict=True))
    series = {"audits": Disagreement(), "doubtful": Disagreement()}
    windows = {
        "embeddings": Windows(embeddings, **EMBEDDINGS, seed=seed),
        "shares": Windows(shares, **SHARES, seed=seed),
    }
    alarms: dict[str, list[tuple[int, list[str]]]] = {name: [] for name in (*series, *windows)}
    audited: Counter[bool] = Counter()
    luck = rng.random((length, 2))
    for place, row in enumerate(np.concatenate(rows).tolist()):
        label, sure = pool.label[row], pool.confidence[row] >= one.threshold
        now = float(place)
        truth = int(gold[row])
        said = names[moved.get(truth, truth) if place >= at else truth]
        found = {"shares": windows["shares"].observe(Sample(str(row), label, now))}
        if not sure or luck[place, 0] < audits:
            judged = Judged(str(row), label, said, 1 - float(pool.confidence[row]), now)
            name = "audits" if sure else "doubtful"
            audited[place >= at] += bool(sure and "audits" not in _after(alarms, at))
            found[name] = series[name].observe(judged)
        if luck[place, int(not sure)] < audits:
            sample = Sample(str(row), label, now, one.vectors[row])
            found["embeddings"] = windows["embeddings"].observe(sample)
        for name, event in found.items():
            if event is not None:
                alarms[name].append((place, list(event.labels)))
    strange = {names[i] for i in (*moved, *moved.values())}
    named = [label for place, labels in alarms["audits"] if place >= at for label in labels]
    return {
        "alarms": {name: [place for place, _ in found] for name, found in alarms.items()},
        "audits_to_alarm": audited[True],
        "named": len(named),
        "named_right": sum(label in strange for label in named),
    }


def _after(alarms: dict[str, list[Any]], at: int) -> list[str]:
    return [name for name, found in alarms.items() if any(place >= at for place, _ in found)]
