"""A problem as the judge meets it: its examples in a store, its test texts as cases."""

from __future__ import annotations

from benchmarks.data import Problem
from judge.examples import ExamplePoint
from judge.memory_store import MemoryExampleStore
from judge.question import Case
from models.prediction import Prediction


def points_of(problem: Problem) -> list[ExamplePoint]:
    """The drawn examples, as a store takes them."""
    return [
        ExamplePoint(f"t{i}", problem.labels[y], problem.texts[i], problem.x[i])
        for i, y in enumerate(problem.y)
    ]


async def exact_store(problem: Problem) -> MemoryExampleStore:
    """A store of the drawn examples, searched exactly."""
    store = MemoryExampleStore(problem.x.shape[1])
    await store.upsert(points_of(problem))
    return store


def case_of(number: int, problem: Problem, prediction: Prediction) -> Case:
    """Test text `number`, with the contenders that the classifier has for it."""
    contenders = tuple(c.label for c in prediction.contenders)
    return Case(
        str(number),
        problem.test_texts[number],
        problem.test_x[number],
        contenders,
        further=prediction.further,
    )
