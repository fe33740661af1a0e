"""Texts from outside: what becomes a text, and what the sender of anything else is told."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import Permanent
from streams.errors import TooLarge, Unreadable
from streams.incoming import LONGEST_ID, SOURCE_HEADER, read_text
from streams.records import Text, Uncertain
from tests.unit.streams import make

MAX_TEXT = 1_000


def read(value: bytes | None, position: str = "texts/0/7", **headers: str) -> Text:
    named = {SOURCE_HEADER: headers["source"]} if headers else {}
    return read_text(value, position, named, max_text=MAX_TEXT)


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (None, Unreadable, "an empty line"),
        (b"", Unreadable, "an empty line"),
        (b" \t ", Unreadable, "an empty line"),
        (b"hello", Unreadable, "not JSON: expected value at line 1 column 1"),
        (b'{"text": "cut of', Unreadable, "not JSON: EOF while parsing a string"),
        (b'{"text": "a"} {"text": "b"}', Unreadable, "not JSON: trailing characters"),
        (b'{"text": "bad \xff utf-8"}', Unreadable, "not JSON: invalid unicode"),
        (b'{"text": "lone \\ud800"}', Unreadable, "not JSON: .* hex escape"),
        (b'{"text": "raw \x00"}', Unreadable, "not JSON: control character"),
        (b'{"text": "a", "x": NaN}', Unreadable, "not JSON: expected value"),
        (b'{"text": "a", "x": Infinity}', Unreadable, "not JSON: expected value"),
        (b'{"text": "a", "x": ' + b"[" * 400, Unreadable, "not JSON: recursion limit"),
        (b"[]", Unreadable, "not a JSON object but list"),
        (b'"text"', Unreadable, "not a JSON object but str"),
        (b"null", Unreadable, "not a JSON object but NoneType"),
        (b"{}", Unreadable, "the field 'text' is missing"),
        (b'{"text": null}', Unreadable, "the field 'text' is missing"),
        (b'{"Text": "a"}', Unreadable, "the field 'text' is missing"),
        (b'{"text": 5}', Unreadable, "the field 'text' is int, not a string"),
        (b'{"text": ["a"]}', Unreadable, "the field 'text' is list, not a string"),
        (b'{"text": ""}', Unreadable, "the field 'text' is empty"),
        (b'{"text": " \\n\\u2003"}', Unreadable, "the field 'text' is empty"),
        (line(text="a", id=""), Unreadable, "the field 'id' must be 1 to 200 printable"),
        (line(text="a", id="  "), Unreadable, "the field 'id' must be 1 to 200 printable"),
        (line(text="a", id="a\nb"), Unreadable, "the field 'id' must be 1 to 200 printable"),
        (line(text="a", id="\0"), Unreadable, "the field 'id' must be 1 to 200 printable"),
        (line(text="a", id="x" * 201), Unreadable, "the field 'id' must be 1 to 200 printable"),
        (line(text="a", id=1.5), Unreadable, "the field 'id' is float, not a string"),
        (line(text="a", id=True), Unreadable, "the field 'id' is bool, not a string"),
        (line(text="a", id=["a"]), Unreadable, "the field 'id' is list, not a string"),
        (line(text="a", id=10**300), Unreadable, "the field 'id' must be 1 to 200 printable"),
        (line(text="x" * 1_001), TooLarge, r"1001 characters; the limit is 1000 \(REDSTREAM_MAX"),
        (line(text="x" * 2**20), TooLarge, r"1048588 bytes; the limit is 16000 \(REDSTREAM_MAX"),
        (b"\xff" * 2**20, TooLarge, r"1048576 bytes; the limit is 16000 \(REDSTREAM_MAX"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(
    value: bytes | None, error: type[Permanent], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(value)


def test_a_text_of_the_greatest_length_is_taken_whatever_its_script() -> None:
    for words in ("x" * MAX_TEXT, "🔥" * MAX_TEXT):
        assert read(line(text=words)).text == words


def test_the_text_is_kept_as_it_was_written() -> None:
    words = "  Grüße,\n\tmy \u0000 printer 🔥\r\n "
    assert read(line(text=words)).text == words


@pytest.mark.parametrize(
    ("given", "usable"), [("T1", "T1"), (17, "17"), (" T1 ", "T1"), ("x" * LONGEST_ID, "x" * 200)]
)
def test_a_given_id_is_the_id(given: object, usable: str) -> None:
    assert read(line(text="a", id=given), source="file:3").id == usable


def test_without_an_id_it_is_derived_from_the_source() -> None:
    first = read(line(text="a"), position="texts/0/7", source="/data/mail.jsonl:3")
    again = read(line(text="b", id=None), position="texts/0/99", source="/data/mail.jsonl:3")
    assert first.id == again.id == "964a768e-aaef-5f1f-bea0-0494e9f38832"
    assert first.source == "/data/mail.jsonl:3"


def test_without_a_source_it_is_derived_from_the_position() -> None:
    assert read(line(text="a")).id == "200d3579-17cd-592f-adc4-ec95bedd79d7"
    assert read(line(text="a")).source == "texts/0/7"
    assert read(line(text="a"), position="texts/0/8").id != read(line(text="a")).id


def test_two_people_may_write_the_same_words() -> None:
    first, second = read(line(text="a"), source="file:1"), read(line(text="a"), source="file:2")
    assert first.id != second.id
    assert first.content == second.content


def test_unknown_fields_become_attributes_and_come_out_again() -> None:
    unknown = {
        "channel": "mail",
        "customer": {"name": "Odile", "tags": ["a", None, True, 1.5]},
        "nothing": None,
        "attributes": {"x": 1},
        "source": "theirs",
        "received": "yesterday",
        "ключ": "значение",
    }
    text = read(line(text="a", id="T1", **unknown))
    event = make.labeled(text=text)
    assert type(event).decode(event.encode()).attributes == unknown


def test_of_a_field_given_twice_the_last_counts() -> None:
    assert read(b'{"text": "first", "text": "last", "id": 1, "id": 2}').text == "last"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400, "0.1", "1E5", "-0.0"])
def test_a_number_comes_out_as_it_came_in_or_is_refused(number: str) -> None:
    """JSON sets no limit to a number; what we cannot carry we must not change in silence."""
    try:
        text = read(b'{"text": "a", "x": ' + number.encode() + b"}")
    except Unreadable:
        return
    assert Text.decode(text.encode()).attributes["x"] == json.loads(number, parse_float=float)
    assert b"null" not in text.encode()


@pytest.mark.parametrize("depth", [1, 100, 190, 197, 198, 199, 200, 201])
def test_whatever_is_taken_can_be_read_again_further_on(depth: int) -> None:
    """A text deep in a record lies deeper than on its own line."""
    try:
        text = read(b'{"text": "a", "x": ' + b"[" * depth + b"]" * depth + b"}")
    except Unreadable:
        return
    case = make.uncertain(text=text)
    assert Uncertain.decode(case.encode()) == case
    verdict = make.undecided(case)
    assert type(verdict).decode(verdict.encode()) == verdict


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
lines = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"text": st.text() | json_values}, optional={"id": st.text() | json_values}
    ).map(lambda fields: json.dumps(fields).encode())
)


@settings(deadline=None)
@given(lines)
@example(b'{"text": "a", "id": ' + b"9" * 4_400 + b"}")
@example(b'{"text": "a", "\xed\xa0\x80": 1}')
@example(b"\xef\xbb\xbf" + b'{"text": "a"}')
@example(b'{"text": "a", "x": ' * 300)
def test_any_bytes_are_a_text_or_a_reason_why_not(value: bytes) -> None:
    try:
        text = read(value)
    except Permanent:
        return
    assert text.text.strip()
    assert 1 <= len(text.id) <= LONGEST_ID
    assert len(text.content) == 16
    assert Text.decode(text.encode()).id == text.id
