"""How much of a stream will be judged, before anything is spent: the run's own rule, rehearsed.

What a run does is played through on texts drawn from a sample: everything is judged until the
target is certified or out of reach (`models.risk`), then the doubtful and the audits. Whether the
judge agrees with a leading label is drawn with that label's confidence as its chance. So a forecast
is as good as the confidences are calibrated for these texts, and knows nothing of what the judge
will teach: where lessons help, less is judged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.confidence import UNREACHABLE, least_texts
from models.risk import Certificate, State

F64 = NDArray[np.float64]

PLAYED = 6_000
"""Texts played through; what comes after them is taken to be judged as the last were."""

POINTS = 50
"""Places in the stream at which a forecast tells what was judged by then."""


REPEATS = 5
"""Times a stream is played through: when a certificate comes is a matter of luck."""


@dataclass(frozen=True)
class Forecast:
    """For one target, of `texts` texts: means over the repeats.

    `judged` of them are judged. `state` is how it mostly stands with the certificate in the end,
    None where none is sought; `certified_after` the texts until there was one, the median of the
    repeats, None where it mostly does not come. `course` (p, 2) rises from (0, 0): texts, and
    judged among them; `weight` (n,) is how often each text of the sample is judged.
    """

    target: float
    texts: int
    state: State | None
    certified_after: int | None
    judged: float
    course: F64
    weight: F64


def forecast(
    confidence: F64,
    target: float,
    texts: int,
    *,
    audit: float,
    certify: bool,
    seed: int,
    left_out: int | None = None,
) -> Forecast:
    """Play `texts` texts through, with confidences like those of a sample, (n,). `left_out`: how
    many examples the fit could leave out; too few promise nothing. None: enough.

    Raises:
        ValueError: an empty sample, or no texts.
    """
    if not len(confidence) or texts < 1:
        raise ValueError("a forecast needs a sample, and at least one text to come")
    too_few = left_out is not None and left_out < least_texts(target)
    usual = UNREACHABLE if too_few else _expected_threshold(confidence, target)
    plays = [
        _play(confidence, usual, Certificate.new(target) if certify else None, texts, audit, random)
        for random in np.random.default_rng(seed).spawn(REPEATS)
    ]
    course = np.mean([play.course for play in plays], axis=0)
    after = sorted(play.certified_after for play in plays if play.certified_after is not None)
    states = Counter(play.state for play in plays)
    return Forecast(
        target=target,
        texts=texts,
        state=states.most_common(1)[0][0],
        certified_after=after[len(after) // 2] if 2 * len(after) > REPEATS else None,
        judged=float(course[-1, 1]),
        course=course,
        weight=np.mean([play.weight for play in plays], axis=0),
    )


@dataclass(frozen=True)
class _Play:
    state: State | None
    certified_after: int | None
    course: F64
    weight: F64


def _play(
    confidence: F64,
    usual: float,
    certificate: Certificate | None,
    texts: int,
    audit: float,
    random: np.random.Generator,
) -> _Play:
    threshold, rate = usual, audit
    certified_after: int | None = None
    played = min(texts, PLAYED)
    weight = np.zeros(len(confidence))
    judged = np.zeros(played, bool)
    for place, row in enumerate(random.integers(len(confidence), size=played)):
        sure = float(confidence[row])
        if certificate is not None:
            finding = certificate.finding()
            threshold = usual if finding.threshold is None else finding.threshold
            rate = finding.rate(audit)
            if finding.state == "certified" and certified_after is None:
                certified_after = place
        unasked = sure >= threshold
        if unasked and random.random() >= rate:
            continue
        judged[place] = True
        weight[row] += 1
        if certificate is not None and rate:
            agreed = bool(random.random() < sure)
            certificate = certificate.observe(sure, agreed, rate if unasked else 1.0, rate)
    later = np.where(confidence >= threshold, rate, 1.0)
    weight += (texts - played) * later / len(confidence)
    state = certificate.finding().state if certificate is not None else None
    return _Play(state, certified_after, _course(judged, texts, float(later.mean())), weight)


def _expected_threshold(confidence: F64, target: float) -> float:
    """The lowest confidence from which up these texts are right as often as the target says, if
    every confidence is what it claims to be.
    """
    order = np.argsort(-confidence, kind="stable")
    expected = np.cumsum(confidence[order]) / np.arange(1, len(order) + 1)
    last = np.append(np.diff(confidence[order]) != 0, True)
    reached = np.flatnonzero((expected >= target) & last)
    if not len(reached):
        return UNREACHABLE
    return float(confidence[order[reached[-1]]])


def _course(judged: NDArray[np.bool_], texts: int, later: float) -> F64:
    """(POINTS + 1, 2): texts so far, and how many of them were judged."""
    played = len(judged)
    at = np.unique(np.linspace(0, texts, POINTS + 1).astype(int))
    sums = np.concatenate([[0], np.cumsum(judged)])
    known = sums[np.minimum(at, played)] + later * np.maximum(at - played, 0)
    return np.stack([at, known], axis=1).astype(np.float64)
