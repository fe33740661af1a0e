"""Detectors of a rising rate side by side, on made-up series: when each first gives an alarm.

A series is a row of 0 (the judge agrees) and 1. Thresholds are chosen on steady series, so that all
detectors give a false alarm equally often.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.drift import Disagreement, Judged

F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

DELTAS = (0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.002)
"""Confidences of ADWIN that are tried, the most hasty first; .002 is river's default."""


def series(rate: float, steady: int, risen: float, after: int, runs: int, seed: int) -> F64:
    """Runs of so many texts at a rate and so many at another, (runs, steady + after)."""
    rng = np.random.default_rng([seed, steady, round(1_000 * risen)])
    rates = np.concatenate([np.full(steady, rate), np.full(after, risen)])
    return (rng.random((runs, steady + after)) < rates).astype(np.float64)


def first_alarms(rows: F64, after: int = 0) -> tuple[Ints, Ints]:
    """Of this project's detector: place of the first alarm, the length of a row where there is
    none; and how many alarms there were up to the first from `after` on, or in all."""
    first, counts = [], []
    for row in rows:
        detector, places = Disagreement(), []
        for at, one in enumerate(row.tolist()):
            said = "b" if one else "a"
            if detector.observe(Judged(str(at), "a", said, 0.0, float(at))) is not None:
                places.append(at)
                if after and at >= after:
                    break
        first.append(places[0] if places else len(row))
        counts.append(len(places))
    return np.asarray(first, np.intp), np.asarray(counts, np.intp)


def cusum(rows: F64, before: float, since: float) -> F64:
    """CUSUM that knows both rates, the optimal test (Lorden, Moustakides), at each text."""
    gain = np.where(rows > 0, math.log(since / before), math.log((1 - since) / (1 - before)))
    value, found = np.zeros(len(rows)), np.empty(rows.shape)
    for at in range(rows.shape[1]):
        value = np.maximum(value, 0) + gain[:, at]
        found[:, at] = value
    return found


def adwin(rows: F64, delta: float) -> Ints:
    """River's ADWIN, looked at after every text: the first alarm at which the rate rose."""
    from river.drift import ADWIN

    first = []
    for row in rows:
        detector: Any = ADWIN(delta=delta, clock=1)  # type: ignore[no-untyped-call]
        place = len(row)
        for at, one in enumerate(row.tolist()):
            was = detector.estimation
            detector.update(one)
            if detector.drift_detected and detector.estimation > was:
                place = at
                break
        first.append(place)
    return np.asarray(first, np.intp)


def passing(values: F64, bound: float) -> Ints:
    """Where each row first reaches the bound, else its length."""
    hit = values >= bound
    return np.asarray(np.where(hit.any(1), hit.argmax(1), values.shape[1]), np.intp)


def bound_for(values: F64, share: float) -> float:
    """The bound that this share of steady rows reaches."""
    return float(np.quantile(values.max(1), 1 - share))


def delta_for(rows: F64, share: float) -> float:
    """The most hasty of `DELTAS` under which no more than this share of steady rows alarms."""
    for delta in DELTAS:
        if (adwin(rows, delta) < rows.shape[1]).mean() <= share:
            return delta
    return DELTAS[-1]
