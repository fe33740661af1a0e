"""One loop for every pupil and every judge: a stream, a pupil taught while it runs, a budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.asking import Budget, Judgement
from benchmarks.pupils import Lesson, Pupil
from models.trust import ACCEPT, NOTHING

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]
Rule = Literal["weigh", "trust"]

BATCH = 25
"""Texts predicted, and then asked about, at a time."""

UNDECIDED = -1
"""The final label of a text that was asked about and for which the judge named none."""


@dataclass(frozen=True)
class Reply:
    """What the judge said of a text, by label number; None where it named none; and the price."""

    label: int | None
    calls: int = 1
    tokens: float = 0.0


class Ask(Protocol):
    """Puts text `row` of the stream to the judge: contenders best first, and all labels' p."""

    def __call__(self, row: int, leading: Ints, p: F64) -> Reply: ...


@dataclass
class Streamed:
    """What came of a stream: `final` (n,) label numbers or UNDECIDED; `taught` (row, label)."""

    final: Ints
    taught: list[tuple[int, int]] = field(default_factory=list)
    asked: int = 0
    calls: int = 0
    tokens: float = 0.0


def streamed(
    x: F32,
    pupil: Pupil,
    ask: Ask,
    judgement: Judgement,
    budget: Budget,
    rule: Rule,
    *,
    audited: NDArray[np.bool_] | None = None,
    accept: float = ACCEPT,
    batch: int = BATCH,
) -> Streamed:
    """Texts (n, d) in order. No gold label is known here: only what `ask` is told.

    `audited` (n,) are asked about whatever their worth, within the budget. `rule`: "weigh" takes
    the judge's answer as evidence, and teaches what is then at least `accept` likely; "trust"
    takes it as the label.
    """
    came = Streamed(np.zeros(len(x), np.intp))
    for begin in range(0, len(x), batch):
        p = pupil.say(x[begin : begin + batch])
        leading = pupil.leading()
        worth = judgement.worth(p) if rule == "weigh" else 1 - p.max(axis=1)
        answers: list[Lesson] = []
        accepted: list[Lesson] = []
        for row in range(len(p)):
            place, label = begin + row, int(p[row].argmax())
            go = budget.ask(float(worth[row]) if worth[row] > NOTHING else 0.0)
            if not go and audited is not None and audited[place]:
                budget.asked += 1
                go = True
            if go:
                reply = ask(place, leading[row], p[row])
                budget.asked += reply.calls - 1
                came.asked, came.calls = came.asked + 1, came.calls + reply.calls
                came.tokens += reply.tokens
                label = UNDECIDED
                if reply.label is not None:
                    answers.append(Lesson(row, reply.label))
                    label, sure = reply.label, 1.0
                    if rule == "weigh":
                        after = judgement.weighed(p[row], reply.label)
                        judgement.hear(p[row], reply.label)
                        label, sure = int(after.argmax()), float(after.max())
                    if sure >= accept:
                        accepted.append(Lesson(row, label))
                        came.taught.append((place, label))
            came.final[place] = label
        pupil.hear(answers, accepted, came.final[begin : begin + batch])
        if rule == "weigh":
            judgement.settle()
    return came
