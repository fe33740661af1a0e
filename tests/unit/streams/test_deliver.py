"""How errors of a stage are answered, and what a dead letter holds."""

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import version

import pytest

from models.errors import Fatal, Permanent, Transient
from streams.delivery import deliver
from streams.errors import IdConflict, NotYet, TooLarge, Unreadable
from streams.records import DeadLetter
from streams.stage import ERASED, Delivered, Outgoing, Reader, dead_letter, sort_out
from streams.topology import (
    CLASSIFY,
    DEADLETTERS,
    DRIFT,
    LABELED,
    LABELED_LATEST,
    RETRAIN,
    TEXTS,
    VERDICTS,
)
from tests.unit.streams import make


class Upper:
    """Passes texts on in capitals, after `trouble`."""

    spec = CLASSIFY

    def __init__(self, trouble: Callable[[Sequence[Delivered]], None]) -> None:
        self._trouble = trouble

    async def start(self, reader: Reader) -> None: ...

    async def close(self) -> None: ...

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        self._trouble(batch)
        return [Outgoing(LABELED.name, d.key, (d.value or b"").upper()) for d in batch]


def failing_on(value: bytes, error: Exception) -> Upper:
    def trouble(batch: Sequence[Delivered]) -> None:
        if any(record.value == value for record in batch):
            raise error

    return Upper(trouble)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waits


async def test_a_record_that_fails_alone_is_the_only_dead_letter() -> None:
    stage = failing_on(b"b", Permanent("no good"))
    outputs = await deliver(stage, make.batch(TEXTS, b"a", b"b", b"c"))
    assert [o.value for o in outputs if o.topic == LABELED.name] == [b"A", b"C"]
    (letter,) = make.of(DEADLETTERS, outputs)
    assert (letter.position, letter.original(), letter.error) == ("texts/0/1", b"b", "Permanent")


async def test_a_batch_of_nothing_but_bugs_is_as_many_dead_letters() -> None:
    def fail(batch: Sequence[Delivered]) -> None:
        raise ValueError("a bug")

    outputs = await deliver(Upper(fail), make.batch(TEXTS, b"a", b"b", b"c"))
    letters = make.of(DEADLETTERS, outputs)
    assert [(letter.offset, letter.error) for letter in letters] == [
        (0, "ValueError"),
        (1, "ValueError"),
        (2, "ValueError"),
    ]
    assert len(outputs) == 3


@pytest.mark.parametrize("error", [Fatal("stop"), NotYet("later", delay=3.0)])
async def test_fatal_and_not_yet_are_for_the_runner(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await deliver(failing_on(b"b", error), make.batch(TEXTS, b"a", b"b"))
    assert caught.value is error


async def test_a_passing_trouble_is_tried_again_less_and_less_often(
    no_waiting: list[float],
) -> None:
    left = [Transient("away")] * 12

    def trouble(batch: Sequence[Delivered]) -> None:
        if left:
            raise left.pop()

    outputs = await deliver(Upper(trouble), make.batch(TEXTS, b"a"))
    assert [o.value for o in outputs] == [b"A"]
    assert no_waiting == sorted(no_waiting)
    assert (no_waiting[0], no_waiting[-1], len(no_waiting)) == (0.2, 10.0, 12)


async def test_a_trouble_of_half_a_day_is_still_a_passing_one(no_waiting: list[float]) -> None:
    left = [Transient("away")] * 4_000

    def trouble(batch: Sequence[Delivered]) -> None:
        if left:
            raise left.pop()

    outputs = await deliver(Upper(trouble), make.batch(TEXTS, b"a"))
    assert [o.topic for o in outputs] == [LABELED.name]
    assert sum(no_waiting) > 11 * 3_600


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (Unreadable("not JSON"), "Unreadable", "not JSON"),
        (TooLarge("9 bytes; the limit is 8"), "TooLarge", "9 bytes; the limit is 8"),
        (IdConflict("id 'a' is taken"), "IdConflict", "id 'a' is taken"),
        (KeyError("b"), "KeyError", "KeyError: 'b'"),
    ],
)
def test_a_dead_letter_says_what_where_and_why(error: Exception, kind: str, message: str) -> None:
    record = Delivered("texts", 2, 17, b"\xffkey", b"\x00\xfe", {"source": "file:3"})
    published = dead_letter(record, "classify", error, attempt=4)
    letter = DeadLetter.decode(published.value)
    assert (published.topic, published.key) == (DEADLETTERS.name, b"texts/2/17")
    assert (letter.topic, letter.partition, letter.offset) == ("texts", 2, 17)
    assert (letter.original(), letter.original_key()) == (b"\x00\xfe", b"\xffkey")
    assert (letter.headers, letter.stage, letter.attempt) == ({"source": "file:3"}, "classify", 4)
    assert (letter.error, letter.message) == (kind, message)
    assert letter.version == version("redstream")
    assert letter.requeued is None


def test_a_record_without_key_or_value_has_a_dead_letter_too() -> None:
    published = dead_letter(Delivered("texts", 0, 0, None, None), "classify", Unreadable("empty"))
    letter = DeadLetter.decode(published.value)
    assert (letter.original(), letter.original_key()) == (b"", None)


def test_sorting_out_keeps_what_can_be_read() -> None:
    def read(delivered: Delivered) -> int:
        if not (delivered.value or b"").isdigit():
            raise Unreadable("no number")
        return int(delivered.value or b"")

    batch = make.batch(TEXTS, b"1", b"x", b"3")
    readable, dead = sort_out(batch, "classify", read)
    assert readable == [(batch[0], 1), (batch[2], 3)]
    assert [letter.position for letter in make.of(DEADLETTERS, dead)] == ["texts/0/1"]


def test_what_was_erased_is_passed_over_and_a_text_sent_without_a_value_is_not() -> None:
    def read(delivered: Delivered) -> bytes:
        if delivered.value is None:
            raise Unreadable("nothing")
        return delivered.value

    sent = [make.delivered(TEXTS, None, 1, b"k"), make.delivered(TEXTS, None, 2)]
    erased = make.delivered(TEXTS, None, 3, **{ERASED: ""})
    by_key = (LABELED_LATEST, RETRAIN, VERDICTS, DRIFT)
    removed = [make.delivered(topic, None, 4, b"T0001") for topic in by_key]
    readable, dead = sort_out([*sent, erased, *removed], "classify", read)
    assert readable == []
    assert [letter.position for letter in make.of(DEADLETTERS, dead)] == ["texts/0/1", "texts/0/2"]


def test_sorting_out_does_not_hide_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        sort_out(make.batch(TEXTS, b"1"), "classify", lambda delivered: 1 // 0)
