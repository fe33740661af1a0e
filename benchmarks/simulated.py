"""A stream's texts put to the simulated judge, question by question, as a run puts them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import points_of
from benchmarks.data import Problem
from benchmarks.prices import Prices
from benchmarks.streaming import Ask, Reply
from judge.memory_store import MemoryExampleStore
from judge.policy import Policy, decide
from judge.question import Case, Neighbour
from judge.similar import similar_labels
from judge.simulated import SimulatedJudge

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

ERROR = 0.1


class NearestOnly(MemoryExampleStore):
    """Examples whose nearest are found only where a choice is widened by their labels.

    The simulated judge reads no examples: what would be shown to it is not searched for.
    """

    async def nearest(self, embedding: F32, k: int, label: str | None = None) -> list[Neighbour]:
        if label is not None or k <= 1:
            return []
        return await super().nearest(embedding, k)


@dataclass(frozen=True)
class Simulated:
    """The judge, over texts (n, d) of known labels, and how it is asked: the same for all pupils.

    `believed` (n,) are the label numbers that it holds to be right. Gold goes into its beliefs
    and nowhere else.
    """

    problem: Problem
    x: F32
    judge: SimulatedJudge
    store: NearestOnly
    believed: Ints

    @classmethod
    def of(cls, problem: Problem, x: F32, gold: Ints, seed: int, error: float = ERROR) -> Simulated:
        """Errs among the labels that the drawn examples show to be alike."""
        taught = [problem.labels[y] for y in problem.y]
        judge = SimulatedJudge(
            {str(i): problem.labels[y] for i, y in enumerate(gold)},
            problem.labels,
            similar_labels(taught, problem.x),
            error=error,
            seed=seed,
        )
        store = NearestOnly(problem.x.shape[1])
        asyncio.run(store.upsert(points_of(problem)))
        number = {label: i for i, label in enumerate(problem.labels)}
        believed = (judge.believed(str(i)) for i in range(len(gold)))
        numbers = np.asarray([number[label] for label in believed if label is not None], np.intp)
        return cls(problem, x, judge, store, numbers)

    @contextmanager
    def asked(self, policy: Policy, prices: Prices) -> Iterator[Ask]:
        """The questions of one policy, for `streamed`."""
        number = {label: i for i, label in enumerate(self.problem.labels)}
        runner = asyncio.Runner()

        def ask(row: int, leading: Ints, p: F64) -> Reply:
            case = Case(
                str(row),
                "a text",
                self.x[row],
                tuple(self.problem.labels[i] for i in leading),
                tuple(np.clip(p[leading], 0, 1).tolist()),
            )
            found = runner.run(decide(self.judge, self.store, case, 0, 0, policy))
            tokens = sum(prices(one.question, len(one.options)) for one in found.answers)
            label = None if found.label is None else number[found.label]
            return Reply(label, sum(one.calls for one in found.answers), tokens)

        with runner:
            yield ask
