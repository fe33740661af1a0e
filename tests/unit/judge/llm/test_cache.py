"""Verdicts are kept, and nothing else; a broken disk costs money, never a verdict."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from judge.guides import Guide
from judge.llm.answer import Said
from judge.llm.budget import Cap
from judge.llm.cache import VerdictCache
from judge.port import RemoteJudge
from judge.question import Case
from tests.loopback.server import Loopback, Mode
from tests.unit.judge.llm.make import NEAR, case, judge_of

SAID = Said("valid", "clear", ("n1",))


async def test_the_same_question_is_paid_once_also_after_a_restart(
    server: Loopback, tmp_path: Path
) -> None:
    for round_ in range(2):
        async with judge_of(server, tmp_path / "cache") as judge:
            first = await judge.verify(case(), "a", NEAR)
            again = await judge.verify(case(), "a", NEAR)
            assert judge.status()["cache_hits"] == round_ + 1
    assert len(server.requests) == 1
    assert (again.tokens, again.calls) == (0, 0)
    assert replace(again, tokens=first.tokens, calls=first.calls) == first
    assert (again.outcome, again.reason, again.evidence) == ("valid", "as shown", ("n1",))


async def test_another_question_is_another_verdict(server: Loopback, tmp_path: Path) -> None:
    async with judge_of(server, tmp_path / "cache") as judge:
        await judge.choose(case(), ("a", "b"), NEAR)
        await judge.choose(case(), ("b", "a"), NEAR)  # the same
        await judge.choose(case(), ("a", "b", "c"), NEAR)
        await judge.choose(case(), ("a", "b"), NEAR[:1])
        await judge.choose(case(), ("a", "b"), (replace(NEAR[0], id="n3"), NEAR[1]))
        await judge.choose(case("text 3"), ("a", "b"), NEAR)
        await judge.verify(case(), "a", NEAR)
    async with judge_of(server, tmp_path / "cache", {"a": Guide.of("a", "", "new")}) as judge:
        await judge.choose(case(), ("a", "b"), NEAR)
    assert len(server.requests) == 7
    server.model = "other"
    async with judge_of(server, tmp_path / "cache") as judge:
        await judge.choose(case(), ("a", "b"), NEAR)
    assert len(server.requests) == 8


async def test_the_same_words_under_another_id_are_the_same_question(
    server: Loopback, tmp_path: Path
) -> None:
    async with judge_of(server, tmp_path / "cache") as judge:
        await judge.verify(case(), "a", NEAR)
        await judge.verify(Case("other", "text 0", np.zeros(2, np.float32), ("a",)), "a", NEAR)
    assert len(server.requests) == 1


@pytest.mark.parametrize("mode", ["malformed", "outside", "refusal", "length", "500", "400 text"])
async def test_no_verdict_is_never_kept(server: Loopback, tmp_path: Path, mode: Mode) -> None:
    server.script = [mode]
    async with judge_of(server, tmp_path / "cache") as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "no_verdict"
        server.script = ["right"]
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"


async def test_the_budget_of_the_day_is_not_renewed_by_a_restart(
    server: Loopback, tmp_path: Path
) -> None:
    kinds = []
    for _ in range(3):
        async with judge_of(server, tmp_path / "cache", caps={"all": Cap(calls=2)}) as judge:
            texts = [f"text {len(kinds) + i}" for i in range(2)]
            kinds += [(await judge.verify(case(text), "a", NEAR)).kind for text in texts]
    assert kinds == [None, None, *["spent"] * 4]


async def test_a_judge_whose_budget_in_all_is_used_up_does_not_ask_to_be_waited_for(
    server: Loopback,
) -> None:
    async with judge_of(server, caps={"all": Cap(calls=1)}) as judge:
        assert isinstance(judge, RemoteJudge)
        await judge.verify(case(), "a", NEAR)
        assert (await judge.verify(case("text 1"), "a", NEAR)).kind == "spent"
        assert judge.resumes_in == 0
        assert judge.status()["budget_full"] == "all"


async def test_a_judge_whose_minute_is_used_up_says_how_long_to_wait(server: Loopback) -> None:
    async with judge_of(server, caps={"minute": Cap(calls=1)}) as judge:
        kinds = [(await judge.verify(case(f"text {i}"), "a", NEAR)).kind for i in range(3)]
        assert "budget" in kinds
        assert 0 < judge.resumes_in <= 60


async def test_a_question_over_a_cap_by_itself_does_not_come_back(server: Loopback) -> None:
    async with judge_of(server, caps={"minute": Cap(tokens=500)}) as judge:
        answer = await judge.verify(case(), "a", NEAR)
        assert (answer.kind, answer.calls, judge.resumes_in) == ("refused", 0, 0)
    assert server.requests == []


async def test_the_last_failure_is_told_with_the_standing(server: Loopback) -> None:
    server.script = ["500"]
    async with judge_of(server) as judge:
        assert judge.status()["last_failure"] == ""
        await judge.verify(case(), "a", NEAR)
        assert judge.status()["last_failure"] == "HTTP 500: The server had an error"


def test_a_file_that_is_no_database_turns_it_off_with_one_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cache"
    path.write_bytes(b"no database" * 1_000)
    cache = VerdictCache(path)
    for _ in range(3):
        cache.put(b"k", SAID)
        assert cache.get(b"k") is None
        cache.save_spent({"all": [0, 1, 2, 3]})
        assert cache.spent() == {}
    cache.close()
    assert capsys.readouterr().out.count("verdict cache is off") == 1


def test_a_full_disk_turns_it_off_and_loses_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = VerdictCache(tmp_path / "cache")
    assert cache._connection is not None
    cache._connection.execute("PRAGMA max_page_count = 8")
    for number in range(500):
        cache.put(number.to_bytes(16), Said("valid", "x" * 300, ()))
    assert cache.off is not None
    assert "full" in cache.off
    assert capsys.readouterr().out.count("verdict cache is off") == 1
    cache.close()


async def test_a_judge_goes_on_without_its_cache(
    server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    async with judge_of(server, tmp_path / "file" / "cache") as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"
        assert judge.status()["cache_off"]
    assert "verdict cache is off" in capsys.readouterr().out


def test_it_may_be_made_in_another_thread_than_it_is_used(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        cache = pool.submit(VerdictCache, tmp_path / "cache").result()
    cache.put(b"key", SAID)
    assert (cache.get(b"key"), cache.off) == (SAID, None)
    cache.close()


def test_a_damaged_row_is_a_miss(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "cache")
    with sqlite3.connect(tmp_path / "cache") as other:
        for key, said in ((b"1", "{"), (b"2", '["valid"]'), (b"3", "[1, 2, 3]"), (b"4", "null")):
            other.execute("INSERT INTO verdicts (key, said) VALUES (?, ?)", (key, said))
    other.close()
    assert [cache.get(key) for key in (b"1", b"2", b"3", b"4")] == [None] * 4
    assert cache.off is None
    cache.close()
    cache.close()


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "cache", keep=100)
    for number in range(1_000):
        cache.put(number.to_bytes(16), SAID)
    assert cache.get((0).to_bytes(16)) is None
    assert cache.get((999).to_bytes(16)) == SAID
    assert cache._run("SELECT count(*) FROM verdicts") == [(100,)]
    cache.close()
