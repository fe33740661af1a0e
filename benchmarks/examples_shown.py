"""How much the examples shown with *verify* tell, by how many they are at most."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.cases import case_of, exact_store
from benchmarks.data import Problem
from benchmarks.methods import predict
from benchmarks.prices import Count, rendered
from judge.guides import Guide
from judge.llm.prompt import Limits, render_verify
from judge.llm.telling import own_and_rivals
from judge.policy import neighbours_of
from judge.question import Neighbour
from models.classifier import Classifier

SHOWN = (2, 4, 6, 8, 12, 20)
TEXTS = 1500
TEMPERATURE = 20.0
"""As in the local judge."""


async def examples_tell(problem: Problem, classifier: Classifier, count: Count) -> dict[str, Any]:
    """By how many are shown: the share of right answers, and the median tokens (names only).

    Two questions a text: about its label, and about the likeliest contender that is not it.
    """
    store = await exact_store(problem)
    guides = {
        label: Guide.of(label, name)
        for label, name in zip(problem.labels, problem.name_texts, strict=True)
    }
    rows = np.random.default_rng(1).permutation(len(problem.test_y))[:TEXTS]
    right: dict[int, int] = dict.fromkeys(SHOWN, 0)
    tokens: dict[int, list[int]] = {n: [] for n in SHOWN}
    for i, prediction in zip(rows, predict(classifier, problem.test_x[rows]), strict=True):
        case, gold = case_of(i, problem, prediction), problem.labels[problem.test_y[i]]
        wrong = next(label for label in case.contenders if label != gold)
        for label in (gold, wrong):
            near = await neighbours_of(store, case, [label], max(SHOWN), 2 * max(SHOWN))
            for n in SHOWN:
                right[n] += holds_valid(own_and_rivals(near, label, n), label) == (label == gold)
                prompt = render_verify(
                    case, label, near, guides, "benchmark", Limits(examples=2 * n)
                )
                tokens[n].append(count(rendered(prompt)) if len(tokens[n]) < 400 else 0)
    questions = 2 * len(rows)
    by = {
        str(n): {"right": right[n] / questions, "tokens": float(np.median(tokens[n][:400]))}
        for n in SHOWN
    }
    return {"questions": questions, **by}


def holds_valid(shown: Sequence[Neighbour], label: str) -> bool:
    """Whether no other label has more of the weight of these examples."""
    weight: defaultdict[str, float] = defaultdict(float)
    for near in shown:
        weight[near.label] += math.exp(TEMPERATURE * (near.similarity - 1))
    return weight[label] >= max(weight.values(), default=0.0)
