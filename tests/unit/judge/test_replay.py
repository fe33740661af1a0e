"""The replay judge repeats what was recorded, and invents nothing."""

import numpy as np

from judge.question import Case
from judge.replay import ReplayJudge

RECORDED = {"t1": "a", "t2": None}


def case(text_id: str) -> Case:
    return Case(text_id, "text", np.ones(2, np.float32), ("a", "b"))


async def test_verify_compares_with_the_record() -> None:
    judge = ReplayJudge(RECORDED, "gpt-4")
    assert (await judge.verify(case("t1"), "a", [])).outcome == "valid"
    assert (await judge.verify(case("t1"), "b", [])).outcome == "invalid"
    assert (await judge.verify(case("t2"), "a", [])).outcome == "invalid"


async def test_choose_returns_the_record_only_if_offered() -> None:
    judge = ReplayJudge(RECORDED, "gpt-4")
    assert (await judge.choose(case("t1"), ["b", "a"], [])).label == "a"
    assert (await judge.choose(case("t1"), ["b", "c"], [])).outcome == "none"
    assert (await judge.choose(case("t2"), ["a", "b"], [])).outcome == "none"


async def test_a_missing_record_is_no_verdict() -> None:
    judge = ReplayJudge(RECORDED, "gpt-4")
    for answer in (
        await judge.verify(case("t3"), "a", []),
        await judge.choose(case("t3"), ["a"], []),
    ):
        assert (answer.outcome, answer.kind, answer.calls) == ("no_verdict", "unsure", 0)


async def test_it_signs_as_replay_and_names_its_source_in_the_reason() -> None:
    judge = ReplayJudge(RECORDED, "gpt-4")
    answer = await judge.verify(case("t1"), "a", [])
    assert (judge.signature, answer.reason, answer.calls) == ("replay", "recorded by gpt-4", 1)
