"""judge, with one that can be away or slow: what waits, what ends, and what is written down."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from judge.memory_store import MemoryExampleStore
from judge.policy import Policy
from judge.port import Judge, RemoteJudge
from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified
from streams.decided import LISTED
from streams.embedded.log import SqliteLog
from streams.errors import NotYet
from streams.records import Forgotten, Uncertain
from streams.stage import Outgoing, outgoing, text_of
from streams.stages.judge import AHEAD, TIMEOUTS, JudgeStage
from streams.topology import (
    DEADLETTERS,
    FORGOTTEN,
    JUDGE,
    LABELED,
    RETRAIN,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
)
from tests.unit.streams import make

VALID = verified("printer", True, "clear", (), 40, 1)
TIMED_OUT = no_verdict("verify", ("printer",), "timed out", "too slow")
AWAY = no_verdict("verify", ("printer",), "away", "refused")


class Remote:
    """Answers as told, after so many seconds; a number says how long it is away."""

    signature = "tiny"
    teaches = True

    def __init__(self, answer: Answer = VALID, seconds: float = 0.0, resumes_in: float = 0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.resumes_in = resumes_in
        self.cases: list[Case] = []
        self.offered: list[tuple[str, ...]] = []
        self.part = 1.0
        self.forgotten = 0

    def share(self, part: float) -> None:
        self.part = part

    def status(self) -> dict[str, object]:
        return {}

    def forget_words(self, forgotten: int) -> None:
        self.forgotten = forgotten

    async def close(self) -> None: ...

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        self.cases.append(case)
        await asyncio.sleep(self.seconds)
        return self.answer

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        self.offered.append(tuple(options))
        return picked(None, tuple(options), "none of them")


def stage_of(judge: Judge, concurrency: int = 8, **more: object) -> JudgeStage:
    return JudgeStage(judge, MemoryExampleStore(2), concurrency=concurrency, **more)  # type: ignore[arg-type]


async def judged(judge: Judge, *cases: Uncertain, **more: object) -> list[Outgoing]:
    return list(await stage_of(judge, **more).handle(make.batch(UNCERTAIN, *cases)))  # type: ignore[arg-type]


def test_a_part_of_the_work_is_a_part_of_the_judges_rate_and_budget() -> None:
    remote = Remote()
    stage_of(remote).share(0.25)
    assert remote.part == 0.25


def test_the_stand_in_of_these_tests_fits_the_port() -> None:
    assert isinstance(Remote(), RemoteJudge)


async def test_a_verdict_and_its_label_are_signed_with_prompt_and_guides() -> None:
    answer = replace(VALID, prompt="p1", guide="g1", estimated=True)
    out = await judged(Remote(answer), make.uncertain())
    (verdict,), (event,) = make.of(VERDICTS, out), make.of(LABELED, out)
    assert (verdict.prompt, verdict.guide, verdict.estimated) == ("p1", "g1", True)
    assert (event.prompt, event.guide, event.signed) == ("p1", "g1", "tiny")


async def test_the_judge_sees_the_contenders_probabilities_within_their_bounds() -> None:
    case = make.uncertain(labels=("printer", "fire"))
    low, high = case.contenders
    odd = [replace_probability(low, 1.0000001), replace_probability(high, -1e-9)]
    judge = Remote()
    await judged(judge, case.model_copy(update={"contenders": odd}))
    no_number = [low, replace_probability(high, float("nan"))]
    await judged(judge, make.uncertain("t2").model_copy(update={"contenders": no_number}))
    assert [case.probabilities for case in judge.cases] == [(1.0, 0.0)]
    # JSON has no such number: that case never comes so far.


def replace_probability(contender: object, probability: float) -> object:
    return contender.model_copy(update={"probability": probability})  # type: ignore[attr-defined]


async def test_a_policy_may_choose_at_once_by_those_probabilities() -> None:
    judge = Remote()
    policy = Policy(tokens=lambda question, options: 100.0 if question == "verify" else 110.0)
    await judged(judge, make.uncertain(), policy=lambda: policy)
    assert (judge.cases, judge.offered) == ([], [("printer", "fire")])


async def test_the_policy_is_asked_anew_for_every_batch() -> None:
    names, judge = ["oven"], Remote(verified("printer", False, ""))
    stage = stage_of(judge, policy=lambda: Policy(names=tuple(names)))
    for id in ("t1", "t2"):
        await stage.handle(make.batch(UNCERTAIN, make.uncertain(id)))
        names.append("lamp")
    assert judge.offered == [("fire",), ("oven",), ("fire",), ("oven", "lamp")]


async def test_what_was_refused_in_an_earlier_round_is_not_offered_again() -> None:
    judge = Remote(verified("printer", False, ""))
    case = make.uncertain(rejected=["oven"])
    await judged(judge, case, policy=lambda: Policy(names=("oven", "lamp")))
    assert judge.offered == [("fire",), ("lamp",)]


async def test_all_names_refused_are_not_kept_with_the_text() -> None:
    names = tuple(f"label {number}" for number in range(LISTED + 1))
    out = await judged(
        Remote(verified("printer", False, "")),
        make.uncertain(rejected=["oven"]),
        policy=lambda: Policy(names=names),
    )
    *_, final = make.of(VERDICTS, out)
    assert final.options == list(names)
    assert final.held.rejected == ["oven", "printer", "fire"]


async def test_while_the_judge_is_away_no_batch_is_taken() -> None:
    judge = Remote(resumes_in=42.0)
    with pytest.raises(NotYet) as caught:
        await judged(judge, make.uncertain())
    assert caught.value.delay == 42.0
    assert judge.cases == []


async def test_a_case_comes_back_when_the_judge_does_and_not_before() -> None:
    class Going(Remote):
        async def verify(self, *args: object) -> Answer:  # type: ignore[override]
            self.resumes_in = 1_000.0
            return AWAY

    (later,) = make.of(UNCERTAIN_LATER, await judged(Going(), make.uncertain()))
    assert later.due == pytest.approx(time.time() + 1_000, abs=5)


async def test_a_judge_that_never_resumes_is_asked_all_the_same() -> None:
    spent = no_verdict("verify", ("printer",), "spent", "the budget (all) has no room")
    out = await judged(Remote(spent, resumes_in=float("inf")), make.uncertain())
    (verdict,) = make.of(VERDICTS, out)
    assert (verdict.decision, verdict.kind, verdict.held is None) == ("undecided", "spent", False)
    out = await judged(Remote(AWAY, resumes_in=float("inf")), make.uncertain())
    (later,) = make.of(UNCERTAIN_LATER, out)
    assert later.due == pytest.approx(time.time() + 5, abs=3)


async def test_a_text_over_which_the_judge_always_takes_too_long_is_left_undecided() -> None:
    case, kinds = make.uncertain(attempt=40), []
    for _ in range(TIMEOUTS):
        out = await judged(Remote(TIMED_OUT), case)
        kinds.append(make.of(VERDICTS, out)[0].decision)
        if later := make.of(UNCERTAIN_LATER, out):
            case = later[0]
    assert kinds == ["away"] * (TIMEOUTS - 1) + ["undecided"]
    assert make.of(UNCERTAIN_LATER, out) == make.of(LABELED, out) == make.of(RETRAIN, out) == []
    assert make.of(VERDICTS, out)[0].held.text == case.text


@pytest.mark.parametrize("kind", ["away", "budget"])
async def test_what_is_not_the_texts_fault_comes_back_for_ever(kind: str) -> None:
    answer = no_verdict("verify", ("printer",), kind, "")
    out = await judged(Remote(answer), make.uncertain(attempt=500, timeouts=TIMEOUTS - 1))
    (later,) = make.of(UNCERTAIN_LATER, out)
    assert (later.attempt, later.timeouts) == (501, TIMEOUTS - 1)


async def test_a_batch_is_held_no_longer_than_its_time() -> None:
    class OneIsSlow(Remote):
        async def verify(self, case: Case, *args: object) -> Answer:  # type: ignore[override]
            await asyncio.sleep(30 if case.id == "t2" else 0)
            return VALID

    began = time.monotonic()
    cases = [make.uncertain(id) for id in ("t1", "t2", "t3")]
    out = await judged(OneIsSlow(), *cases, seconds=0.3)
    assert time.monotonic() - began < 5
    assert [event.id for event in make.of(LABELED, out)] == ["t1", "t3"]
    (later,) = make.of(UNCERTAIN_LATER, out)
    assert (later.text.id, later.attempt, later.timeouts) == ("t2", 1, 1)
    kinds = {verdict.id: verdict.kind for verdict in make.of(VERDICTS, out)}
    assert kinds == {"t1": None, "t2": "timed out", "t3": None}
    assert make.of(DEADLETTERS, out) == []


async def test_a_case_whose_turn_did_not_come_is_asked_later_and_blamed_for_nothing() -> None:
    cases = [make.uncertain(f"t{n}") for n in range(1, AHEAD + 2)]
    last = cases[-1].text.id
    judge = Remote(seconds=30)
    out = await judged(judge, *cases, concurrency=1, seconds=0.2)
    asked = {case.id for case in judge.cases}
    assert asked == {case.text.id for case in cases} - {last}
    later = {case.text.id: case for case in make.of(UNCERTAIN_LATER, out)}
    assert {id: case.timeouts for id, case in later.items()} == dict.fromkeys(asked, 1) | {last: 0}
    assert later[last].due > time.time()
    assert {verdict.id for verdict in make.of(VERDICTS, out)} == asked


async def test_batches_shrink_while_turns_are_short_and_grow_again() -> None:
    judge = Remote(seconds=30)
    stage = stage_of(judge, concurrency=1, seconds=0.1)
    await stage.handle(make.batch(UNCERTAIN, *(make.uncertain(f"t{n}") for n in range(10))))
    assert stage.spec.batch == AHEAD
    judge.seconds, sizes = 0.0, []
    for n in range(7):
        await stage.handle(make.batch(UNCERTAIN, make.uncertain(f"u{n}")))
        sizes.append(stage.spec.batch)
    assert sizes[:2] == [2 * AHEAD, 4 * AHEAD]
    assert sizes[-1] == JUDGE.batch


async def test_a_place_is_free_again_after_a_question_was_given_up() -> None:
    judge = Remote(seconds=30)
    stage = stage_of(judge, concurrency=1, seconds=0.1)
    await stage.handle(make.batch(UNCERTAIN, make.uncertain()))
    judge.seconds = 0.0
    out = await stage.handle(make.batch(UNCERTAIN, make.uncertain("t2")))
    assert [event.id for event in make.of(LABELED, out)] == ["t2"]


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (AWAY, 5),  # no turn under the rate: nothing was sent
        (replace(AWAY, calls=2), 160),
        (TIMED_OUT, 160),
    ],
)
async def test_only_a_case_that_failed_waits_ever_longer(answer: Answer, seconds: float) -> None:
    out = await judged(Remote(answer), make.uncertain(attempt=5))
    (later,) = make.of(UNCERTAIN_LATER, out)
    assert later.due == pytest.approx(time.time() + seconds, abs=3)
    assert later.attempt == 6


async def test_nobody_is_asked_about_a_forgotten_text_and_no_words_are_kept(
    log: SqliteLog,
) -> None:
    remote = Remote()
    stage = stage_of(remote)
    await stage.start(log)
    record = Forgotten.of("t1", 5.0)
    log.append([outgoing(FORGOTTEN, record.digest, record)])
    cases = [
        make.delivered(UNCERTAIN, make.uncertain(one), key=one.encode()) for one in ("t1", "t2")
    ]
    out = await stage.handle(cases)
    assert {text_of(one.key) for one in out} == {"t2"}
    assert remote.forgotten == 1
