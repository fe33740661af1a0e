"""Synthetic texts for the tests of models: points around a centre for each label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier, Example, LabelInfo, Options

F32 = NDArray[np.float32]
DIMENSION = 16
PLAIN = Options(size=4, grouping="pca", sweeps=2)


def unit(rows: NDArray[Any]) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def centres(labels: int) -> F32:
    return unit(np.random.default_rng(7).normal(size=(labels, DIMENSION)))


def texts(label: int, count: int, seed: int = 0, labels: int = 6, spread: float = 0.12) -> F32:
    noise = np.random.default_rng([seed, label]).normal(size=(count, DIMENSION))
    return unit(centres(max(labels, label + 1))[label] + spread * noise)


def name(label: int) -> str:
    return f"label {label:03d}"


def examples(
    labels: int = 6, each: int = 5, seed: int = 0, prefix: str = "t", gold: bool = True
) -> list[Example]:
    return [
        Example(f"{prefix}{label}-{i}", name(label), row, gold)
        for label in range(labels)
        for i, row in enumerate(texts(label, each, seed, labels))
    ]


def infos(labels: int = 6, named: bool = False) -> list[LabelInfo]:
    middle = centres(labels)
    return [LabelInfo(name(i), name(i), "", middle[i] if named else None) for i in range(labels)]


def fitted(labels: int = 6, each: int = 5, options: Options = PLAIN) -> Classifier:
    return Classifier.fit(examples(labels, each), infos(labels), encoder="test", options=options)


def queries(labels: int = 6, each: int = 4) -> F32:
    return np.concatenate([texts(label, each, seed=99, labels=labels) for label in range(labels)])
