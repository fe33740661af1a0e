"""What follows from a record carries its trace context; what is none is not carried."""

import json

import pytest

from streams.delivery import deliver
from streams.errors import Unreadable
from streams.stage import Delivered, Outgoing, dead_letter
from streams.topology import DEADLETTERS, JUDGE, LABELED, TEXTS, UNCERTAIN, VERDICTS
from streams.trace import about, carried, context_of, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def record(topic: str, key: bytes | None, value: bytes, **headers: str) -> Delivered:
    return Delivered(topic, 0, 7, key, value, headers)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT.upper(),
        f"{PARENT}\n",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"x{PARENT}",
        "\udcff" * 55,
    ],
)
def test_what_is_no_trace_context_does_not_travel(parent: str) -> None:
    assert context_of({"traceparent": parent, "tracestate": "a=b"}) == {}
    assert trace_id({"traceparent": parent}) is None


def test_state_travels_only_where_it_is_short_and_plain() -> None:
    for state, kept in (("a=b", True), ("", False), ("x" * 513, False), ("a\n", False)):
        found = context_of({"traceparent": PARENT, "tracestate": state})
        assert found == {"traceparent": PARENT, **({"tracestate": state} if kept else {})}


def test_each_answer_carries_the_context_of_its_own_text() -> None:
    batch = [
        record(UNCERTAIN.name, b"A", b"{}", traceparent=PARENT, own="x"),
        record(UNCERTAIN.name, b"B", b"{}"),
    ]
    answers = [
        Outgoing(VERDICTS.name, b"B", b"{}"),
        Outgoing(LABELED.name, b"A", b"{}", {"redstream-x": "1"}),
        Outgoing(VERDICTS.name, None, b"{}"),
    ]
    first, second, third = carried(batch, answers)
    assert first.headers == third.headers == {}
    assert second.headers == {"redstream-x": "1", "traceparent": PARENT}


def test_a_text_without_a_key_is_known_by_the_id_that_it_gets() -> None:
    value = json.dumps({"id": "T1", "text": "no sound"}).encode()
    text = record(TEXTS.name, None, value, traceparent=PARENT)
    [answer] = carried([text], [Outgoing(LABELED.name, b"T1", b"{}")])
    assert answer.headers == {"traceparent": PARENT}
    assert about(text) == {"record": "texts/0/7", "text_id": "T1", "trace_id": TRACE}


def test_where_nothing_is_traced_answers_are_as_they_were() -> None:
    answers = [Outgoing(LABELED.name, b"A", b"{}")]
    assert carried([record(UNCERTAIN.name, b"A", b"{}")], answers)[0] is answers[0]


class Refuses:
    """A stage that can use nothing: it says so itself, or fails."""

    spec = JUDGE

    def __init__(self, *, itself: bool) -> None:
        self._itself = itself

    async def handle(self, batch: list[Delivered]) -> list[Outgoing]:
        if self._itself:
            return [dead_letter(one, "judge", Unreadable("no record")) for one in batch]
        raise Unreadable("no record")

    async def start(self, reader: object) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize("itself", [True, False])
async def test_a_dead_letter_carries_the_context_of_its_record(itself: bool) -> None:
    batch = [
        record(UNCERTAIN.name, None, b"\xff", traceparent=PARENT),
        Delivered(UNCERTAIN.name, 0, 8, b"B", b"\xff"),
    ]
    letters = await deliver(Refuses(itself=itself), batch)
    assert [one.topic for one in letters] == [DEADLETTERS.name] * 2
    assert [dict(one.headers) for one in letters] == [{"traceparent": PARENT}, {}]
