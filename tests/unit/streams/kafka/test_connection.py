"""What our topics and groups are called on the brokers, and how records come from there."""

from types import SimpleNamespace

import pytest

from streams.kafka.connection import Connection, headers_of, headers_to

CONNECTION = Connection("127.0.0.1:9092", "shop.")


def test_topics_and_groups_have_the_prefix_and_lose_it_again() -> None:
    assert CONNECTION.topic("texts") == "shop.texts"
    assert CONNECTION.group("classify") == "shop.classify"
    assert CONNECTION.name(CONNECTION.topic("shop.texts")) == "shop.texts"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"source": "file:1", "ünïcode": "✓", "empty": ""},
        {"not utf-8": b"\xff\xfe \x80".decode("utf-8", "surrogateescape")},
    ],
)
def test_headers_travel_and_come_back(headers: dict[str, str]) -> None:
    there = headers_to(headers)
    assert all(isinstance(value, bytes) for _, value in there)
    assert headers_of(there) == headers_of(dict(there)) == headers


def test_bytes_that_are_no_utf_8_travel_on_as_they_came() -> None:
    came = [("trace", b"\x00\xff\xfe"), ("name", "✓".encode())]
    assert headers_to(headers_of(came)) == came


def test_a_header_without_a_value_is_empty() -> None:
    assert headers_of([("flag", None)]) == {"flag": ""}
    assert headers_of(None) == {}


def test_a_record_keeps_its_bytes_and_its_place() -> None:
    record = SimpleNamespace(
        topic="shop.texts",
        partition=2,
        offset=7,
        key=None,
        value=b"\xff",
        headers=(("source", b"file:1"),),
        timestamp=1_500,
    )
    delivered = CONNECTION.delivered(record, 1.5)
    assert delivered.position == "texts/2/7"
    assert (delivered.key, delivered.value, delivered.at) == (None, b"\xff", 1.5)
    assert delivered.headers == {"source": "file:1"}
