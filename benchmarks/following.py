"""A stream of years past a classifier that follows it, with a judge that errs and a budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.asking import Budget
from benchmarks.data import BadData, Problem
from benchmarks.dated import FEW, Dated
from benchmarks.followers import Follower, Heard
from judge.simulated import SimulatedJudge
from models.heads import centroids

F32 = NDArray[np.float32]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

SHARE = 0.15
"""Of all texts, how many are judged."""

AUDITED = 0.03
"""Of all texts, how many are drawn at random to be judged, however sure the classifier is."""

BATCH = 50
"""Texts predicted, and then asked about, at a time."""

FROM = 2008
"""The year that the stream begins with; what is older gives the first examples."""

PER_LABEL = 30
"""Examples of a label at the start: the most recent."""

ALIKE = 5
"""Labels that the judge takes a label for: the nearest."""

WRONG = 0.09
"""Of its answers, how many the judge has wrong, about; the nearest that ERRORS gives."""

ERRORS = (0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12, 0.13, 0.14)


@dataclass(frozen=True)
class Stream:
    """A sample in order of time; the texts from row `begin` on are streamed.

    `x` (n, d); `known_from` (labels,): the row from which on a label is known; `believed` (n,):
    what the judge takes a text for; `audited` (n,); `problem`: the examples at the start, of the
    labels with the numbers `start`.
    """

    dated: Dated
    x: F32
    begin: int
    known_from: Ints
    believed: Ints
    audited: Bools
    problem: Problem
    start: Ints

    @property
    def wrong(self) -> float:
        """The share of the streamed texts that the judge has wrong."""
        return float((self.believed != self.dated.y)[self.begin :].mean())


def begun(dated: Dated, x: F32, seed: int) -> Stream:
    """Gold examples from before FROM, the judge's beliefs, and the audits. Raises `BadData`."""
    begin = dated.before(FROM)
    known_from = np.maximum(dated.known_from, begin)
    start = np.flatnonzero(known_from == begin)
    if len(start) < 2 or begin == len(x):
        raise BadData(
            f"{dated.name}: a stream from {FROM} on needs two labels with {FEW} older texts, and "
            "newer texts"
        )
    old = dated.y[:begin]
    rows = np.concatenate([np.flatnonzero(old == label)[-PER_LABEL:] for label in start])
    names = tuple(dated.labels[i] for i in start)
    problem = Problem(
        seed=seed,
        labels=names,
        x=x[rows],
        y=np.searchsorted(start, dated.y[rows]).astype(np.intp),
        texts=tuple(dated.texts[i] for i in rows),
        names=x[:0],
        name_texts=names,
        natural=np.bincount(old, minlength=len(dated.labels))[start].astype(np.intp),
        test_x=x[:0],
        test_y=dated.y[:0],
        test_texts=(),
    )
    audited = np.random.default_rng([seed, 29]).random(len(x)) < AUDITED
    believed = _believed(dated, x, known_from, seed)
    return Stream(dated, x, begin, known_from, believed, audited, problem, start)


def _believed(dated: Dated, x: F32, known_from: Ints, seed: int) -> Ints:
    """By a judge that errs by label pair; a label is taken for one that is known when it is."""
    middle = centroids(x, dated.y, len(dated.labels))
    near = middle @ middle.T
    alike = {}
    for label, name in enumerate(dated.labels):
        able = np.flatnonzero(known_from <= known_from[label])
        able = able[able != label]
        nearest = able[np.argsort(-near[label, able], kind="stable")[:ALIKE]]
        alike[name] = [dated.labels[i] for i in nearest]
    gold = {str(i): dated.labels[y] for i, y in enumerate(dated.y)}
    number = {label: i for i, label in enumerate(dated.labels)}
    streamed = slice(int(known_from.min()), None)
    best = (np.inf, dated.y)
    for error in ERRORS:
        judge = SimulatedJudge(gold, dated.labels, alike, error=error, seed=seed)
        said = np.asarray([number[str(judge.believed(i))] for i in gold], np.intp)
        away = abs(float((said != dated.y)[streamed].mean()) - WRONG)
        best = min(best, (away, said), key=lambda one: one[0])
    return best[1]


@dataclass(frozen=True)
class Followed:
    """Of n texts: labels by the classifier `alone`, and `final` ones, where what was `asked` has
    the judge's; -1 for none, as before the stream."""

    alone: Ints
    final: Ints
    asked: Bools


def follow(stream: Stream, follower: Follower) -> Followed:
    """Gold reaches nothing here but by the labels' first examples, and through the judge."""
    dated, n = stream.dated, len(stream.x)
    alone, final = np.full(n, -1, np.intp), np.full(n, -1, np.intp)
    asked = np.zeros(n, np.bool_)
    budget = Budget(SHARE)
    known = stream.known_from <= stream.begin
    ends = (np.flatnonzero(np.diff(dated.quarter)) + 1).tolist()
    turns = [int(i) for i in ends if i > stream.begin]
    begin = stream.begin
    while begin < n:
        if begin in turns:
            follower.turn(int(dated.quarter[begin]))
        for label in np.flatnonzero((stream.known_from <= begin) & ~known).tolist():
            known[label] = True
            follower.add(label, stream.x[np.flatnonzero(dated.y == label)[:FEW]])
        end = min([begin + BATCH, n, *(i for i in turns if i > begin)])
        said, confidence = follower.say(stream.x[begin:end])
        alone[begin:end] = final[begin:end] = said
        answers = []
        for i in range(begin, end):
            # Never 0, which is never asked: what is judged must not depend on rounding.
            unsure = budget.ask(1 - float(confidence[i - begin]) + 1e-9)
            if unsure or stream.audited[i]:
                budget.asked += not unsure
                asked[i] = True
                label = int(stream.believed[i])
                final[i] = label if known[label] else -1
                answers.append(Heard(i - begin, int(final[i]), 1.0 if unsure else AUDITED))
        follower.hear(answers, final[begin:end])
        begin = end
    return Followed(alone, final, asked)
