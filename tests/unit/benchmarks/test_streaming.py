"""The loop that all pupils go through, and the simulated judge at the end of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.asking import Budget, Judgement
from benchmarks.data import Problem
from benchmarks.loop_simulated_shown import at, price_of
from benchmarks.prices import Prices
from benchmarks.pupils import FrozenPupil, Lesson
from benchmarks.simulated import Simulated
from benchmarks.streaming import UNDECIDED, Reply, streamed
from judge.policy import Policy

LABELS = 6
PRICES = Prices(100.0, (2, 5, 6), (200.0, 500.0, 60.0))


class Fixed:
    """Says the same of every text, and keeps what it is told."""

    def __init__(self, p: Sequence[float]) -> None:
        self.p = np.asarray(p)
        self.accepted: list[tuple[int, int]] = []
        self._n = 0

    def say(self, x: np.ndarray) -> np.ndarray:
        self._n = len(x)
        return np.tile(self.p, (len(x), 1))

    def leading(self) -> np.ndarray:
        return np.tile(np.argsort(-self.p), (self._n, 1))

    def hear(
        self, answers: Sequence[Lesson], accepted: Sequence[Lesson], final: np.ndarray
    ) -> None:
        self.accepted += [(lesson.row, lesson.label) for lesson in accepted]


def problem(each: int = 4) -> Problem:
    x = np.repeat(np.eye(LABELS, dtype=np.float32), each, axis=0)
    labels = tuple(f"l{i}" for i in range(LABELS))
    return Problem(
        seed=0,
        labels=labels,
        x=x,
        y=np.repeat(np.arange(LABELS), each),
        texts=("a",) * len(x),
        names=np.eye(LABELS, dtype=np.float32),
        name_texts=labels,
        natural=np.full(LABELS, each),
        test_x=x[:0],
        test_y=np.zeros(0, np.intp),
        test_texts=(),
    )


def run(pupil: Fixed, answer: Reply, budget: float, n: int = 100, **more: object):
    x = np.zeros((n, LABELS), np.float32)
    judgement = Judgement(np.eye(LABELS, dtype=np.float32))
    return streamed(
        x, pupil, lambda row, leading, p: answer, judgement, Budget(budget), "trust", **more
    )


EVEN = [0.3, 0.25, 0.2, 0.15, 0.06, 0.04]


def test_a_budget_counts_calls_and_not_texts() -> None:
    came = run(Fixed(EVEN), Reply(2, calls=2, tokens=7.0), 0.4, n=400)
    assert came.calls == 2 * came.asked
    assert came.tokens == 7.0 * came.asked
    assert came.calls / 400 == pytest.approx(0.4, abs=0.05)


def test_what_the_judge_names_is_final_and_taught_and_what_it_does_not_name_is_neither() -> None:
    pupil = Fixed(EVEN)
    came = run(pupil, Reply(2), 0.5)
    assert len(came.taught) == came.asked == int((came.final == 2).sum()) > 0
    assert {label for _, label in pupil.accepted} == {2}
    pupil = Fixed(EVEN)
    came = run(pupil, Reply(None), 0.5)
    assert int((came.final == UNDECIDED).sum()) == came.asked > 0
    assert not came.taught
    assert not pupil.accepted


def test_audited_texts_are_asked_whatever_their_worth() -> None:
    audited = np.zeros(100, np.bool_)
    audited[[3, 50]] = True
    sure = Fixed([1.0, 0, 0, 0, 0, 0])
    assert run(sure, Reply(0), 0.5, audited=audited).asked == 2
    assert run(sure, Reply(0), 0.5).asked == 0


def test_the_judge_is_asked_by_the_policy_and_paid_by_the_question() -> None:
    gold = np.asarray([5, 0], np.intp)
    judge = Simulated.of(problem(), np.eye(LABELS, dtype=np.float32)[:2], gold, 0, error=0.0)
    assert judge.believed.tolist() == [5, 0]
    p, leading = np.asarray(EVEN), np.arange(LABELS)
    with judge.asked(Policy(lambda question, options: 1.0, first=2), PRICES) as ask:
        assert ask(0, leading, p) == Reply(None, 1, 200.0)
        assert ask(1, leading, p) == Reply(0, 1, 200.0)
    with judge.asked(Policy(first=5, wide=5), PRICES) as ask:
        # Verify is refused, so is the choice among four more; the last label is found by widening.
        assert ask(0, leading, p).label == 5
        assert ask(0, leading, p).calls == 3
        assert ask(1, leading, p) == Reply(0, 1, 100.0)


def test_a_choice_costs_what_lies_between_the_rendered_ones() -> None:
    assert PRICES("verify", 1) == 100
    assert PRICES("choose", 2) == 200
    assert PRICES("choose", 3) == 300
    assert PRICES("choose", 6) == 60


def test_a_frozen_pupil_repeats_the_stream_and_learns_nothing() -> None:
    x = np.zeros((7, LABELS), np.float32)
    frozen = FrozenPupil(Fixed(EVEN), x, 3)
    parts = [frozen.say(x[i : i + 3]) for i in (0, 3, 6)]
    assert [len(part) for part in parts] == [3, 3, 1]
    assert frozen.leading().tolist() == [[0, 1, 2, 3, 4, 5]]


def test_curves_are_compared_at_equal_prices() -> None:
    curve = {"calls": [0.0, 0.1, 0.2], "accuracy": [0.9, 0.94, 0.96]}
    assert at(curve, "calls", [0.05, 0.15, 0.5]).tolist() == pytest.approx([0.92, 0.95, 0.96])
    assert price_of(curve, "calls", 0.95) == pytest.approx(0.15)
    assert price_of(curve, "calls", 0.9) == 0
    assert price_of(curve, "calls", 0.99) is None
