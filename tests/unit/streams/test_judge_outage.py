"""Ten minutes without an endpoint, in simulated time, through log, runner, judge and later.

Nothing is lost, nothing is invented, few records circle, and the backlog drains at the allowed
rate.
"""

import asyncio
import importlib
import json
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import openai
import pytest
from openai._base_client import get_platform
from pydantic import SecretStr

from judge.llm.budget import Budget
from judge.llm.caller import Caller, Patience
from judge.llm.circuit import Circuit
from judge.llm.endpoint import Endpoint
from judge.llm.judge import LLMJudge
from judge.llm.pace import Pace
from judge.memory_store import MemoryExampleStore
from streams.embedded import runner as running
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.stage import Outgoing, outgoing
from streams.stages.judge import JudgeStage
from streams.stages.later import Later
from streams.topology import LABELED, UNCERTAIN, UNCERTAIN_LATER, VERDICTS
from tests.loopback.server import read
from tests.unit.judge.llm import simulated
from tests.unit.streams import make

httpx = importlib.import_module("httpx2" if find_spec("httpx2") else "httpx")  # the SDK's own

TEXTS, EVERY = 400, 3.0  # twenty minutes of them, in seconds
AWAY = (300.0, 900.0)
PER_MINUTE = 60


class Stream:
    """A text every few seconds, as the log would get them from the classifier."""

    def __init__(self) -> None:
        self._given = 0

    @property
    def exhausted(self) -> bool:
        return self._given >= TEXTS

    def take(self, limit: int) -> list[Outgoing]:
        due = min(TEXTS, int(asyncio.get_running_loop().time() / EVERY) + 1)
        numbers = range(self._given, min(due, self._given + limit))
        self._given += len(numbers)
        return [
            outgoing(UNCERTAIN, f"t{n}", make.uncertain(f"t{n}", ("a",), text=text_of(n)))
            for n in numbers
        ]

    def close(self) -> None: ...


def text_of(number: int) -> Any:
    return make.text(f"t{number}", str(number))


class Wire:
    """The SDK's transport: answers "valid" to even texts, and fails in turn while away."""

    def __init__(self, fails: str) -> None:
        self.at: list[float] = []
        self.failed = 0
        self._fails = fails

    async def __call__(self, request: Any) -> Any:
        now = asyncio.get_running_loop().time()
        self.at.append(now)
        if AWAY[0] <= now < AWAY[1]:
            self.failed += 1
            if self._fails == "hanging":
                await asyncio.sleep(3_600)
            if self.failed % 3 == 0:
                raise httpx.ConnectError("refused")
            return httpx.Response((429, 503)[self.failed % 2], json={"error": {"message": "no"}})
        await asyncio.sleep(0.3)
        text = read(json.loads(request.content)["messages"][-1]["content"]).text
        said = {"evidence": [], "reason": "", "answer": ("valid", "invalid")[int(text) % 2]}
        message = {"role": "assistant", "content": json.dumps(said)}
        return httpx.Response(
            200, json={"choices": [{"message": message, "finish_reason": "stop", "index": 0}]}
        )


async def stream(log: SqliteLog, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> float:
    clock, real = asyncio.get_running_loop().time, time.time()
    monkeypatch.setattr(time, "time", lambda: real + clock())
    client = openai.AsyncOpenAI(
        api_key="x",
        base_url="http://llm/v1",
        max_retries=0,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(wire)),
    )
    client._platform = get_platform()  # or the SDK asks a thread for it
    endpoint = Endpoint("http://llm/v1", "tiny", SecretStr("x"), client=client)
    caller = Caller(
        endpoint,
        Pace(32, PER_MINUTE, clock),
        Budget(clock=time.time),
        Circuit(clock=clock),
        Patience(),
    )
    judge = LLMJudge(caller)
    stage = JudgeStage(judge, MemoryExampleStore(2), concurrency=32)
    assert await EmbeddedRunner(log, [stage, Later()], Stream()).run()
    await judge.close()
    return clock()


@pytest.mark.parametrize("fails", ["refusing", "hanging"])
def test_ten_minutes_without_an_endpoint_lose_nothing_and_invent_nothing(
    open_log: Callable[..., SqliteLog], monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    log, wire = open_log(), Wire(fails)
    monkeypatch.setattr(running, "POLL_SECONDS", 0.5)  # of simulated time
    ended = simulated.run(stream(log, wire, monkeypatch))

    verdicts = make.of(VERDICTS, read_all(log, VERDICTS.name))
    final = {verdict.id: verdict.outcome for verdict in verdicts if verdict.decision != "away"}
    assert final == {f"t{n}": ("valid", "invalid")[n % 2] for n in range(TEXTS)}
    labelled = Counter(event.id for event in make.of(LABELED, read_all(log, LABELED.name)))
    assert labelled == {f"t{n}": 1 for n in range(0, TEXTS, 2)}
    kinds = {verdict.kind for verdict in verdicts if verdict.decision == "away"}
    assert kinds <= {"away", "timed out"}

    # Ten failures open the circuit; then a probe now and then, no storm.
    assert wire.failed <= 30
    most = max(sum(begin <= at < begin + 60 for at in wire.at) for begin in wire.at)
    assert most <= PER_MINUTE + 1
    # Texts stay where they are while it is away, and afterwards wait for their turn a few times.
    assert log.end(UNCERTAIN_LATER.name) < 3 * TEXTS
    # Back within the circuit's longest wait, and the backlog at the allowed rate.
    assert ended < AWAY[1] + 300 + TEXTS / PER_MINUTE * 60


def read_all(log: SqliteLog, topic: str) -> list[Outgoing]:
    found = log.read_from(topic, 0, 100_000)
    return [Outgoing(topic, record.key, record.value) for record in found]
