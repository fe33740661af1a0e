"""Which arithmetic encodes: the rule that a path has to pass, and the choice among those that do.

The rule: a text's vector may not depend on what it was encoded with by more than `TOLERANCE` in
cosine. docs/adr/0004 has what was measured, and which paths were left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

EncoderPath = Literal["fp32", "bfloat16"]
PathChoice = Literal["fp32", "bfloat16", "auto"]
PATHS: tuple[EncoderPath, ...] = ("fp32", "bfloat16")
"""The first is what the others are measured against; it is always allowed."""

TOLERANCE = 1e-3
GAIN = 1.3
"""What another path has to bring: below that, a second set of vectors is not worth having."""
ROUNDS = 4
SECONDS = 1.5
"""No further round after so long: a busy or slow machine is not kept for a better figure."""

Encode = Callable[[Sequence[str]], NDArray[np.float32]]

_BEGIN = ("how do i", "please help me to", "i was not able to", "is it possible to")
_MIDDLE = ("change the address of", "cancel", "find out why somebody charged", "transfer money to")
_END = ("my second account before friday", "the order that i placed last week")
_SHORT = tuple(f"{a} {b} {c}" for a in _BEGIN for b in _MIDDLE for c in _END)
_LONG = tuple(". ".join(_SHORT[i : i + 12]) for i in range(0, 16, 8))

# Texts that low precision hurts most are among them: a single mark, one word, digits, no words.
PROBES = ("?", "!", "hello", "reset my password please", "4929 1173 0055", "\N{GRINNING FACE}")
MATES = (_SHORT[:10], (*_LONG, *_SHORT[:2]))
"""What the probes are encoded with: texts of usual length, and texts of over a hundred words."""
TIMED = (_SHORT, _LONG)
"""Encoded one after the other: in one batch, the short would be padded to the long."""


def distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - cosine of rows at length one, (n,). By differences: exact near zero, and fit for zeros.

    Not a number counts as infinitely far.
    """
    away = a.astype(np.float64) - b.astype(np.float64)
    return np.asarray(np.nan_to_num(np.einsum("nd,nd->n", away, away) / 2, nan=np.inf))


def dependence(encode: Encode) -> float:
    """Worst cosine distance between a probe encoded alone and encoded with others."""
    alone = np.concatenate([encode([probe]) for probe in PROBES])
    together = [encode([*PROBES, *mates])[: len(PROBES)] for mates in MATES]
    return float(max(distance(alone, rows).max() for rows in together))


def rates(
    paths: Mapping[str, Encode], clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Texts per second of each path.

    Paths take turns and the best round counts: other work on the machine hits all alike.
    """
    best = dict.fromkeys(paths, float("inf"))
    for encode in paths.values():
        encode(_SHORT[:2])  # the first call of a path makes its kernels
    started = clock()
    for _ in range(ROUNDS):
        for path, encode in paths.items():
            began = clock()
            for texts in TIMED:
                encode(texts)
            best[path] = min(best[path], clock() - began)
        if clock() - started > SECONDS:
            break
    return {path: sum(map(len, TIMED)) / max(seconds, 1e-9) for path, seconds in best.items()}


def choose(paths: Mapping[str, Encode], clock: Callable[[], float] = time.perf_counter) -> str:
    """The fastest that passes, if it is `GAIN` times as fast as the first; else the first.

    One to two seconds for a small model on an idle machine.
    """
    found = rates(paths, clock)
    first, *others = paths
    for path in sorted(others, key=lambda path: -found[path]):
        if found[path] < GAIN * found[first]:
            break
        if dependence(paths[path]) <= TOLERANCE:
            return path
    return first
