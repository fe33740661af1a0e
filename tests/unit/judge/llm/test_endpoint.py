"""Whatever an endpoint does, it is a verdict or none, by kind; never an invented "invalid"."""

import asyncio
import logging
import time
import traceback

import pytest
from pydantic import SecretStr

from judge.llm.budget import Cap, Price
from judge.llm.caller import Patience
from models.errors import Fatal
from tests.loopback.server import Loopback, Mode
from tests.unit.judge.llm.make import NEAR, case, judge_of

WRONG = "sk-wrong-key-9876543210"


async def test_a_right_label_is_valid_and_a_wrong_one_is_not(server: Loopback) -> None:
    async with judge_of(server) as judge:
        yes = await judge.verify(case(), "a", NEAR)
        no = await judge.verify(case(), "b", NEAR)
    assert (yes.outcome, yes.label, yes.reason) == ("valid", "a", "as shown")
    assert (no.outcome, no.label) == ("invalid", None)
    assert yes.evidence == ("n1",)  # the id that was never offered does not count
    assert (yes.tokens, yes.calls, yes.estimated) == (340, 1, False)
    assert yes.prompt == judge.prompt_version
    assert judge.signature == "tiny"


async def test_choose_names_an_option_or_none(server: Loopback) -> None:
    async with judge_of(server) as judge:
        chosen = await judge.choose(case("text 1"), ("a", "b", "c"), NEAR)
        none = await judge.choose(case("text 1"), ("a", "c"), NEAR)
    assert (chosen.outcome, chosen.label, chosen.options) == ("chosen", "b", ("a", "b", "c"))
    assert (none.outcome, none.label) == ("none", None)


async def test_a_wrong_model_is_believed_but_signed(server: Loopback) -> None:
    server.script = ["wrong"]
    async with judge_of(server) as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "invalid"


@pytest.mark.parametrize(
    ("mode", "kind", "requests"),
    [
        ("malformed", "malformed", 1),
        ("outside", "malformed", 1),
        ("two answers", "malformed", 1),
        ("refusal", "refused", 1),
        ("filtered", "refused", 1),
        ("length", "cut off", 1),
        ("429", "away", 3),
        ("429 after", "away", 1),  # an hour: longer than anybody waits here
        ("out of credit", "away", 1),
        ("500", "away", 3),
        ("cut", "away", 3),
        ("page", "away", 3),
        ("list", "away", 3),
        ("half", "away", 3),
        ("400 text", "refused", 1),
        ("dripping", "timed out", 1),
    ],
)
@pytest.mark.parametrize("question", ["verify", "choose"])
async def test_everything_else_is_no_verdict_of_its_kind(
    server: Loopback, mode: Mode, kind: str, requests: int, question: str
) -> None:
    server.script, server.after = [mode], "3600"
    # A busy machine answers late: only what never answers is given up soon.
    async with judge_of(server, timeout=0.3 if mode == "dripping" else 10.0) as judge:
        if question == "verify":
            answer = await judge.verify(case(), "b", NEAR)
        else:
            answer = await judge.choose(case(), ("b", "c"), NEAR)
        status = judge.status()
    assert (answer.outcome, answer.kind, answer.label) == ("no_verdict", kind, None)
    assert len(server.requests) == answer.calls == requests
    assert status["no_verdicts"] == {kind: 1}


async def test_a_slow_answer_still_counts_within_the_deadline(server: Loopback) -> None:
    server.script, server.delay = ["slow"], 0.1
    async with judge_of(server, timeout=1.0) as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"


async def test_a_slow_answer_is_cut_at_the_deadline_and_its_tokens_counted(
    server: Loopback,
) -> None:
    server.script, server.delay = ["slow"], 5.0
    async with judge_of(server, timeout=0.1) as judge:
        begun = time.monotonic()
        answer = await judge.verify(case(), "a", NEAR)
        assert time.monotonic() - begun < 2
    assert answer.kind == "timed out"
    assert answer.tokens > 100  # the endpoint may bill what it has read
    assert answer.estimated


async def test_after_some_failures_the_answer_comes(server: Loopback) -> None:
    server.script = ["500", "cut", "right"]
    async with judge_of(server) as judge:
        answer = await judge.verify(case(), "a", NEAR)
        assert (answer.outcome, answer.calls) == ("valid", 3)
        assert judge.status()["retries"] == 2


async def test_retry_after_is_obeyed(server: Loopback) -> None:
    server.script, server.after = ["right", "429 after", "right"], "0.4"
    async with judge_of(server) as judge:
        await judge.verify(case("text 3"), "a", NEAR)
        begun = time.monotonic()
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"
        assert time.monotonic() - begun >= 0.4


async def test_a_pause_holds_for_everybody(server: Loopback) -> None:
    server.script, server.after = ["right", "429 after", "right"], "0.4"
    async with judge_of(server) as judge:
        await judge.verify(case("text 3"), "a", NEAR)
        first = asyncio.create_task(judge.verify(case(), "a", NEAR))
        await asyncio.sleep(0.1)
        assert len(server.requests) == 2
        begun = time.monotonic()
        assert (await judge.verify(case("text 6"), "a", NEAR)).outcome == "valid"
        assert time.monotonic() - begun > 0.2
        assert (await first).outcome == "valid"


@pytest.mark.parametrize(
    ("lacks", "mode", "first_costs"),
    [({}, "schema", 1), ({"has_schema"}, "tool", 2), ({"has_schema", "has_tools"}, "text", 3)],
)
async def test_what_the_endpoint_can_do_is_found_out_once(
    server: Loopback, lacks: set[str], mode: str, first_costs: int
) -> None:
    for name in lacks:
        setattr(server, name, False)
    async with judge_of(server) as judge:
        answers = await asyncio.gather(
            *(judge.verify(case(f"text {i}"), "a", NEAR) for i in range(6))
        )
        assert judge.status()["mode"] == mode
    assert [answer.outcome for answer in answers] == ["valid", "invalid", "invalid"] * 2
    assert sorted(answer.calls for answer in answers) == [1] * 5 + [first_costs]
    assert len(server.requests) == 5 + first_costs


async def test_reasoning_models_get_no_temperature_and_their_own_limit(server: Loopback) -> None:
    server.has_temperature = server.old_limit = False
    async with judge_of(server) as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"
        assert judge.status()["mode"] == "schema"
    assert "max_completion_tokens" in server.requests[-1]
    assert "temperature" not in server.requests[-1]


async def test_an_endpoint_that_refuses_every_form_is_away_and_no_text_is_given_up(
    server: Loopback,
) -> None:
    server.refuses_all = True
    async with judge_of(server) as judge:
        answer = await judge.verify(case(), "a", NEAR)
        assert (answer.kind, answer.calls) == ("away", 3)
        assert "every form" in answer.reason
        server.refuses_all = False
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"
        assert judge.status()["mode"] == "schema"
        server.refuses_all = True  # from now on it is known that the form is right
        assert (await judge.verify(case(), "a", NEAR)).kind == "refused"


async def test_a_missing_usage_is_estimated_and_marked(server: Loopback) -> None:
    server.reports_usage = False
    async with judge_of(server) as judge:
        answer = await judge.verify(case(), "a", NEAR)
        assert answer.estimated
        assert 200 < answer.tokens < 800
        assert judge.status()["tokens_estimated"] == answer.tokens


async def test_an_unknown_model_says_so_once(server: Loopback) -> None:
    async with judge_of(server, model="gpt-9") as judge:
        for _ in range(3):
            with pytest.raises(Fatal, match=r"no model 'gpt-9'.*ends in /v1"):
                await judge.verify(case(), "a", NEAR)
    assert len(server.requests) == 1


async def test_a_wrong_key_is_one_request_one_line_and_never_shown(
    server: Loopback,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    async with judge_of(server, key=SecretStr(WRONG)) as judge:
        asked = [judge.verify(case(f"text {i}"), "a", NEAR) for i in range(20)]
        raised = await asyncio.gather(*asked, return_exceptions=True)
        inner = (judge._caller, judge._caller.endpoint, judge.status())
        shown = [repr(judge), *map(repr, inner)]
    assert len(server.requests) == 1
    assert {type(error) for error in raised} == {Fatal}
    assert len({str(error) for error in raised}) == 1
    assert "does not accept the key" in str(raised[0])
    for error in raised:
        assert isinstance(error, Fatal)
        assert error.__context__ is None  # the SDK's error holds the request, and so the key
        shown += [repr(error), str(error), *traceback.format_exception(error)]
    printed = capsys.readouterr()
    for text in (*shown, caplog.text, printed.out, printed.err):
        assert WRONG not in text
        assert "9876543210" not in text


async def test_keys_of_the_environment_are_not_used(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, WRONG)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    async with judge_of(server) as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"
    server.key = "none"  # what is sent where no key is set: local servers want none
    async with judge_of(server, key=SecretStr("")) as judge:
        assert (await judge.verify(case(), "a", NEAR)).outcome == "valid"


async def test_the_key_is_not_in_what_is_said_of_other_failures(server: Loopback) -> None:
    server.script = ["500"]
    async with judge_of(server) as judge:
        answer = await judge.verify(case(), "a", NEAR)
    assert server.key not in repr(answer)


async def test_403_stops_at_the_start_and_refuses_a_text_later(server: Loopback) -> None:
    server.script = ["403", "right"]
    async with judge_of(server) as judge:
        with pytest.raises(Fatal, match="forbids"):
            await judge.verify(case(), "a", NEAR)
    server.requests.clear()
    server.script = ["right", "403", "right"]
    async with judge_of(server) as judge:
        await judge.verify(case(), "a", NEAR)
        assert (await judge.verify(case("text 3"), "a", NEAR)).kind == "refused"
        assert (await judge.verify(case("text 6"), "a", NEAR)).outcome == "valid"


@pytest.mark.parametrize(
    "url", ["", "localhost", "ftp://x/v1", "http://me:pw@x/v1", "http://x?k=1"]
)
async def test_a_url_that_is_none_or_holds_a_secret_is_fatal(url: str) -> None:
    server = Loopback(url=url)
    with pytest.raises(Fatal) as raised:
        async with judge_of(server):
            pass
    assert "pw" not in str(raised.value)


async def test_nobody_at_the_port_is_away(server: Loopback) -> None:
    await server.stop()
    async with judge_of(server) as judge:
        answer = await judge.verify(case(), "a", NEAR)
    assert (answer.kind, answer.tokens, answer.calls) == ("away", 0, 3)
    assert "no connection" in answer.reason


async def test_no_more_at_a_time_than_allowed(server: Loopback) -> None:
    server.delay, server.script = 0.02, ["slow"]
    async with judge_of(server, concurrency=3) as judge:
        await asyncio.gather(*(judge.verify(case(f"text {i}"), "a", NEAR) for i in range(20)))
    assert server.most_at_a_time == 3


async def test_no_request_begins_that_might_be_cut_off_in_the_middle(server: Loopback) -> None:
    server.script, server.delay = ["slow"], 0.2
    patience = Patience(total=1.0, attempts=3, first=0.01, longest=0.05, jitter=0.01)
    async with judge_of(server, concurrency=1, timeout=0.5, patience=patience) as judge:
        answers = await asyncio.gather(
            *(judge.verify(case(f"text {i}"), "a", NEAR) for i in range(9))
        )
    unasked = [answer for answer in answers if answer.kind is not None]
    assert {(answer.kind, answer.calls, answer.tokens) for answer in unasked} == {("away", 0, 0)}
    assert 0 < len(server.requests) == len(answers) - len(unasked) < 9


async def test_a_request_may_not_take_as_long_as_a_question(server: Loopback) -> None:
    with pytest.raises(ValueError, match="below"):
        async with judge_of(server, timeout=20.0):
            pass


async def test_no_more_a_minute_than_allowed(server: Loopback) -> None:
    async with judge_of(server, per_minute=3_000) as judge:  # 50 a second, 50 at once
        begun = time.monotonic()
        await asyncio.gather(*(judge.verify(case(f"text {i}"), "a", NEAR) for i in range(75)))
        assert time.monotonic() - begun > 0.45


async def test_the_budget_refuses_before_anything_is_sent(server: Loopback) -> None:
    async with judge_of(server, caps={"day": Cap(calls=2)}) as judge:
        answers = await asyncio.gather(
            *(judge.verify(case(f"text {i}"), "a", NEAR) for i in range(5))
        )
    assert sorted(answer.kind or "" for answer in answers) == ["", "", *["budget"] * 3]
    assert len(server.requests) == 2


async def test_a_budget_used_up_for_good_is_left_to_a_person(server: Loopback) -> None:
    async with judge_of(server, caps={"all": Cap(money=0.002)}, price=Price(1.0, 2.0)) as judge:
        kinds = [(await judge.verify(case(f"text {i}"), "a", NEAR)).kind for i in range(9)]
        assert judge.status()["money"] == pytest.approx(kinds.count(None) * 380e-6)
    assert kinds == [None] * kinds.count(None) + ["spent"] * kinds.count("spent")
    assert 1 <= kinds.count(None) <= 5


async def test_after_many_failures_the_endpoint_is_left_alone(server: Loopback) -> None:
    server.script = ["500"]
    async with judge_of(server) as judge:
        answers = [await judge.verify(case(f"text {i}"), "a", NEAR) for i in range(20)]
        status = judge.status()
    assert {answer.kind for answer in answers} == {"away"}
    assert len(server.requests) == 10
    assert (status["circuit"], status["circuit_opened"]) == ("open", 1)
    assert "left alone" in answers[-1].reason


async def test_nobody_queues_for_an_endpoint_that_is_left_alone(server: Loopback) -> None:
    server.script = ["500"]
    async with judge_of(server, per_minute=600) as judge:  # ten at once, then ten a second
        for number in range(4):
            await judge.verify(case(f"text {number}"), "a", NEAR)
        begun = time.monotonic()
        for number in range(20):
            assert (await judge.verify(case(f"text {number}"), "a", NEAR)).kind == "away"
        assert time.monotonic() - begun < 0.5
