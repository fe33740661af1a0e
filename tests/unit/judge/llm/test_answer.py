"""What counts as an answer, and what is scrubbed from what a server says."""

import email.utils
import time

import pytest
from pydantic import SecretStr

from judge.llm.answer import LONGEST, LONGEST_REASON, Malformed, Said, parse
from judge.llm.dialect import content_of
from judge.llm.failure import LONGEST_RETRY_AFTER, Scrub, retry_after

ALLOWED = {"valid": "a", "invalid": "a"}
OFFERED = {"1": "n1", "2": "n2"}


@pytest.mark.parametrize(
    "content",
    [
        '{"evidence": [1], "reason": "why", "answer": "valid"}',
        ' \n{"answer": "valid", "reason": "why", "evidence": ["1", 1], "sure": 0.9}\n',
        '```json\n{"evidence": [1, 9, true, [2], 1.0], "reason": "why", "answer": "valid"}\n```',
        '<think>{"answer": "invalid"}</think>\n{"evidence":[1],"reason":"why","answer":"valid"}',
    ],
)
def test_one_object_with_an_allowed_answer_is_a_verdict(content: str) -> None:
    assert parse(content, ALLOWED, OFFERED) == Said("valid", "why", ("n1",))


@pytest.mark.parametrize(
    "content",
    [
        *("", "valid", "invalid", '"valid"', "null", "[]", "{}", '{"answer": "valid"', "{{}}"),
        *('{"answer": "valid"} {"answer": "valid"}', 'Sure! {"answer": "valid"}'),
        *('{"answer": "valid", "answer": "invalid"}', '{"verdict": "valid"}', "NaN", "1" * 5_000),
        *('{"answer": ["valid"]}', '[{"answer": "valid"}]', "[" * 10_000, '{"Answer": "valid"}'),
        '{"answer": "valid", "reason": "' + "x" * LONGEST + '"}',
        '<think>so {"answer": "valid"}',
        '{"reason": {"a": 1, "a": 2}, "answer": "valid"}',
    ],
)
def test_everything_else_is_none(content: str) -> None:
    with pytest.raises(Malformed):
        parse(content, ALLOWED, OFFERED)


def test_odd_reasons_and_evidence_do_not_cost_the_verdict() -> None:
    for rest in ('"reason": 5, "evidence": 7', '"reason": null, "evidence": [{}]', '"x": 1'):
        said = parse(f'{{"answer": "invalid", {rest}}}', ALLOWED, OFFERED)
        assert said == Said("invalid", "", ())


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"content": "x"}, "x"),
        ({"content": "x", "tool_calls": []}, "x"),
        ({"content": "x", "tool_calls": [{"function": {"arguments": "y"}}]}, "y"),
        *(({"content": odd}, "") for odd in (None, 5, ["x"], {"text": "x"})),
        *(({"tool_calls": odd}, "") for odd in ([5], [{}], [{"function": 5}], [{}, {}], "x")),
        *((odd, "") for odd in (None, [], "x")),
    ],
)
def test_a_message_of_any_shape_is_read(message: object, said: str) -> None:
    assert content_of(message) == said


def test_a_reason_is_one_short_printable_line() -> None:
    content = '{"answer": "valid", "reason": "a\\n\\u001b[31mb\\u202e ' + "x" * 999 + '"}'
    reason = parse(content, ALLOWED, OFFERED).reason
    assert reason.startswith("a [31mb x")
    assert len(reason) == LONGEST_REASON
    assert reason.isprintable()


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: sk-secret/+key.",
        "got 'Authorization: Bearer sk-secret/+key'",
        "GET /v1?key=sk-secret%2F%2Bkey",
        "Incorrect API key provided: sk-sec**********+key.",
        "Bearer other-token is expired",
        "key sk-proj-abcdef012345 has no access",
    ],
)
def test_keys_are_scrubbed_from_what_a_server_says(said: str) -> None:
    clean = Scrub(SecretStr("sk-secret/+key"))(said)
    assert "***" in clean
    for part in ("secret", "+key", "%2Bkey", "other-token", "abcdef"):
        assert part not in clean


def test_scrubbing_a_long_message_is_quick() -> None:
    begun = time.monotonic()
    Scrub(SecretStr("key"))("x" * 1_000_000)
    assert time.monotonic() - begun < 1


def test_what_a_server_says_is_one_short_line() -> None:
    assert Scrub(SecretStr(""))("a\nb\x1b[0m " + "x" * 999) == ("a b[0m " + "x" * 999)[:200]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "99999999"}, LONGEST_RETRY_AFTER),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_retry_after_is_read_within_reason(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert retry_after({"retry-after": date}) == pytest.approx(30, abs=2)
