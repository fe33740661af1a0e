"""judge: what is accepted is labelled and taught, what is not is held, and away is never no."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from judge.examples import ExamplePoint
from judge.memory_store import MemoryExampleStore
from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified
from models.errors import Transient
from streams.delivery import deliver
from streams.records import Authority, Uncertain
from streams.stage import Outgoing
from streams.stages.judge import JudgeStage
from streams.topology import (
    DEADLETTERS,
    JUDGE,
    LABELED,
    RECHECK,
    RETRAIN,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
)
from streams.wire import Vector
from tests.unit.streams import make

VALID, INVALID = (
    verified("printer", True, "clear", ("n1",), 40, 1),
    verified("printer", False, "no"),
)
FIRE, NEITHER = picked("fire", ("fire",), "smoke"), picked(None, ("fire",), "neither", (), 30, 1)
AWAY = no_verdict("verify", ("printer",), "away", "connection refused")
UNSURE = no_verdict("verify", ("printer",), "unsure", "cannot tell")


class Scripted:
    """Gives each text the answers of its script, in their order."""

    def __init__(self, *script: Answer, teaches: bool = True) -> None:
        self.signature = "scripted"
        self.teaches = teaches
        self._script = script
        self._given: dict[str, int] = {}
        self.cases: list[Case] = []

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        self.cases.append(case)
        self._given[case.id] = 1
        return self._script[0]

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        self._given[case.id] += 1
        return self._script[self._given[case.id] - 1]


async def judged(judge: Scripted, *cases: Uncertain, feed: Any = None) -> list[Outgoing]:
    store = MemoryExampleStore(2)
    await store.upsert(
        [
            ExamplePoint("n1", "printer", "text", np.array([1, 0], np.float32)),
            ExamplePoint("n2", "fire", "text", np.array([0, 1], np.float32)),
        ]
    )
    stage = JudgeStage(judge, store, concurrency=2, feed=feed)
    return await deliver(stage, make.batch(UNCERTAIN, *cases))


async def test_an_accepted_lead_is_labelled_and_taught() -> None:
    case = make.uncertain(model=7)
    out = await judged(Scripted(VALID), case)
    (event,) = make.of(LABELED, out)
    assert (event.id, event.label, event.authority) == ("t1", "printer", Authority.JUDGE)
    assert (event.decision, event.model, event.signed) == (1, 7, "scripted")
    assert set(event.neighbours) == {"n1", "n2"}
    (lesson,) = make.of(RETRAIN, out)
    assert (lesson.kind, lesson.id, lesson.label) == ("accepted", "t1", "printer")
    assert (lesson.text, lesson.embedding) == (case.text.text, case.embedding)
    assert (lesson.authority, lesson.signed) == (Authority.JUDGE, "scripted")


async def test_an_accepted_lead_has_one_verdict_and_it_is_final() -> None:
    (verdict,) = make.of(VERDICTS, await judged(Scripted(VALID), make.uncertain()))
    assert (verdict.question, verdict.options, verdict.outcome) == ("verify", ["printer"], "valid")
    assert (verdict.label, verdict.proposed, verdict.confidence) == ("printer", "printer", 0.5)
    assert (verdict.final, verdict.decision, verdict.held) == (True, "accepted", None)
    assert (verdict.tokens, verdict.calls, verdict.reason) == (40, 1, "clear")
    assert verdict.neighbours == ["n1"]


async def test_every_answer_is_a_verdict_and_the_last_is_final() -> None:
    out = await judged(Scripted(INVALID, FIRE), make.uncertain())
    first, last = make.of(VERDICTS, out)
    assert (first.outcome, first.final, first.decision) == ("invalid", False, None)
    assert (last.outcome, last.label, last.final) == ("chosen", "fire", True)
    assert last.decision == "accepted"
    assert first.event != last.event
    assert [event.label for event in make.of(LABELED, out)] == ["fire"]


@pytest.mark.parametrize("script", [(INVALID, NEITHER), (UNSURE,)])
async def test_what_stays_undecided_is_held_with_its_final_verdict(
    script: tuple[Answer, ...],
) -> None:
    case = make.uncertain(round=3)
    out = await judged(Scripted(*script), case)
    *earlier, final = make.of(VERDICTS, out)
    assert [verdict.held for verdict in earlier] == [None] * (len(script) - 1)
    assert (final.decision, final.round) == ("undecided", 3)
    assert final.held is not None
    assert final.held.model_copy(update={"rejected": []}) == case
    assert {o.topic for o in out} == {VERDICTS.name}


async def test_a_held_text_remembers_what_was_refused_and_only_that() -> None:
    case = make.uncertain(labels=("printer", "fire"), rejected=["oven"])
    *_, final = make.of(VERDICTS, await judged(Scripted(INVALID, NEITHER), case))
    assert final.held.rejected == ["oven", "printer", "fire"]
    *_, unsure = make.of(VERDICTS, await judged(Scripted(UNSURE), case))
    assert unsure.held.rejected == ["oven"]


async def test_a_judge_that_is_away_never_says_invalid() -> None:
    case = make.uncertain()
    before = time.time()
    out = await judged(Scripted(AWAY), case)
    (verdict,) = make.of(VERDICTS, out)
    assert (verdict.outcome, verdict.kind, verdict.decision) == ("no_verdict", "away", "away")
    assert verdict.held is None
    (later,) = make.of(UNCERTAIN_LATER, out)
    assert later.model_copy(update={"attempt": 0, "due": 0.0}) == case
    assert later.attempt == 1
    assert before + 5 <= later.due <= time.time() + 5
    assert make.of(LABELED, out) == make.of(RETRAIN, out) == []


async def test_the_longer_the_judge_is_away_the_less_often_it_is_asked() -> None:
    waits = []
    for attempt in (0, 1, 2, 3, 6, 7, 50):
        out = await judged(Scripted(AWAY), make.uncertain(attempt=attempt))
        waits.append(round(make.of(UNCERTAIN_LATER, out)[0].due - time.time()))
    assert waits == [5, 10, 20, 40, 300, 300, 300]


async def test_a_judge_that_is_away_for_a_week_loses_nothing() -> None:
    out = await judged(Scripted(AWAY), make.uncertain(attempt=3_000))
    assert [case.attempt for case in make.of(UNCERTAIN_LATER, out)] == [3_001]
    assert make.of(DEADLETTERS, out) == []


async def test_asked_again_after_an_absence_it_is_another_verdict() -> None:
    events = {
        make.of(VERDICTS, await judged(Scripted(VALID), case))[0].event
        for case in (
            make.uncertain(),
            make.uncertain(attempt=1),
            make.uncertain(round=2),
            make.uncertain(audit=True),
        )
    }
    assert len(events) == 4


async def test_a_case_delivered_again_is_the_same_verdict_and_the_same_event() -> None:
    first, again = [await judged(Scripted(VALID), make.uncertain()) for _ in range(2)]
    assert make.of(VERDICTS, first)[0].event == make.of(VERDICTS, again)[0].event
    assert make.of(LABELED, first)[0].event == make.of(LABELED, again)[0].event


async def test_an_audit_that_disagrees_overrules_the_classifier() -> None:
    audit = make.uncertain(audit=True, inclusion=0.05)
    out = await judged(Scripted(INVALID, FIRE), audit)
    (event,) = make.of(LABELED, out)
    assert event.label == "fire"
    assert event.order > make.labeled(label="printer", decision=999).order
    assert {(v.audit, v.inclusion) for v in make.of(VERDICTS, out)} == {(True, 0.05)}


async def test_an_undecided_audit_is_not_held_for_the_text_has_its_label() -> None:
    *_, final = make.of(
        VERDICTS, await judged(Scripted(INVALID, NEITHER), make.uncertain(audit=True))
    )
    assert (final.decision, final.held) == ("undecided", None)


async def test_an_audit_waits_for_an_absent_judge_as_an_audit() -> None:
    out = await judged(Scripted(AWAY), make.uncertain(audit=True, inclusion=0.05))
    (later,) = make.of(UNCERTAIN_LATER, out)
    assert (later.audit, later.inclusion) == (True, 0.05)


async def test_a_judge_that_does_not_teach_still_labels() -> None:
    out = await judged(Scripted(VALID, teaches=False), make.uncertain())
    assert len(make.of(LABELED, out)) == 1
    assert make.of(RETRAIN, out) == []


@pytest.mark.parametrize("teaches", [True, False])
async def test_a_verdict_says_whether_its_judge_sees_more_than_the_classifier(
    teaches: bool,
) -> None:
    case = make.uncertain(audit=True, inclusion=0.2, rate=0.2)
    (verdict,) = make.of(VERDICTS, await judged(Scripted(VALID, teaches=teaches), case))
    assert (verdict.independent, verdict.inclusion, verdict.rate) == (teaches, 0.2, 0.2)
    assert verdict.apart is None


async def test_a_text_kept_apart_is_labelled_and_does_not_teach() -> None:
    out = await judged(Scripted(INVALID, FIRE), case := make.uncertain(apart=True))
    assert [event.label for event in make.of(LABELED, out)] == ["fire"]
    assert make.of(RETRAIN, out) == []
    assert [verdict.apart for verdict in make.of(VERDICTS, out)] == [None, case.embedding]


async def test_what_is_published_keeps_the_order_of_the_cases() -> None:
    cases = [make.uncertain(f"t{n}") for n in range(10)]
    out = await judged(Scripted(VALID), *cases)
    assert [event.id for event in make.of(LABELED, out)] == [f"t{n}" for n in range(10)]


@pytest.mark.parametrize(
    "broken",
    [
        b"no case",
        make.uncertain(labels=()).encode(),
        make.uncertain(embedding=Vector(encoder="e", f16="AAA")).encode(),
        make.uncertain(embedding=Vector.of(np.ones(3, np.float32), "e")).encode(),
        make.uncertain(embedding=Vector.of(np.full(2, np.nan, np.float32), "e")).encode(),
    ],
)
async def test_a_case_that_cannot_be_judged_disturbs_no_other(broken: bytes) -> None:
    batch = make.batch(UNCERTAIN, make.uncertain("t1"), broken, make.uncertain("t2"))
    out = await deliver(JudgeStage(Scripted(VALID), MemoryExampleStore(2), concurrency=2), batch)
    assert [letter.offset for letter in make.of(DEADLETTERS, out)] == [1]
    assert make.of(DEADLETTERS, out)[0].stage == JUDGE.name
    assert [event.id for event in make.of(LABELED, out)] == ["t1", "t2"]


async def test_a_store_that_is_away_is_a_passing_trouble() -> None:
    class Away(MemoryExampleStore):
        async def nearest(self, *args: object, **named: object) -> list[Neighbour]:
            raise Transient("the store is away")

    stage = JudgeStage(Scripted(VALID), Away(2), concurrency=2)
    with pytest.raises(Transient, match="the store is away"):
        await stage.handle(make.batch(UNCERTAIN, make.uncertain()))


async def test_contenders_are_asked_about_as_they_are_called_now() -> None:
    feed = make.feed(labels=["fire", "printer"], renamed={"press": "printer"}, retired=["oven"])
    out = await judged(Scripted(VALID), make.uncertain(labels=("oven", "press")), feed=feed)
    (event,) = make.of(LABELED, out)
    assert (event.label, [one.label for one in event.contenders]) == ("printer", ["printer"])
    assert make.of(VERDICTS, out)[0].proposed == "printer"


async def test_the_case_brings_its_further_labels() -> None:
    judge = Scripted(VALID)
    case = make.uncertain().model_copy(update={"further": ["oven", "press"]})
    await judged(judge, case)
    assert judge.cases[0].further == ("oven", "press")


async def test_a_case_without_a_contender_left_goes_back_to_be_classified() -> None:
    feed = make.feed(labels=["fire", "printer"], retired=["oven"])
    case, other = make.uncertain("a", labels=("oven",)), make.uncertain("b")
    out = await judged(Scripted(VALID), case, other, feed=feed)
    (recheck,) = make.of(RECHECK, out)
    assert (recheck.text, recheck.embedding, recheck.round) == (case.text, case.embedding, 0)
    assert [verdict.id for verdict in make.of(VERDICTS, out)] == ["b"]
