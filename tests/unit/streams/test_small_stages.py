"""later, remember and the ledger's stage: what each batch of theirs leads to."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from judge.memory_store import MemoryExampleStore
from models.errors import Fatal, Transient
from streams.asking import BACKLOG
from streams.delivery import deliver
from streams.embedded.log import SqliteLog
from streams.errors import NotYet
from streams.feed import MANIFEST, PART
from streams.ledger import Ledger
from streams.records import Authority, Uncertain
from streams.stage import Delivered, Outgoing
from streams.stages.later import LONGEST_SECONDS, Later
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.topology import (
    DEADLETTERS,
    JUDGE,
    LABELED,
    LABELED_LATEST,
    LATER,
    LEDGER,
    MODELS,
    RECHECK,
    RETRAIN,
    UNCERTAIN,
    UNCERTAIN_LATER,
    VERDICTS,
)
from streams.wire import Vector
from tests.unit.streams import make

# later


def due(id: str, seconds: float) -> Uncertain:
    return make.uncertain(id, due=time.time() + seconds, attempt=2)


async def test_a_case_that_is_due_goes_back_to_the_judge_as_it_is() -> None:
    case = due("t1", -1)
    out = await Later().handle(make.batch(UNCERTAIN_LATER, case))
    assert make.of(UNCERTAIN, out) == [case]
    assert out[0].key == b"t1"


async def test_a_case_that_is_not_due_is_asked_for_again_when_it_is() -> None:
    with pytest.raises(NotYet) as caught:
        await Later().handle(make.batch(UNCERTAIN_LATER, due("t1", 60)))
    assert 59 < caught.value.delay <= 60


async def test_a_case_waits_while_the_judge_has_enough_to_do(log: SqliteLog) -> None:
    stage = Later()
    await stage.start(log)
    batch = make.batch(UNCERTAIN_LATER, due("t1", -1))
    log.append([Outgoing(UNCERTAIN.name, b"t", b"case")] * BACKLOG)
    with pytest.raises(NotYet):
        await stage.handle(batch)
    log.commit(JUDGE.name, log.read(JUDGE.name, [UNCERTAIN.name], BACKLOG), [])
    assert len(make.of(UNCERTAIN, await stage.handle(batch))) == 1


async def test_a_clock_set_back_keeps_a_case_no_longer_than_the_longest_wait() -> None:
    now = 0.0
    stage = Later(lambda: now)
    batch = make.batch(UNCERTAIN_LATER, due("t1", 3_600))
    with pytest.raises(NotYet) as caught:
        await stage.handle(batch)
    assert caught.value.delay == LONGEST_SECONDS
    now = LONGEST_SECONDS - 1
    with pytest.raises(NotYet) as caught:
        await stage.handle(batch)
    assert caught.value.delay == 1
    now = LONGEST_SECONDS
    assert len(make.of(UNCERTAIN, await stage.handle(batch))) == 1


async def test_the_loop_turns_while_brokers_that_are_away_are_asked() -> None:
    over = threading.Event()

    class Away(SqliteLog):
        distant = True

        def __init__(self) -> None: ...

        def waiting(self, group: str, topics: Sequence[str]) -> int:
            assert over.wait(10)  # nobody would set it, did this keep the loop
            raise Transient("no answer")

    stage = Later()
    await stage.start(Away())
    asked = asyncio.create_task(stage.handle(make.batch(UNCERTAIN_LATER, due("t1", -1))))
    await asyncio.sleep(0.01)
    over.set()
    with pytest.raises(Transient):
        await asked


async def test_what_cannot_be_read_does_not_wait() -> None:
    out = await Later().handle(make.batch(UNCERTAIN_LATER, b"no case"))
    assert [letter.stage for letter in make.of(DEADLETTERS, out)] == ["later"]


async def test_a_case_does_not_wait_for_those_that_came_after_it(log: SqliteLog) -> None:
    """An absent judge postpones case after case; the first must not wait for the last."""
    log.append(
        [
            Outgoing(UNCERTAIN_LATER.name, b"t", case.encode())
            for case in (due("first", -1), due("last", 300))
        ]
    )
    batch = log.read(LATER.name, [UNCERTAIN_LATER.name], LATER.batch)
    try:
        out = await Later().handle(batch)
    except NotYet as wait:
        pytest.fail(f"a case that is due would wait for {wait.delay:.0f} s")
    assert "first" in [case.text.id for case in make.of(UNCERTAIN, out)]


# remember


@pytest.fixture
def store() -> MemoryExampleStore:
    return MemoryExampleStore(2)


async def remembered(store: MemoryExampleStore) -> dict[str, str]:
    found = await store.nearest(np.array([1, 1], np.float32), 100)
    return {neighbour.id: neighbour.label for neighbour in found}


async def test_what_is_taught_is_remembered_by_its_id(store: MemoryExampleStore) -> None:
    batch = make.batch(RETRAIN, make.lesson("a"), make.lesson("b", "fire", kind="seed"))
    for _ in range(2):
        assert await Remember(store, make.feed()).handle(batch) == []
    assert await remembered(store) == {"a": "printer", "b": "fire"}


async def test_a_text_taught_again_moves_to_its_new_label(store: MemoryExampleStore) -> None:
    stage = Remember(store, make.feed())
    await stage.handle(make.batch(RETRAIN, make.lesson("a"), make.lesson("a", "fire")))
    assert await remembered(store) == {"a": "fire"}
    await stage.handle(make.batch(RETRAIN, make.lesson("a", "oven"), first=2))
    assert await remembered(store) == {"a": "oven"}


async def test_what_is_revoked_is_forgotten(store: MemoryExampleStore) -> None:
    stage = Remember(store, make.feed())
    gone = make.lesson("a", kind="revoked", embedding=None)
    await stage.handle(make.batch(RETRAIN, make.lesson("a"), make.lesson("b"), gone))
    assert await remembered(store) == {"b": "printer"}
    await stage.handle(make.batch(RETRAIN, make.lesson("b", kind="revoked", embedding=None)))
    assert await remembered(store) == {}


async def test_a_text_taught_after_its_revocation_is_remembered(store: MemoryExampleStore) -> None:
    gone = make.lesson("a", kind="revoked", embedding=None)
    await Remember(store, make.feed()).handle(make.batch(RETRAIN, gone, make.lesson("a")))
    assert await remembered(store) == {"a": "printer"}


@pytest.mark.parametrize(
    "broken",
    [
        b"no lesson",
        make.lesson("x", embedding=Vector(encoder="e", f16="AAA")).encode(),
        make.lesson("x", embedding=Vector.of(np.ones(3, np.float32), "e")).encode(),
    ],
)
async def test_a_lesson_that_cannot_be_remembered_costs_no_other(
    store: MemoryExampleStore, broken: bytes
) -> None:
    batch = make.batch(RETRAIN, make.lesson("a"), broken, make.lesson("b"))
    out = await deliver(Remember(store, make.feed()), batch)
    assert [letter.offset for letter in make.of(DEADLETTERS, out)] == [1]
    assert set(await remembered(store)) == {"a", "b"}


# ledger


@pytest.fixture
def ledger(tmp_var: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_var / "ledger.sqlite")) as opened:
        yield opened


@pytest.fixture
def stage(ledger: Ledger) -> LedgerStage:
    return LedgerStage(ledger)


def version(number: int, touched: list[str], offset: int = 0) -> Delivered:
    key = f"{MANIFEST}{number}".encode()
    return make.delivered(MODELS, make.manifest(number, touched), offset, key)


async def test_a_new_truth_is_published_and_a_stale_one_is_not(stage: LedgerStage) -> None:
    judged = make.labeled(label="fire", authority=Authority.JUDGE)
    out = await stage.handle(make.batch(LABELED, judged, make.labeled(decision=9)))
    assert make.of(LABELED_LATEST, out) == [judged]
    assert out[0].key == b"t1"


async def test_a_version_that_touched_a_held_text_asks_for_a_recheck(stage: LedgerStage) -> None:
    held = make.delivered(VERDICTS, make.undecided(make.uncertain()))
    out = await stage.handle([held, version(2, ["fire"])])
    (recheck,) = make.of(RECHECK, out)
    assert (recheck.text.id, recheck.model, out[0].key) == ("t1", 2, b"t1")


async def test_parts_of_a_model_are_passed_over(stage: LedgerStage) -> None:
    part = make.delivered(MODELS, b"\x93 no json", 0, f"{PART}aa".encode())
    gone = make.delivered(MODELS, None, 1, f"{MANIFEST}1".encode())
    assert await stage.handle([part, gone]) == []


async def test_a_lesson_that_cannot_be_read_is_left_to_the_trainer(stage: LedgerStage) -> None:
    unreadable = make.delivered(RETRAIN, b"no lesson", 4)
    assert await stage.handle([unreadable]) == []


async def test_what_cannot_be_read_is_a_dead_letter(stage: LedgerStage) -> None:
    batch = [*make.batch(LABELED, b"no event"), *make.batch(DEADLETTERS, b"no letter")]
    out = await stage.handle(batch)
    assert [letter.topic for letter in make.of(DEADLETTERS, out)] == ["labeled", "deadletters"]


async def test_a_lost_ledger_is_read_again_and_publishes_nothing_twice(
    log: SqliteLog, stage: LedgerStage, ledger: Ledger
) -> None:
    log.append(
        [
            Outgoing(VERDICTS.name, b"t2", make.undecided(make.uncertain("t2")).encode()),
            Outgoing(LABELED.name, b"t1", make.labeled().encode()),
            Outgoing(LABELED.name, b"t3", make.labeled("t3").encode()),
        ]
    )
    topics = [topic.name for topic in LEDGER.reads]
    log.commit(LEDGER.name, log.read(LEDGER.name, topics, 2), ())
    await stage.start(log)
    assert (ledger.position(LABELED.name), ledger.position(VERDICTS.name)) == (1, 1)
    (recheck,) = make.of(RECHECK, await stage.handle([version(2, ["fire"])]))
    assert recheck.text.id == "t2"


async def test_a_ledger_of_another_log_is_refused(log: SqliteLog, stage: LedgerStage) -> None:
    await stage.handle(make.batch(LABELED, make.labeled(), make.labeled("t2")))
    with pytest.raises(Fatal, match="'labeled' is ahead of the log"):
        await stage.start(log)
