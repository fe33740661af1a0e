"""The contract of the runners: what they do when a stage fails, waits or is stopped."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import pytest

from models.errors import Fatal, Permanent, Transient
from streams.errors import NotYet
from streams.stage import Delivered, Outgoing, Reader
from streams.topology import DEADLETTERS, LABELED, MARKS, RETRAIN, TEXTS, UNCERTAIN, VERDICTS
from tests.contract.runner_harness import Harness, Produced
from tests.contract.runner_stages import Copy, Numbers, by_key, copy, letters, some, spec_of, values


async def test_a_fatal_error_stops_the_run_and_loses_nothing(harness: Harness) -> None:
    def refuse(batch: Sequence[Delivered]) -> None:
        if b"value 6" in values(batch):
            raise Fatal("the disk is on fire: buy another")

    await harness.produce(TEXTS.name, sent := some(12))
    bystander = Copy(spec_of("bystander", RETRAIN), UNCERTAIN)
    with pytest.raises(Fatal, match="the disk is on fire: buy another"):
        await harness.run([stage := copy(refuse), bystander])
    assert (stage.ended, bystander.ended) == (1, 1)
    assert harness.read(DEADLETTERS.name) == []
    harness.restart()
    await harness.run([copy()])
    assert by_key(harness.read(LABELED.name)) == by_key(sent)


async def test_a_record_that_can_never_be_used_becomes_a_dead_letter(harness: Harness) -> None:
    def refuse(batch: Sequence[Delivered]) -> None:
        if any(record.value == b"\xff bad" for record in batch):
            raise Permanent("this is no text: send another")

    good = some(6)
    bad: Produced = (b"bad \xff key", b"\xff bad", {"source": "file:4"})
    await harness.produce(TEXTS.name, [*good[:3], bad, *good[3:]])
    assert await harness.run([copy(refuse)]) is True

    (letter,) = letters(harness)
    assert letter.original() == b"\xff bad"
    assert letter.original_key() == b"bad \xff key"
    assert letter.headers == {"source": "file:4"}
    assert (letter.stage, letter.error) == ("copy", "Permanent")
    assert letter.message == "this is no text: send another"
    (source,) = [r for r in harness.read(TEXTS.name) if r.value == b"\xff bad"]
    assert (letter.topic, letter.partition, letter.offset) == (
        TEXTS.name,
        source.partition,
        source.offset,
    )
    assert harness.read(DEADLETTERS.name)[0].key == source.position.encode()
    assert by_key(harness.read(LABELED.name)) == by_key(good)


async def test_an_unexpected_error_costs_only_the_record_that_has_it(harness: Harness) -> None:
    def stumble(batch: Sequence[Delivered]) -> None:
        if b"value 2" in values(batch):
            raise ZeroDivisionError("a bug")

    await harness.produce(TEXTS.name, some(7))
    assert await harness.run([copy(stumble)]) is True
    (letter,) = letters(harness)
    assert (letter.original(), letter.error) == (b"value 2", "ZeroDivisionError")
    assert letter.message == "ZeroDivisionError: a bug"
    assert len(harness.read(LABELED.name)) == 6


class Total:
    """Adds numbers to the total it last committed, as the trainer does with lessons."""

    spec = spec_of("total", TEXTS)

    async def start(self, reader: Reader) -> None:
        self._reader = reader

    async def close(self) -> None: ...

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        last = self._reader.newest(MARKS.name, b"total")
        total = int(last.value or 0) if last else 0
        total += sum(int(record.value or 0) for record in batch)
        return [Outgoing(MARKS.name, b"total", b"%d" % total)]


async def test_a_bad_record_costs_no_other_where_a_stage_builds_on_what_it_committed(
    harness: Harness,
) -> None:
    numbers = [b"1", b"20", b"bad", b"300", b"4000", b"50000"]
    await harness.produce(TEXTS.name, [(None, number, {}) for number in numbers])
    assert await harness.run([Total()]) is True
    assert [letter.original() for letter in letters(harness)] == [b"bad"]
    assert harness.read(MARKS.name)[-1].value == b"54321"


@pytest.mark.parametrize("error", [Transient("away"), OSError(28, "no space left on device")])
async def test_a_passing_error_is_tried_again_until_it_passes(
    harness: Harness, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.delivery.LONGEST_BACKOFF", 0.01)
    left = [error] * 5

    def stumble(batch: Sequence[Delivered]) -> None:
        if left:
            raise left.pop()

    await harness.produce(TEXTS.name, sent := some(4))
    assert await harness.run([stage := copy(stumble)]) is True
    assert stage.handled[:5] == [stage.handled[5]] * 5  # the rest may come in a batch of its own
    assert by_key(harness.read(LABELED.name)) == by_key(sent)
    assert harness.read(DEADLETTERS.name) == []


async def test_a_stage_whose_time_has_not_come_delays_only_itself(harness: Harness) -> None:
    asked: list[str] = []

    def wait(batch: Sequence[Delivered]) -> None:
        asked.append("slow")
        if asked.count("fast") < 2 or asked.count("slow") < 3:
            raise NotYet("too early", delay=0.1)

    slow = Copy(spec_of("slow", UNCERTAIN), VERDICTS, wait)
    fast = Copy(spec_of("fast", TEXTS, batch=3), LABELED, lambda batch: asked.append("fast"))
    await harness.produce(UNCERTAIN.name, some(2))
    await harness.produce(TEXTS.name, some(6))
    assert await harness.run([fast, slow]) is True
    assert len(harness.read(VERDICTS.name)) == 2
    assert len(harness.read(LABELED.name)) == 6
    assert harness.read(DEADLETTERS.name) == []


async def test_a_source_that_fails_ends_the_run(harness: Harness) -> None:
    class Broken(Numbers):
        def take(self, limit: int) -> list[Outgoing]:
            raise Fatal("there is no column 'text'")

    with pytest.raises(Fatal, match="no column 'text'"):
        await harness.run([stage := copy()], Broken(1))
    assert stage.ended == 1


async def test_stopped_it_finishes_the_batch_in_hand_and_a_later_run_goes_on(
    harness: Harness,
) -> None:
    stops: list[Callable[[], None]] = []
    await harness.produce(TEXTS.name, sent := some(20))
    stopped = copy(lambda batch: stops[0]())
    assert await harness.run([stopped], started=stops.append) is False
    assert len(stopped.handled) == 1
    assert values(harness.read(LABELED.name)) == values(stopped.handled[0])
    harness.restart()
    assert await harness.run([copy()]) is True
    assert by_key(harness.read(LABELED.name)) == by_key(sent)


@pytest.mark.parametrize(
    "error", [NotYet("too early", delay=600.0), Transient("the judge is away")]
)
async def test_a_stop_does_not_wait_for_what_is_waiting(harness: Harness, error: Exception) -> None:
    """A judge that is away for an hour must not keep a person from ending the program."""

    def wait(batch: Sequence[Delivered]) -> None:
        raise error

    def stop_soon(stop: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(0.3, stop)

    await harness.produce(TEXTS.name, some(1))
    began = time.monotonic()
    assert await harness.run([copy(wait)], started=stop_soon) is False
    assert time.monotonic() - began < 2 + harness.longest_start
    await harness.run([copy()])
    assert len(harness.read(LABELED.name)) == 1


async def test_a_fatal_error_does_not_wait_for_what_is_waiting(harness: Harness) -> None:
    """One stage tries a passing trouble again without end; another finds that going on is wrong."""

    def away(batch: Sequence[Delivered]) -> None:
        raise Transient("away")

    tries = []

    def broken(batch: Sequence[Delivered]) -> None:
        tries.append(len(batch))
        raise Fatal("stop everything")

    await harness.produce(TEXTS.name, some(1))
    await harness.produce(RETRAIN.name, some(1))
    stages = [copy(away), Copy(spec_of("broken", RETRAIN), UNCERTAIN, broken)]
    with pytest.raises(Fatal, match="stop everything"):
        await harness.run(stages)
    assert tries == [1]


@pytest.mark.parametrize("seed", range(3))
async def test_a_run_that_dies_at_random_batches_loses_nothing(harness: Harness, seed: int) -> None:
    """The worst moment: the outputs are computed, nothing is published."""
    chance = random.Random(seed)

    def die(batch: Sequence[Delivered]) -> None:
        if chance.random() < 0.2:
            raise Fatal("killed")

    await harness.produce(TEXTS.name, sent := some(harness.many, keys=7))
    for _ in range(200):
        first = Copy(spec_of("first", TEXTS, batch=3), UNCERTAIN, die)
        second = Copy(spec_of("second", UNCERTAIN, batch=5), VERDICTS, die)
        try:
            await harness.run([first, second])
            break
        except Fatal:
            harness.restart()
    found = by_key(harness.read(VERDICTS.name))
    # At least once: a record may come twice, its first arrival keeps the order of its key.
    assert {key: list(dict.fromkeys(found[key])) for key in found} == by_key(sent)
