"""Whether the texts of late are others than those of a reference: two-sample tests by window.

A window of texts that is full is held against the reference, once, and then a new one begins, so
that no text is tested twice and every p-value holds by itself: over an endless stream there is at
most one false alarm in 1 / `LEVEL` windows in the mean. (The tests share a reference and are not
independent, which changes how false alarms cluster, not how many there are.) The p-values come from
permutations, which hold for any distribution; most windows need a hundred of them, since it stops
when there is nothing to be found (Besag and Clifford, 1991).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.drift import NAMED, SHOWN, Change

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

LEVEL = 0.001
"""Chance of a false alarm in one window."""

EXCEEDED, MOST, CHUNK = 10, 4_999, 100
"""Permutations stop when so many exceeded what was observed; there are at most `MOST`."""

SHARPNESS = 5.0
"""Of the kernel exp(SHARPNESS (cosine - 1)): 1, 10 and 20 find fewer changes on CLINC150."""

CLEAR = 3.0
"""Standard deviations from which on a label's share has moved by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A text of the stream: the label it went out or was proposed under; `vector` (d,), unit norm.

    `vector` is None where only labels are compared.
    """

    id: str
    label: str
    at: float
    vector: F32 | None = None


Test = Callable[[Sequence[Sample], Sequence[Sample], np.random.Generator], Change | None]


class Windows:
    """A reference of the first texts, then window by window a test against it.

    After an alarm the window that gave it is the beginning of the new reference.
    """

    def __init__(self, test: Test, *, reference: int, window: int, seed: int = 0) -> None:
        self._test = test
        self._sizes = reference, window
        self._seed = seed
        self._number = 0
        self.reference: list[Sample] = []
        self.window: list[Sample] = []

    def observe(self, sample: Sample) -> Change | None:
        """Take in one text, each once; tell what the test found where a window is full."""
        reference, window = self._sizes
        if len(self.reference) < reference:
            self.reference.append(sample)
            return None
        self.window.append(sample)
        if len(self.window) < window:
            return None
        full, self.window = self.window, []
        self._number += 1
        rng = np.random.default_rng([self._seed, self._number])
        found = self._test(self.reference, full, rng)
        if found is not None:
            self.reference = full
        return found

    def forget(self, gone: Container[str]) -> bool:
        """Go on without the texts of these ids; tell whether any was here."""
        before = len(self.reference) + len(self.window)
        self.reference = [one for one in self.reference if one.id not in gone]
        self.window = [one for one in self.window if one.id not in gone]
        return len(self.reference) + len(self.window) < before

    def to_json(self) -> dict[str, Any]:
        """Return all that it knows, exactly, but for the test and the sizes."""
        return {
            "number": self._number,
            "reference": [_row(sample) for sample in self.reference],
            "window": [_row(sample) for sample in self.window],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there. Raises `KeyError`, `TypeError` or `ValueError`: it is no such state."""
        self._number = int(state["number"])
        self.reference = [_sample(row) for row in state["reference"]]
        self.window = [_sample(row) for row in state["window"]]


def _row(sample: Sample) -> list[Any]:
    """With the vector as base64 of little-endian float32."""
    vector = None if sample.vector is None else b64encode(sample.vector.astype("<f4").tobytes())
    return [sample.id, sample.label, sample.at, vector and vector.decode()]


def _sample(row: Sequence[Any]) -> Sample:
    id_, label, at, packed = row
    vector = None if packed is None else np.frombuffer(b64decode(packed), "<f4").astype(np.float32)
    return Sample(id_, label, at, vector)


def permutation_p(observed: float, draw: Callable[[int], F64]) -> float:
    """How often chance gives `observed` or more; `draw(n)` gives n values under chance, (n,)."""
    exceeded = drawn = 0
    while drawn < MOST and exceeded < EXCEEDED:
        count = min(CHUNK, MOST - drawn)
        # A value that is equal but for rounding is equal.
        exceeded += int((draw(count) >= observed - 1e-9 * abs(observed)).sum())
        drawn += count
    return (1 + exceeded) / (1 + drawn)


def embeddings(
    reference: Sequence[Sample], window: Sequence[Sample], rng: np.random.Generator
) -> Change | None:
    """Test the embeddings by maximum mean discrepancy (Gretton et al., 2012).

    Named are the labels and texts where there are more texts now than there were: those with the
    greatest witness, mean kernel to the window minus mean kernel to the reference.
    """
    both = [*window, *reference]
    rows = np.stack([sample.vector for sample in both if sample.vector is not None])
    if len(rows) != len(both):
        raise ValueError("a sample without a vector: embeddings need one with every text")
    n, total = len(window), len(both)
    kernel = np.exp(SHARPNESS * (rows @ rows.T - 1))
    centred = kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()

    def draw(count: int) -> F64:
        inside = (np.argsort(rng.random((count, total)), axis=1) < n).astype(np.float32)
        return np.asarray(((inside @ centred) * inside).sum(1), np.float64)

    observed = float(centred[:n, :n].sum())
    p = permutation_p(observed, draw)
    if p > LEVEL:
        return None
    witness = kernel[:n, :n].mean(1) - kernel[:n, n:].mean(1)
    by_label: dict[str, float] = {}
    for sample, value in zip(window, witness.tolist(), strict=True):
        by_label[sample.label] = by_label.get(sample.label, 0.0) + value
    labels = sorted(by_label, key=lambda label: (-by_label[label], label))[:NAMED]
    return Change(
        labels=tuple(label for label in labels if by_label[label] > 0),
        ids=tuple(window[i].id for i in np.argsort(-witness, kind="stable")[:SHOWN]),
        since=window[0].at,
        statistic=float(observed * (1 / n + 1 / (total - n)) ** 2),
        bound=LEVEL,
        evidence={"p": p, "texts_before": total - n, "texts_since": n},
    )


def shares(
    reference: Sequence[Sample], window: Sequence[Sample], rng: np.random.Generator
) -> Change | None:
    """Test the labels' shares by chi-square, its distribution by permutation: many are rare."""
    labels = sorted({sample.label for sample in (*reference, *window)})
    before, since = (Counter(s.label for s in part) for part in (reference, window))
    a, b = (np.asarray([part[label] for label in labels]) for part in (since, before))
    both, n, total = a + b, len(window), len(window) + len(reference)
    expected = both * (n / total)

    def chi_square(counts: NDArray[np.int64]) -> F64:
        return np.asarray(
            (np.square(counts - expected) / both).sum(-1) * total**2 / n / (total - n)
        )

    observed = float(chi_square(a))
    p = permutation_p(
        observed, lambda count: chi_square(rng.multivariate_hypergeometric(both, n, count))
    )
    if p > LEVEL:
        return None
    variance = expected * (1 - both / total) * (total - n) / (total - 1)
    z = (a - expected) / np.sqrt(np.maximum(variance, 1e-12))
    order = np.argsort(-np.abs(z), kind="stable")
    moved = [i for i in order if abs(z[i]) >= CLEAR][:NAMED] or list(order[:1])
    risen = {labels[i] for i in moved if z[i] > 0} or set(labels)
    return Change(
        labels=tuple(labels[i] for i in moved),
        ids=tuple(s.id for s in reversed(window) if s.label in risen)[:SHOWN],
        since=window[0].at,
        statistic=observed,
        bound=LEVEL,
        evidence={
            "p": p,
            "texts_before": len(reference),
            "texts_since": n,
            "shares": [f"{labels[i]}: {b[i] / len(reference):.3f} → {a[i] / n:.3f}" for i in moved],
        },
    )
