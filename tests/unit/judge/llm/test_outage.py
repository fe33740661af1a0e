"""The endpoint away for ten minutes: nothing lost, nothing invented, and no storm after it."""

import asyncio
import importlib
import json
from importlib.util import find_spec
from typing import Any

import openai
from openai._base_client import get_platform
from pydantic import SecretStr

from judge.llm.budget import Budget, Cap
from judge.llm.caller import Caller, Patience
from judge.llm.circuit import Circuit
from judge.llm.endpoint import Endpoint
from judge.llm.judge import LLMJudge
from judge.llm.pace import Pace
from judge.question import COMES_BACK, Answer
from tests.loopback.server import read
from tests.unit.judge.llm import simulated
from tests.unit.judge.llm.make import case

httpx = importlib.import_module("httpx2" if find_spec("httpx2") else "httpx")  # the SDK's own

AWAY = (300.0, 900.0)  # seconds
TEXTS, EVERY = 400, 3.0  # twenty minutes of them
PER_MINUTE = 60
FIRST, LONGEST = 5.0, 300.0  # what the judge's stage waits before it asks again


class Wire:
    """The SDK's transport: answers "valid" to even texts, and fails in turn while away."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.failed = 0

    async def __call__(self, request: Any) -> Any:
        now = asyncio.get_running_loop().time()
        self.at.append(now)
        await asyncio.sleep(0.3)
        if AWAY[0] <= now < AWAY[1]:
            self.failed += 1
            if self.failed % 3 == 0:
                raise httpx.ConnectError("refused")
            return httpx.Response((429, 503)[self.failed % 2], json={"error": {"message": "no"}})
        text = read(json.loads(request.content)["messages"][-1]["content"]).text
        said = {"evidence": [], "reason": "", "answer": ("valid", "invalid")[int(text) % 2]}
        message = {"role": "assistant", "content": json.dumps(said)}
        return httpx.Response(
            200, json={"choices": [{"message": message, "finish_reason": "stop", "index": 0}]}
        )


async def judged(judge: LLMJudge, number: int) -> tuple[Answer, float]:
    """One text, put to the judge until it comes back with something."""
    await asyncio.sleep(number * EVERY)
    for attempt in range(100):
        answer = await judge.verify(case(str(number)), "a", ())
        if answer.kind not in COMES_BACK:
            return answer, asyncio.get_running_loop().time()
        await asyncio.sleep(min(LONGEST, FIRST * 2**attempt))
    raise AssertionError("never answered")


async def stream(caps: dict[Any, Cap]) -> tuple[list[tuple[Answer, float]], Wire, LLMJudge]:
    wire, clock = Wire(), asyncio.get_running_loop().time
    client = openai.AsyncOpenAI(
        api_key="x",
        base_url="http://llm/v1",
        max_retries=0,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(wire)),
    )
    client._platform = get_platform()  # or the SDK asks a thread for it
    endpoint = Endpoint("http://llm/v1", "tiny", SecretStr("x"), client=client)
    pace = Pace(32, PER_MINUTE, clock)
    caller = Caller(endpoint, pace, Budget(caps, clock=clock), Circuit(clock=clock), Patience())
    judge = LLMJudge(caller)
    answers = await asyncio.gather(*(judged(judge, number) for number in range(TEXTS)))
    await judge.close()
    return answers, wire, judge


def most_in_a_minute(times: list[float]) -> int:
    return max(sum(begin <= at < begin + 60 for at in times) for begin in times)


def test_ten_minutes_away_lose_nothing_invent_nothing_and_end_without_a_storm() -> None:
    answers, wire, judge = simulated.run(stream({}))
    assert [answer.outcome for answer, _ in answers] == ["valid", "invalid"] * (TEXTS // 2)
    # Ten failures open the circuit; then one probe at a time, at ever longer intervals.
    assert wire.failed <= 20
    assert judge.status()["circuit"] == "closed"
    assert most_in_a_minute(wire.at) <= PER_MINUTE + 1
    # Back within the longest wait of circuit and stage, and the backlog at the allowed rate.
    assert max(at for _, at in answers) < AWAY[1] + 2 * LONGEST + TEXTS / PER_MINUTE * 60
    assert len(wire.at) == TEXTS + wire.failed


def test_a_budget_per_minute_is_waited_for_and_nobody_is_left_out() -> None:
    answers, wire, _ = simulated.run(stream({"minute": Cap(calls=30)}))
    assert [answer.outcome for answer, _ in answers] == ["valid", "invalid"] * (TEXTS // 2)
    minutes = [int(at // 60) for at in wire.at]
    assert max(map(minutes.count, set(minutes))) <= 30
