"""The judge's stage with an LLM: every way in which an endpoint fails ends as it is documented."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import structlog
from pydantic import SecretStr

from judge.examples import ExamplePoint
from judge.llm.budget import Cap
from judge.llm.build import Options, build
from judge.llm.caller import Patience
from judge.llm.judge import LLMJudge
from judge.memory_store import MemoryExampleStore
from models.errors import Fatal
from streams.delivery import deliver
from streams.records import Uncertain
from streams.stage import Outgoing
from streams.stages.judge import JudgeStage
from streams.topology import DEADLETTERS, LABELED, RETRAIN, UNCERTAIN, UNCERTAIN_LATER, VERDICTS
from tests.loopback.server import Loopback, Mode
from tests.unit.streams import make

QUICK = Patience(total=15.0, attempts=2, first=0.01, longest=0.02, jitter=0.01)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Loopback]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    structlog.reset_defaults()
    made = await Loopback(right={"my printer is on fire": "fire"}).start()
    yield made
    await made.stop()


def judge_of(server: Loopback, cache: Path | None = None, **more: object) -> LLMJudge:
    given: dict[str, object] = {"key": SecretStr(server.key), "timeout": 10.0, "patience": QUICK}
    return build(Options(server.url, server.model, **{**given, **more}), {}, cache)  # type: ignore[arg-type]


async def judged(judge: LLMJudge, *cases: Uncertain) -> list[Outgoing]:
    store = MemoryExampleStore(2)
    await store.upsert([ExamplePoint("n1", "fire", "it burns", np.array([1, 0], np.float32))])
    stage = JudgeStage(judge, store, concurrency=8)
    return await deliver(stage, make.batch(UNCERTAIN, *cases))


async def test_a_right_answer_labels_and_teaches_and_is_signed(server: Loopback) -> None:
    judge = judge_of(server)
    out = await judged(judge, make.uncertain())
    await judge.close()
    (event,), (lesson,) = make.of(LABELED, out), make.of(RETRAIN, out)
    assert (event.label, event.signed, event.prompt) == ("fire", "tiny", judge.prompt_version)
    assert (lesson.label, lesson.signed) == ("fire", "tiny")
    verify, choose = make.of(VERDICTS, out)
    assert (verify.outcome, choose.outcome, choose.label) == ("invalid", "chosen", "fire")
    assert (verify.tokens, verify.calls, verify.estimated) == (340, 1, False)
    assert verify.neighbours == ["n1"]
    assert verify.guide != choose.guide


ENDS: dict[Mode, tuple[str, str]] = {
    "malformed": ("undecided", "malformed"),
    "outside": ("undecided", "malformed"),
    "two answers": ("undecided", "malformed"),
    "refusal": ("undecided", "refused"),
    "filtered": ("undecided", "refused"),
    "400 text": ("undecided", "refused"),
    "length": ("undecided", "cut off"),
    "429": ("away", "away"),
    "429 after": ("away", "away"),
    "out of credit": ("away", "away"),
    "500": ("away", "away"),
    "cut": ("away", "away"),
    "page": ("away", "away"),
    "list": ("away", "away"),
    "half": ("away", "away"),
    "slow": ("away", "timed out"),
    "dripping": ("away", "timed out"),
}


@pytest.mark.parametrize("mode", ENDS)
async def test_every_failure_ends_as_documented_and_none_as_invalid(
    server: Loopback, mode: Mode
) -> None:
    server.script, server.after, server.delay = [mode], "3600", 5.0 if mode == "slow" else 0.0
    # A busy machine answers late: only what never answers is given up soon.
    judge = judge_of(server, timeout=0.3 if mode in ("slow", "dripping") else 10.0)
    out = await judged(judge, make.uncertain())
    await judge.close()
    (verdict,) = make.of(VERDICTS, out)
    assert (verdict.decision, verdict.kind) == ENDS[mode]
    assert (verdict.outcome, verdict.label) == ("no_verdict", None)
    assert verdict.prompt == judge.prompt_version
    later = make.of(UNCERTAIN_LATER, out)
    assert len(later) == (verdict.decision == "away")
    assert (verdict.held is None) == (verdict.decision == "away")
    assert [case.timeouts for case in later if verdict.kind == "timed out"] in ([], [1])
    assert make.of(LABELED, out) == make.of(RETRAIN, out) == make.of(DEADLETTERS, out) == []


def test_the_page_of_kinds_says_the_same() -> None:
    page = (Path(__file__).parents[3] / "docs" / "judge.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    ends = {row.split("`")[1]: row.split("|")[-2] for row in rows}
    for decision, kind in {*ENDS.values(), ("away", "budget"), ("undecided", "spent")}:
        assert ("undecided" in ends[kind].split(";")[0]) == (decision == "undecided"), kind


async def test_a_wrong_key_stops_the_run_with_one_request(server: Loopback) -> None:
    judge = judge_of(server, key=SecretStr("sk-wrong"))
    with pytest.raises(Fatal, match="REDSTREAM_LLM_KEY"):
        await judged(judge, *(make.uncertain(f"t{n}") for n in range(8)))
    await judge.close()
    assert len(server.requests) == 1


async def test_a_text_flagged_later_on_is_its_own_trouble_only(server: Loopback) -> None:
    server.script = ["right", "right", "403", "right"]
    judge = judge_of(server)
    await judged(judge, make.uncertain("t1"))
    out = await judged(judge, make.uncertain("t2"))
    await judge.close()
    (verdict,) = make.of(VERDICTS, out)
    assert (verdict.decision, verdict.kind) == ("undecided", "refused")


async def test_a_budget_of_the_minute_is_waited_for_and_one_in_all_is_not(server: Loopback) -> None:
    for window, decision in (("minute", "away"), ("all", "undecided")):
        judge = judge_of(server, caps={window: Cap(calls=2)})
        await judged(judge, make.uncertain("t1"))
        try:
            (verdict,) = make.of(VERDICTS, await judged(judge, make.uncertain("t2")))
        finally:
            await judge.close()
        assert (verdict.decision, verdict.calls) == (decision, 0)


async def test_a_disk_that_fills_up_takes_the_cache_and_no_verdict(
    server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = judge_of(server, tmp_path / "verdicts.sqlite")
    cache = judge._cache
    assert cache is not None
    assert cache._connection is not None
    real = cache._connection

    class Full:
        def execute(self, *args: object) -> sqlite3.Cursor:
            raise sqlite3.OperationalError("database or disk is full")

        def close(self) -> None:
            real.close()

    await judged(judge, make.uncertain("t1"))
    cache._connection = Full()  # type: ignore[assignment]
    out = await judged(judge, make.uncertain("t1"), make.uncertain("t2"))
    assert [event.label for event in make.of(LABELED, out)] == ["fire", "fire"]
    assert "disk is full" in str(judge.status()["cache_off"])
    assert capsys.readouterr().out.count("verdict cache is off") == 1
    await judge.close()
