"""What a question costs in tokens: medians of rendered prompts, by how many labels are offered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.cases import exact_store
from benchmarks.data import Problem
from judge.guides import Guide
from judge.guides.compose import compose, material_of
from judge.llm.prompt import MOST_GUIDES, Prompt, render_choose, render_verify
from judge.memory_store import MemoryExampleStore
from judge.policy import neighbours_of
from judge.question import Case, Question

Count = Callable[[str], int]

OFFERED = (2, 5, 10, 20, MOST_GUIDES, MOST_GUIDES + 1)
"""Labels offered at which a *choose* is rendered, besides all there are; between them the price
runs straight. Beyond MOST_GUIDES labels are offered by their names alone."""

TEXTS = 40


def counter() -> Count:
    """Counts the tokens of a text with the WordPiece tokenizer of the default encoder."""
    from transformers import AutoTokenizer

    from models.encoder import place_of

    tokenizer = AutoTokenizer.from_pretrained(place_of("default"))
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def rendered(prompt: Prompt) -> str:
    """All that is sent."""
    return "\n".join(content for _, content in prompt.messages)


def guides_of(problem: Problem) -> dict[str, Guide]:
    """Guides composed from the drawn examples."""
    names = dict(zip(problem.labels, problem.name_texts, strict=True))
    taught = [problem.labels[y] for y in problem.y]
    materials = material_of(names, taught, problem.texts, problem.x)
    return {label: compose(material) for label, material in materials.items()}


@dataclass(frozen=True)
class Prices:
    """Median tokens: `verify`, and of *choose* by the number of labels `offered`, ascending."""

    verify: float
    offered: tuple[int, ...]
    choose: tuple[float, ...]

    def __call__(self, question: Question, options: int) -> float:
        if question == "verify":
            return self.verify
        return float(np.interp(options, self.offered, self.choose))

    def json(self) -> dict[str, float]:
        """As a record keeps it."""
        by = {f"choose {n}": t for n, t in zip(self.offered, self.choose, strict=True)}
        return {"verify": self.verify, **by}


def measured(problem: Problem, count: Count) -> Prices:
    """Render questions about the problem's first test texts, with guides and examples."""
    return asyncio.run(_measured(problem, count))


async def _measured(problem: Problem, count: Count) -> Prices:
    store, guides = await exact_store(problem), guides_of(problem)
    sizes = tuple(sorted({n for n in OFFERED if n < problem.size} | {problem.size}))
    found: dict[int, list[int]] = {0: [], **{n: [] for n in sizes}}
    rows = np.random.default_rng(0).permutation(len(problem.test_y))[:TEXTS]
    for i in rows:
        x = problem.test_x[i]
        near = np.argsort(-(problem.names @ x), kind="stable")
        order = tuple(problem.labels[k] for k in near)
        case = Case(str(i), problem.test_texts[i], x, order)
        for n, text in (await _questions(case, sizes, store, guides)).items():
            found[n].append(count(text))
    medians = {n: float(np.median(tokens)) for n, tokens in found.items()}
    return Prices(medians[0], sizes, tuple(medians[n] for n in sizes))


async def _questions(
    case: Case, sizes: tuple[int, ...], store: MemoryExampleStore, guides: Mapping[str, Guide]
) -> dict[int, str]:
    """By how many labels are offered; 0 is *verify*."""
    lead = case.contenders[0]
    near = await neighbours_of(store, case, [lead], 3, 8)
    asked = {0: rendered(render_verify(case, lead, near, guides, "benchmark"))}
    for n in sizes:
        options = case.contenders[:n]
        each = 3 if n <= 5 else 1 if n <= MOST_GUIDES else 0
        near = await neighbours_of(store, case, options if each else (), each, 8)
        asked[n] = rendered(render_choose(case, options, near, guides, "benchmark"))
    return asked
