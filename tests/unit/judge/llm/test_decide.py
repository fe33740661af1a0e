"""The policy over the LLM judge: from the first question to all names, and away."""

import numpy as np
import pytest

from judge.examples import ExamplePoint
from judge.guides import Guide
from judge.memory_store import MemoryExampleStore
from judge.policy import Policy, decide
from judge.question import Case
from tests.loopback.server import Loopback
from tests.unit.judge.llm.make import VECTOR, judge_of

NAMES = tuple(f"label {number}" for number in range(950))


@pytest.fixture
async def store() -> MemoryExampleStore:
    made = MemoryExampleStore(2)
    await made.upsert(
        [
            ExamplePoint(f"n{n}", NAMES[n], f"example {n}", np.array([1, n / 10], np.float32))
            for n in range(40)
        ]
    )
    return made


def case(text: str, *probabilities: float) -> Case:
    return Case("t", text, VECTOR, NAMES[:6], probabilities)


async def test_a_label_that_nobody_thought_of_is_found_among_all_names(
    server: Loopback, store: MemoryExampleStore
) -> None:
    server.right = {"odd": NAMES[900], "near": NAMES[12]}
    async with judge_of(server) as judge:
        policy = Policy(judge.expected_tokens, first=5, wide=20, names=NAMES)
        unlikely = (0.3, 0.2, 0.1, 0.1, 0.1, 0.1)
        odd = await decide(judge, store, case("odd", *unlikely), policy=policy)
        near = await decide(judge, store, case("near", *unlikely), policy=policy)
    assert (odd.label, near.label) == (NAMES[900], NAMES[12])
    assert [len(answer.options) for answer in odd.answers] == [5, 20, 925]
    assert [len(answer.options) for answer in near.answers] == [5, 20]
    assert near.answers[-1].evidence
    sizes = [len(body["messages"][1]["content"]) for body in server.requests]
    assert sizes[0] < 1_200
    assert sizes[1] < 2_500


async def test_a_likely_leader_is_verified_first(
    server: Loopback, store: MemoryExampleStore
) -> None:
    server.right = {"sure": NAMES[0]}
    guides = {name: Guide.of(name, "", "what it means " * 10) for name in NAMES}
    async with judge_of(server, None, guides) as judge:
        policy = Policy(judge.expected_tokens, first=5)
        decision = await decide(judge, store, case("sure", 0.9, *[0.02] * 5), policy=policy)
        assert [answer.question for answer in decision.answers] == ["verify"]
        assert judge.expected_tokens("verify", 1) < judge.expected_tokens("choose", 5)


@pytest.mark.parametrize("mode", ["500", "429", "cut", "page"])
async def test_an_endpoint_in_trouble_is_away_whatever_was_asked_before(
    server: Loopback, store: MemoryExampleStore, mode: str
) -> None:
    server.script = ["right", mode]  # type: ignore[list-item]
    async with judge_of(server) as judge:
        decision = await decide(judge, store, case("odd"))
    assert (decision.kind, decision.label) == ("away", None)
    assert [answer.outcome for answer in decision.answers] == ["invalid", "no_verdict"]
