"""Puts gold texts to a judge, as `decide` would, to be measured by `judge.measure`.

Five questions for each text: *verify* about the right label and about the most confusable wrong
one; *choose* in two orders with the right label among the options, and once without it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from judge.examples import ExampleStore
from judge.measure import Chosen, Verified
from judge.policy import neighbours_of
from judge.port import Judge
from judge.question import Answer, Case

QUESTIONS = 5
"""Questions about each text."""

PER_LABEL, ANY_LABEL = 3, 8
"""Examples shown, as `judge.policy.decide` has them by default."""

_TRIES = 16


@runtime_checkable
class Shuffles(Judge, Protocol):
    """A judge that has an order of its own, whatever order the options come in."""

    def reseeded(self, seed: str) -> Shuffles:
        """The same judge with another order."""
        ...

    def shown(self, case: Case, options: Sequence[str]) -> tuple[str, ...]:
        """The options in the order in which they are judged."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """A text with its right label, and a wrong one that is easily taken for it.

    The case's contenders are what *choose* offers: the right label is among them, and another.
    """

    case: Case
    gold: str
    wrong: str

    def __post_init__(self) -> None:
        options = self.case.contenders
        if self.gold == self.wrong or self.gold not in options or len(options) < 2:
            raise ValueError(f"no trial: {self.gold!r}, {self.wrong!r} among {options!r}")


@dataclass(slots=True)
class Answers:
    """What was answered, what it cost, and of which kinds the answers without a verdict were."""

    verified: list[Verified] = field(default_factory=list)
    orders: list[tuple[Chosen, Chosen]] = field(default_factory=list)
    without: list[Chosen] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    calls: int = 0
    tokens: int = 0

    @property
    def chosen(self) -> list[Chosen]:
        """Answers to *choose* of which no two are to the same question in another order."""
        return [one for one, _ in self.orders] + self.without

    def count(self, answer: Answer) -> Answer:
        """Add what an answer cost; returns it."""
        self.asked += 1
        self.calls += answer.calls
        self.tokens += answer.tokens
        if answer.kind is not None:
            self.kinds[answer.kind] += 1
        return answer


async def put(
    judge: Judge,
    store: ExampleStore,
    trials: Sequence[Trial],
    *,
    seed: int = 0,
    concurrency: int = 8,
    told: Callable[[int], None] = lambda done: None,
) -> Answers:
    """Ask everything; answers are in the order of the trials. `told` gets how many are done.

    Raises:
        Fatal: the judge or the store cannot be used at all.
    """
    answers, slots, done = Answers(), asyncio.Semaphore(concurrency), 0

    async def one(trial: Trial) -> _Put:
        nonlocal done
        async with slots:
            made = await _put(judge, store, trial, f"measure {seed}", answers)
        done += 1
        told(done)
        return made

    tasks = [asyncio.ensure_future(one(trial)) for trial in trials]
    try:
        for made in await asyncio.gather(*tasks):
            answers.verified += made.verified
            answers.orders.append(made.orders)
            answers.without.append(made.without)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers


@dataclass(frozen=True, slots=True)
class _Put:
    verified: list[Verified]
    orders: tuple[Chosen, Chosen]
    without: Chosen


async def _put(
    judge: Judge, store: ExampleStore, trial: Trial, seed: str, answers: Answers
) -> _Put:
    case, gold = trial.case, trial.gold
    verified = []
    for label in (gold, trial.wrong):
        near = await neighbours_of(store, case, [label], PER_LABEL, ANY_LABEL)
        answer = answers.count(await judge.verify(case, label, near))
        said = None if answer.kind is not None else answer.outcome == "valid"
        verified.append(Verified(label, gold, said))

    async def chosen(asked: tuple[Judge, tuple[str, ...]]) -> Chosen:
        who, options = asked
        near = await neighbours_of(store, case, options, PER_LABEL, ANY_LABEL)
        answer = answers.count(await who.choose(case, options, near))
        return Chosen(options, gold, answer.label, answer.kind is None)

    first, second = _orders(judge, case, case.contenders, seed)
    rest = tuple(label for label in case.contenders if label != gold)
    alone, _ = _orders(judge, case, rest, seed)
    return _Put(verified, (await chosen(first), await chosen(second)), await chosen(alone))


def _orders(
    judge: Judge, case: Case, options: Sequence[str], seed: str
) -> tuple[tuple[Judge, tuple[str, ...]], tuple[Judge, tuple[str, ...]]]:
    """Who is asked, and the options as they are judged, twice: in two orders if there are two."""
    first = _ordered(judge, case, options, seed, 0)
    for number in range(1, _TRIES):
        second = _ordered(judge, case, options, seed, number)
        if second[1] != first[1]:
            return first, second
    return first, first


def _ordered(
    judge: Judge, case: Case, options: Sequence[str], seed: str, number: int
) -> tuple[Judge, tuple[str, ...]]:
    if isinstance(judge, Shuffles):
        who = judge if number == 0 else judge.reseeded(f"{seed} {number}")
        return who, who.shown(case, options)
    shuffled = sorted(options)
    random.Random(f"{seed}\0{number}\0{case.id}").shuffle(shuffled)
    return judge, tuple(shuffled)
