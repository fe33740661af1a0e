"""How a text is decided: verify the leader, then choose among the others."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from judge.examples import ExamplePoint
from judge.memory_store import MemoryExampleStore
from judge.policy import Decision, decide
from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified
from models.errors import Transient

CASE = Case("t", "text", np.array([1, 0, 0], np.float32), ("a", "b", "c"))


class ScriptedJudge:
    """Gives the answers of its script, and remembers what it was asked."""

    signature = "scripted"
    teaches = False

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.asked: list[tuple[str, ...]] = []
        self.shown: list[list[Neighbour]] = []

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        return self._next(("verify", label), neighbours)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        return self._next(("choose", *options), neighbours)

    def _next(self, question: tuple[str, ...], neighbours: Sequence[Neighbour]) -> Answer:
        self.asked.append(question)
        self.shown.append(list(neighbours))
        return self.script.pop(0)


@pytest.fixture
async def store() -> MemoryExampleStore:
    """Twelve examples of each of five labels; the later the label, the less similar."""
    made = MemoryExampleStore(3)
    await made.upsert(
        [
            ExamplePoint(f"{label}{i:02}", label, "text", np.array([1, far + i / 50, 0], "f4"))
            for far, label in enumerate("abcde")
            for i in range(12)
        ]
    )
    return made


VALID, INVALID = verified("a", True, ""), verified("a", False, "")


async def test_a_valid_leader_is_accepted_after_one_question(store: MemoryExampleStore) -> None:
    judge = ScriptedJudge(VALID)
    decision = await decide(judge, store, CASE)
    assert (decision.kind, decision.label, decision.answers) == ("accepted", "a", (VALID,))
    assert judge.asked == [("verify", "a")]


async def test_after_an_invalid_leader_the_others_are_offered(store: MemoryExampleStore) -> None:
    judge = ScriptedJudge(INVALID, picked("c", ("b", "c"), ""))
    decision = await decide(judge, store, CASE)
    assert (decision.kind, decision.label, len(decision.answers)) == ("accepted", "c", 2)
    assert judge.asked == [("verify", "a"), ("choose", "b", "c")]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ([INVALID, picked(None, ("b", "c"), "")], "undecided"),
        ([INVALID, no_verdict("choose", ("b", "c"), "unsure", "")], "undecided"),
        ([INVALID, no_verdict("choose", ("b", "c"), "away", "")], "away"),
        ([no_verdict("verify", ("a",), "unsure", "")], "undecided"),
        ([no_verdict("verify", ("a",), "malformed", "")], "undecided"),
        ([no_verdict("verify", ("a",), "away", "")], "away"),
    ],
)
async def test_without_a_label_a_case_is_undecided_or_the_judge_is_away(
    store: MemoryExampleStore, script: list[Answer], kind: str
) -> None:
    judge = ScriptedJudge(*script)
    decision = await decide(judge, store, CASE)
    assert (decision.kind, decision.label, decision.answers) == (kind, None, tuple(script))
    assert judge.script == []  # no verdict on the leader is not "invalid": nothing more is asked


async def test_a_rejected_only_contender_leaves_it_undecided(store: MemoryExampleStore) -> None:
    case = Case("t", "text", CASE.embedding, ("a",))
    decision = await decide(ScriptedJudge(INVALID), store, case)
    assert (decision.kind, len(decision.answers)) == ("undecided", 1)


async def test_verify_sees_the_nearest_of_the_leader_and_of_any_label(
    store: MemoryExampleStore,
) -> None:
    judge = ScriptedJudge(verified("c", True, ""))
    case = Case("t", "text", CASE.embedding, ("c", "a"))
    decision = await decide(judge, store, case, neighbours_per_label=2, any_label=3)
    assert [near.id for near in judge.shown[0]] == ["a00", "a01", "a02", "c00", "c01"]
    assert decision.neighbours == ("a00", "a01", "a02", "c00", "c01")


async def test_choose_sees_the_nearest_of_each_option_once(store: MemoryExampleStore) -> None:
    judge = ScriptedJudge(INVALID, picked(None, ("b", "c"), ""))
    decision = await decide(judge, store, CASE, neighbours_per_label=2, any_label=14)
    ids = [near.id for near in judge.shown[1]]
    assert ids == [*(f"a{i:02}" for i in range(12)), "b00", "b01", "c00", "c01"]
    assert sorted(decision.neighbours) == sorted(ids)


async def test_a_text_does_not_testify_for_itself(store: MemoryExampleStore) -> None:
    await store.upsert([ExamplePoint("t", "a", "text", CASE.embedding)])
    judge = ScriptedJudge(VALID)
    decision = await decide(judge, store, CASE, neighbours_per_label=2, any_label=2)
    assert decision.neighbours == ("a00", "a01")


async def test_an_empty_store_still_lets_the_judge_decide() -> None:
    decision = await decide(ScriptedJudge(VALID), MemoryExampleStore(3), CASE)
    assert (decision.kind, decision.neighbours) == ("accepted", ())


async def test_a_store_that_fails_is_not_a_verdict(
    store: MemoryExampleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> list[Neighbour]:
        raise Transient("the store is away")

    monkeypatch.setattr(store, "nearest", away)
    with pytest.raises(Transient):
        await decide(ScriptedJudge(VALID), store, CASE)


def test_only_an_accepted_decision_has_a_label() -> None:
    for label, kind in ((None, "accepted"), ("a", "undecided"), ("a", "away")):
        with pytest.raises(ValueError, match="label"):
            Decision(label, (), (), kind)  # type: ignore[arg-type]


class SlowJudge(ScriptedJudge):
    """Never answers its last question."""

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        self.asked.append(("choose", *options))
        await asyncio.sleep(60)
        raise AssertionError("was not given up")


async def test_the_question_that_is_open_when_time_is_over_has_timed_out(
    store: MemoryExampleStore,
) -> None:
    judge = SlowJudge(INVALID)
    decision = await decide(judge, store, CASE, within=0.05)
    verify, choose = decision.answers
    assert verify == INVALID  # what was answered before is kept
    assert (choose.outcome, choose.kind, choose.options) == ("no_verdict", "timed out", ("b", "c"))
    assert (decision.kind, decision.label) == ("away", None)
    assert decision.neighbours


async def test_a_store_that_is_too_slow_by_its_own_measure_is_no_judge_that_timed_out() -> None:
    class Slow(MemoryExampleStore):
        async def nearest(self, *args: object, **named: object) -> list[Neighbour]:
            raise TimeoutError("the store's own")

    with pytest.raises(TimeoutError, match="the store's own"):
        await decide(ScriptedJudge(VALID), Slow(3), CASE, within=5.0)
