"""The LLM in the program: made from settings, following the labels, and what is seen of it."""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stamina.instrumentation

from judge.local import LocalJudge
from judge.port import RemoteJudge
from models.classifier import LabelInfo
from streams.embedded.log import SqliteLog
from streams.program.guides import follow_labels, open_guides, path_of
from streams.program.judge_state import JudgeState, JudgeWatch, last_seen
from streams.program.llm import build_llm, options_of
from streams.program.screen_judge import asked, standing, waiting, without_verdict
from streams.program.settings import Settings
from tests.unit.streams import make


@dataclass
class Known:
    infos: dict[str, LabelInfo]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted(self.infos))


@dataclass
class Served:
    """As a version of the model feed, as far as it is looked at."""

    classifier: Known
    manifest: Any


@dataclass
class Following:
    """A feed whose newest version is set by the test."""

    version: Served
    looked: list[int] = field(default_factory=list)

    def newest(self) -> Served:
        self.looked.append(self.version.manifest.number)
        return self.version


def version(number: int, **guides: str) -> Served:
    infos = {label: LabelInfo(label, label.upper(), guide) for label, guide in guides.items()}
    return Served(Known(infos), make.manifest(number, labels=sorted(guides)))


def llm(var: Path, **more: Any) -> Settings:
    return Settings(judge="llm", llm_url="http://127.0.0.1:9/v1", llm_model="tiny", var=var, **more)


@pytest.fixture
async def hooks() -> AsyncIterator[None]:
    before = stamina.instrumentation.get_on_retry_hooks()
    yield
    stamina.instrumentation.set_on_retry_hooks(before)


def test_every_setting_reaches_the_judge(tmp_path: Path) -> None:
    settings = llm(
        tmp_path,
        **{"llm_key": "sk-x", "llm_timeout": 3, "llm_patience": 9, "llm_temperature": 0.5},
        **{"llm_answer_tokens": 50, "concurrency": 4, "llm_per_minute": 7, "llm_price_in": 1.5},
        **{"llm_price_out": 2.5, "llm_minute_calls": 1, "llm_day_tokens": 2_000},
        **{"llm_all_money": 3.5, "llm_examples": 2},
    )
    made = options_of(settings)
    assert (made.url, made.model) == ("http://127.0.0.1:9/v1", "tiny")
    assert made.key.get_secret_value() == "sk-x"
    assert (made.timeout, made.patience.total, made.temperature) == (3, 9, 0.5)
    assert (made.answer_tokens, made.concurrency, made.per_minute) == (50, 4, 7)
    assert (made.price.input, made.price.output, made.limits.examples) == (1.5, 2.5, 2)
    assert (made.caps["minute"].calls, made.caps["minute"].tokens) == (1, None)
    assert (made.caps["day"].tokens, made.caps["all"].money) == (2_000, 3.5)
    assert "sk-x" not in repr(made)


@pytest.mark.usefixtures("hooks")
async def test_guides_and_names_follow_the_model_in_service(tmp_path: Path, log: SqliteLog) -> None:
    feed = Following(version(1, a="Means a.", b=""))
    settings = llm(tmp_path, llm_all_names=True, llm_wide=7)
    judge, policy = build_llm(settings, log, feed)  # type: ignore[arg-type]
    assert isinstance(judge, RemoteJudge)
    first = policy()
    assert (first.first, first.wide, first.names) == (5, 7, ("a", "b"))
    assert first.tokens is not None
    before = first.tokens("verify", 1)
    feed.version = version(2, a="Means a. " * 60, c="")
    assert policy().names == ("a", "c")
    assert first.tokens("verify", 1) > before  # longer guides cost more
    await judge.close()
    assert stamina.instrumentation.get_on_retry_hooks() == ()


@pytest.mark.usefixtures("hooks")
async def test_without_all_names_none_are_offered(tmp_path: Path, log: SqliteLog) -> None:
    feed = Following(version(1, a=""))
    judge, policy = build_llm(llm(tmp_path, llm_wide=0), log, feed)  # type: ignore[arg-type]
    assert (policy().names, policy().wide) == ((), 0)
    await judge.close()


def test_guides_follow_labels_and_file(tmp_path: Path, log: SqliteLog) -> None:
    settings = llm(tmp_path)
    guides = open_guides(settings, log, version(1, a="Means a.").classifier)  # type: ignore[arg-type]
    assert (guides["a"].name, guides["a"].text) == ("A", "Means a.")
    before = guides["a"].version
    path_of(settings).write_text("## c\n\nBy hand.\n")
    follow_labels(guides, settings, log, version(2, a="Else.", c="").classifier)  # type: ignore[arg-type]
    assert guides["a"].text == "Else."
    assert guides["a"].version != before
    assert guides["c"].text == "By hand."
    path_of(settings).write_text("## c\n\nOne.\n\n## c\n\nTwo.\n")
    follow_labels(guides, settings, log, version(3, c="").classifier)  # type: ignore[arg-type]
    assert (list(guides), guides["c"].text) == (["c"], "By hand.")


class Remote:
    signature, teaches, resumes_in = "tiny", True, 0.0

    async def verify(self, *args: object) -> Any: ...

    async def choose(self, *args: object) -> Any: ...

    def status(self) -> dict[str, object]:
        return {"model": "tiny", "calls": 3, "cache_off": None, "outcomes": {"valid": 3}}

    def share(self, part: float) -> None: ...

    def forget_words(self, forgotten: int) -> None: ...

    async def close(self) -> None: ...


def test_what_a_run_sees_another_process_can_read(tmp_path: Path) -> None:
    seen = JudgeWatch(Remote(), tmp_path / "judge.json").look()
    assert seen is not None
    assert last_seen(tmp_path / "judge.json") == seen
    assert (seen.model, seen.calls, seen.circuit) == ("tiny", 3, "closed")
    assert [path.name for path in tmp_path.iterdir()] == ["judge.json"]


def test_a_run_with_a_judge_that_cannot_be_away_leaves_nothing_of_an_earlier_one(
    tmp_path: Path,
) -> None:
    JudgeWatch(Remote(), tmp_path / "judge.json").look()
    assert JudgeWatch(LocalJudge(), tmp_path / "judge.json").look() is None
    assert last_seen(tmp_path / "judge.json") is None


def test_a_disk_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    assert JudgeWatch(Remote(), tmp_path / "missing" / "judge.json").look() is not None
    (tmp_path / "damaged").write_text("{")
    assert last_seen(tmp_path / "damaged") is None


def state(**fields: Any) -> JudgeState:
    return JudgeState(**{"at": 1_000.0, "began": 900.0, "model": "tiny", **fields})


def test_its_standing_is_told_in_lines() -> None:
    told = "\n".join(
        standing(
            state(
                calls=51,
                retries=3,
                tokens_in=12_345,
                tokens_out=2_345,
                tokens_estimated=300,
                expected_verify=554.4,
                expected_choose=799,
                money=0.5,
                money_in_all=1.25,
                cache_hits=4,
                budget={"day": {"calls": (51, 1_000), "money": (0.5, 5)}, "all": {}},
                cache_off="OperationalError: disk is full",
            )
        )
    )
    assert "51 calls, 3 of them retries" in told
    assert "12345 in, 2345 out (300 of them estimated); 4 answers from the cache" in told
    assert "554 tokens to verify a label, 799 to choose among 5" in told
    assert "Money: 0.5000, in all 1.2500." in told
    assert "Budget (this day, UTC): 51 of 1000 calls, 0.5 of 5 money." in told
    assert "Budget (in all)" not in told
    assert "cache is off (OperationalError: disk is full)" in told


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, ""),
        ({"circuit": "open", "circuit_open_for": 60, "resumes_in": 35}, "asked again in 35 s"),
        ({"circuit": "half-open", "circuit_open_for": 60}, "asked again now"),
        ({"circuit": "open", "last_failure": "HTTP 503: no"}, "(HTTP 503: no), asked again"),
        (
            {"budget_full": "day", "resumes_in": 9_000},
            "(this day, UTC) used up, asked again in 2 h",
        ),
        ({"budget_full": "minute", "resumes_in": 12}, "(this minute) used up"),
        ({"budget_full": "all"}, "stays undecided"),
    ],
)
def test_what_it_waits_for_is_said_and_nothing_when_it_does_not(
    fields: dict[str, Any], says: str
) -> None:
    assert says in waiting(state(**fields))
    assert bool(waiting(state(**fields))) == bool(says)


def test_no_verdicts_are_told_by_kind() -> None:
    assert without_verdict({"away": 12, "malformed": 3}) == "No verdict: away 12, malformed 3."


def test_a_question_and_its_answer_are_told_with_what_they_rest_on() -> None:
    verdict = make.verdict(
        outcome="chosen",
        label="printer",
        question="choose",
        options=[f"label {n}" for n in range(20)],
        reason="it burns",
        neighbours=["n1", "n2"],
        tokens=420,
        calls=2,
        estimated=True,
        prompt="p1",
        guide="g1",
        signed="tiny",
    )
    told = "\n".join(asked(verdict))
    assert "label 11 and 8 more → chosen printer, it burns" in told
    assert "evidence n1, n2; about 420 tokens in 2 calls; prompt p1, guides g1" in told
    none = make.verdict(outcome="no_verdict", kind="away", reason="HTTP 503", prompt="p1", calls=4)
    assert "→ no_verdict away, HTTP 503" in "\n".join(asked(none))
    cached = make.verdict(outcome="valid", label="printer", prompt="p1", guide="g1")
    assert "from the cache" in "\n".join(asked(cached))
    assert len(list(asked(make.verdict()))) == 1  # a stand-in has no more to tell


def test_nobody_waits_for_the_llms_client_who_does_not_use_it() -> None:
    modules = (
        "streams.program.cli, streams.program.run, streams.program.llm, streams.program.screen"
    )
    seen = "{'openai', 'stamina'} & set(sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print({seen})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"
