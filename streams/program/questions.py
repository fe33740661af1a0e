"""What the questions about a text would cost: rendered as an LLM would read them, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from judge.examples import ExamplePoint
from judge.guides import Guide
from judge.llm.prompt import Limits, Prompt, render_choose, render_verify
from judge.memory_store import MemoryExampleStore
from judge.policy import Policy, neighbours_of
from judge.question import Case
from streams.program.llm import FIRST
from streams.program.settings import Settings
from streams.records import Retrain

ANSWER = 45.0
"""Tokens of one answer: its JSON, with a reason of at most 15 words."""

RENDERED = 40
"""Texts whose questions are rendered."""

SHOWN_FROM = 20_000
"""Lessons among which examples are looked for."""

PER_LABEL, ANY_LABEL = 3, 8
"""Examples looked up for a question, as `judge.policy.decide` does."""

Count = Callable[[str], int]


@dataclass(frozen=True)
class Cost:
    """Expected for one text, once it is judged."""

    calls: float
    tokens_in: float
    tokens_out: float


@dataclass(frozen=True)
class Questions:
    """Mean tokens read of each question; 0 for one that is never asked. `first` of the contenders
    are offered at first; `verify_first`: from which probability of the leading one on it is asked
    about alone. `directly`: one question with the names of all labels, as who has no classifier
    would ask.
    """

    verify: float
    choose: float
    wide: float
    names: float
    first: int
    verify_first: float
    directly: float

    def cost(self, probabilities: Sequence[float]) -> Cost:
        """Return what a text with these contenders is expected to cost, best first."""
        lead, offered = probabilities[0], sum(probabilities[: self.first])
        alone = lead >= self.verify_first or len(probabilities) < 2
        asked = [(1.0, self.verify), (1 - lead, self.choose)] if alone else [(1.0, self.choose)]
        beyond = max(0.0, 1 - offered)
        asked += [(beyond, tokens) for tokens in (self.wide, self.names) if tokens]
        calls = sum(chance for chance, _ in asked)
        return Cost(calls, sum(chance * tokens for chance, tokens in asked), calls * ANSWER)


def counter(encoder: str) -> Count:
    """Return what counts tokens: the encoder's own tokenizer, or four characters to a token."""
    from models.encoder import HASHING, place_of

    name = encoder.removesuffix("+words")
    try:
        if name == HASHING:
            raise ValueError("it has none, and no hub is to be asked for one of that name")
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(place_of(name))
    except (OSError, ValueError, ImportError):
        return lambda text: len(text) // 4
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def ask(
    cases: Sequence[Case],
    lessons: Sequence[Retrain],
    guides: Mapping[str, Guide],
    settings: Settings,
    count: Count,
) -> Questions:
    """Render every question about these cases, with examples among the lessons, and count.

    `lessons` carry embeddings; `guides` is of all labels.
    """
    return asyncio.run(_ask(cases, lessons, guides, settings, count))


async def _ask(
    cases: Sequence[Case],
    lessons: Sequence[Retrain],
    guides: Mapping[str, Guide],
    settings: Settings,
    count: Count,
) -> Questions:
    store = await _store(lessons, len(cases[0].embedding))
    limits = Limits(examples=settings.llm_examples)
    found: dict[str, list[int]] = {}
    for case in cases:
        offered = list(dict.fromkeys([*case.contenders, *await _near(store, case), *guides]))
        asked: list[tuple[str, Sequence[str], int]] = [
            ("verify", case.contenders[:1], PER_LABEL),
            ("choose", case.contenders[:FIRST], PER_LABEL),
        ]
        if settings.llm_wide:
            asked.append(("wide", offered[: settings.llm_wide], 1))
        asked.append(("names", offered, 0))
        for name, options, each in asked:
            near = await neighbours_of(store, case, options if each else (), each, ANY_LABEL)
            if name == "verify":
                prompt = render_verify(case, options[0], near, guides, "plan", limits)
            else:
                prompt = render_choose(case, options, near, guides, "plan", limits)
            found.setdefault(name, []).append(count(_whole(prompt)))
    mean = {name: float(np.mean(tokens)) for name, tokens in found.items()}
    return Questions(
        mean["verify"],
        mean["choose"],
        mean.get("wide", 0.0),
        mean["names"] if settings.llm_all_names else 0.0,
        FIRST,
        # As `Policy.asks_directly` weighs it.
        verify_first=mean["verify"] / mean["choose"],
        directly=mean["names"],
    )


async def _store(lessons: Sequence[Retrain], dimension: int) -> MemoryExampleStore:
    store = MemoryExampleStore(dimension)
    await store.upsert(
        [
            ExamplePoint(lesson.id, lesson.label, lesson.text, lesson.embedding.array())
            for lesson in lessons[-SHOWN_FROM:]
            if lesson.embedding is not None
        ]
    )
    return store


async def _near(store: MemoryExampleStore, case: Case) -> list[str]:
    return [near.label for near in await store.nearest(case.embedding, Policy().near)]


def _whole(prompt: Prompt) -> str:
    return "\n".join(content for _, content in prompt.messages)
