"""Rounds at the end of an input: what begins one, what it comes to, and when there is no more."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner, NoSource, Source
from streams.feed import MANIFEST
from streams.figures import Figures
from streams.ledger import Ledger
from streams.program.source import RoundsEndFirst
from streams.records import Authority, Recheck, Round
from streams.rounds import Rounds, fell_enough, latest_rounds, newest_round
from streams.stage import Delivered, Outgoing, Reader, outgoing
from streams.stages.ledger import LedgerStage
from streams.topology import (
    CLASSIFY,
    LABELED,
    MODELS,
    RECHECK,
    ROUNDS,
    TEXTS,
    VERDICTS,
    Topic,
)
from tests.unit.streams import make

Answer = Callable[[Recheck], str]
"""What becomes of a text examined again: "accepted", "sure", "refused" or "left"."""


@dataclass
class Answers:
    """Stands for classify, judge and train: answers as a test says, and teaches what it accepts.

    A version follows each batch in which something was accepted or refused.
    """

    answer: Answer
    spec = replace(CLASSIFY, reads=(RECHECK,), batch=4)
    seen: list[Recheck] = field(default_factory=list)
    reader: Reader | None = None

    async def start(self, reader: Reader) -> None:
        self.reader = reader

    async def close(self) -> None: ...

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        assert self.reader is not None
        number, records, judged = self.reader.end(MODELS.name), [], False
        for recheck in (Recheck.decode(delivered.value) for delivered in batch):
            self.seen.append(recheck)
            id, round = recheck.text.id, recheck.round + 1
            match self.answer(recheck):
                case "accepted":
                    event = make.labeled(id, "fire", Authority.JUDGE, round)
                    records.append(outgoing(LABELED, id, event))
                    judged = True
                case "sure":
                    records.append(outgoing(LABELED, id, make.labeled(id, decision=number)))
                case "refused":
                    case = make.uncertain(id, model=number, round=round)
                    verdict = make.undecided(case, event=f"{id}-{round}")
                    records.append(outgoing(VERDICTS, id, verdict))
                    judged = True
        return [*records, *([version(number + 1)] if judged else [])]


def version(number: int, *touched: str) -> Outgoing:
    return outgoing(MODELS, f"{MANIFEST}{number}", make.manifest(number, touched or ["printer"]))


def hold(log: SqliteLog, count: int, *, model: int = 1, first: int = 0, round: int = 1) -> None:
    cases = [make.uncertain(f"t{n}", model=model, round=round) for n in range(first, first + count)]
    log.append(
        [outgoing(VERDICTS, c.text.id, make.undecided(c, event=f"{c.text.id}-1")) for c in cases]
    )


@pytest.fixture
def held(log: SqliteLog) -> SqliteLog:
    """Ten texts held since version 1; version 2, which touched none of them, is in service."""
    log.append([version(1, "oven")])
    hold(log, 10)
    log.append([version(2, "oven")])
    return log


async def run(
    log: SqliteLog,
    answer: Answer = lambda recheck: "left",
    *,
    most: int = 5,
    lockstep: bool = True,
    source: Source | None = None,
) -> list[Recheck]:
    """Run to the end, as the program does; return what was examined again."""
    stage = Answers(answer)
    with ExitStack() as stack:
        path = folder(log) / "ledger.sqlite"
        ledger = stack.enter_context(closing(Ledger(path)))
        rounds = Rounds(log, stack.enter_context(closing(Figures(path))), most)
        runner = EmbeddedRunner(
            log,
            [stage, LedgerStage(ledger)],
            RoundsEndFirst(source or NoSource(), rounds),
            at_rest=rounds.at_rest,
        )
        assert await runner.run(lockstep=lockstep)
    return stage.seen


def folder(log: SqliteLog) -> Path:
    return Path(log._db.execute("PRAGMA database_list").fetchone()[2]).parent


def ended(log: SqliteLog) -> list[tuple[int, int, int]]:
    """Number, held before and held after of the rounds since the input last ended."""
    return [(r.number, r.before, r.end.after) for r in latest_rounds(log) if r.end]


def by(*rounds: str) -> Answer:
    """The answers by number of the text, one string of letters for each round it is seen in."""
    words = {"a": "accepted", "s": "sure", "r": "refused", "-": "left"}
    seen: dict[str, int] = {}

    def answer(recheck: Recheck) -> str:
        id = recheck.text.id
        seen[id] = seen.get(id, -1) + 1
        return words[rounds[seen[id]][int(id[1:])]] if seen[id] < len(rounds) else "left"

    return answer


@pytest.mark.parametrize("lockstep", [True, False])
async def test_rounds_go_on_until_one_lowers_what_is_held_by_less_than_a_hundredth(
    held: SqliteLog, lockstep: bool
) -> None:
    answer = by("aasrrrr---", "  -aaarr-- ", "------rr--")
    await run(held, answer, lockstep=lockstep)
    assert ended(held) == [(1, 10, 7), (2, 7, 4), (3, 4, 4)]
    assert await run(held, answer) == []


async def test_a_round_tells_what_became_of_what_it_examined(held: SqliteLog) -> None:
    await run(held, by("aasrrrr---"), most=1)
    (one,) = latest_rounds(held)
    assert one.end is not None
    assert (one.end.examined, one.end.accepted, one.end.sure, one.end.refused) == (10, 3, 1, 4)
    assert (one.version, one.end.version, one.end.labeled) == (2, 4, 3)


async def test_it_brings_back_all_that_may_be_judged_again_and_no_others(log: SqliteLog) -> None:
    """Those no version touched, and more than a version may; not those that wait for a person."""
    log.append([version(1, "oven")])
    hold(log, 70)
    hold(log, 5, first=70, round=4)
    log.append([version(2, "oven")])
    hold(log, 5, first=75, model=2)
    seen = await run(log)
    assert [recheck.text.id for recheck in seen] == [f"t{n}" for n in range(70)]
    assert ended(log) == [(1, 80, 80)]


async def test_nothing_is_examined_twice_by_the_same_model(held: SqliteLog) -> None:
    await run(held)
    assert ended(held) == [(1, 10, 10)]
    assert await run(held) == []
    assert len(held.read_from(ROUNDS.name, 0, 99)) == 2


async def test_without_a_newer_model_no_round_begins(log: SqliteLog) -> None:
    log.append([version(1)])
    hold(log, 10)
    assert await run(log) == []
    assert newest_round(log) is None


async def test_a_version_brings_nothing_back_while_a_round_lasts(held: SqliteLog) -> None:
    """What a round teaches is for the next one: each examines a text once."""
    seen = await run(held, by("r--a------", "---------a"), most=1)
    assert len(seen) == len({recheck.text.id for recheck in seen}) == 10
    assert {recheck.model for recheck in seen} == {2}


async def test_no_more_rounds_than_allowed_and_more_where_allowed_later(held: SqliteLog) -> None:
    answer = by("a---------", " a--------", "  a-------", "   -------")
    assert await run(held, answer, most=0) == []
    await run(held, answer, most=1)
    assert ended(held) == [(1, 10, 9)]
    await run(held, answer, most=3)
    assert ended(held) == [(1, 10, 9), (2, 9, 8), (3, 8, 7)]


async def test_new_texts_begin_the_count_of_rounds_anew(held: SqliteLog) -> None:
    await run(held, by("aaaaa-----"), most=1)
    held.append([Outgoing(TEXTS.name, None, b"{}")])
    await run(held)
    assert ended(held) == [(1, 5, 5)]


async def test_a_version_that_came_otherwise_begins_the_count_anew(held: SqliteLog) -> None:
    await run(held)
    held.append([version(3, "oven")])
    assert len(await run(held)) == 10
    assert ended(held) == [(1, 10, 10)]


async def test_many_held_texts_come_back_in_parts(
    held: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.held.RECHECKS_PER_PART", 4)
    seen = await run(held, by("a--r-----a"), most=1)
    assert [recheck.text.id for recheck in seen] == [f"t{n}" for n in range(10)]
    records = [Round.decode(d.value) for d in held.read_from(ROUNDS.name, 0, 99)]
    assert [(r.part, r.end is not None) for r in records] == [
        (1, False),
        (2, False),
        (3, False),
        (3, True),
    ]
    assert records[-1].end is not None
    assert records[-1].end.examined == 10
    assert ended(held) == [(1, 10, 8)]


class OneText:
    """A source of one text."""

    exhausted = False

    def take(self, limit: int) -> list[Outgoing]:
        taken = [] if self.exhausted else [Outgoing(TEXTS.name, None, b"{}")]
        self.exhausted = True
        return taken

    def close(self) -> None: ...


async def test_a_round_in_hand_ends_before_new_texts_come_in(held: SqliteLog) -> None:
    """Else a stream that never ends would never again bring back what it holds."""
    begun = Round(
        number=1, version=2, before=10, texts=0, rechecks=0, verdicts=10, labeled=0, at=1.0
    )
    held.append([outgoing(ROUNDS, "2", begun)])
    await run(held, by("aaaaa-----"), source=OneText())
    records = [Round.decode(d.value) for d in held.read_from(ROUNDS.name, 0, 99)]
    assert records[1].number == 1
    assert records[1].end is not None
    after = [recheck for d in held.read_from(ROUNDS.name, 2, 99) if (recheck := d.value)]
    assert Round.decode(after[0]).texts == 1
    assert ended(held) == [(1, 5, 5)]


# Killed


class Killed(Exception):
    """Stands for a kill: what the stage derived is written, the log's transaction is not."""


class Kills:
    """Lets so many commits through, then kills, once."""

    def __init__(self, log: SqliteLog, commits: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = commits
        self._commit = log.commit
        monkeypatch.setattr(log, "commit", self.commit)

    def commit(self, group: str, batch: Sequence[Delivered], outputs: Iterable[Outgoing]) -> None:
        self.left -= 1
        if self.left == -1:
            raise Killed
        self._commit(group, batch, outputs)


def all_of(log: SqliteLog, topic: Topic) -> list[dict[str, object]]:
    assert topic.record is not None
    dumped = [topic.record.decode(d.value).model_dump() for d in log.read_from(topic.name, 0, 999)]
    return [without_times(one) for one in dumped]


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key != "at"}
    return value


FIRST, SECOND = "aasrrrr---", "   aar-r--"


@pytest.fixture
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path_factory.mktemp("calm") / "log.sqlite")) as log:
        yield log


@pytest.mark.slow
async def test_killed_before_any_commit_it_goes_on_as_if_nothing_had_been(
    undisturbed: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(log: SqliteLog) -> SqliteLog:
        log.append([version(1, "oven")])
        hold(log, 10)
        log.append([version(2, "oven")])
        return log

    def fixed(recheck: Recheck) -> str:
        """A function of the text and its round, as classify and judge are."""
        words = {"a": "accepted", "s": "sure", "r": "refused", "-": "left"}
        row = (FIRST, SECOND, SECOND, SECOND)[recheck.round - 1]
        return words[row[int(recheck.text.id[1:])]]

    await run(begin(undisturbed), fixed)
    topics = (RECHECK, LABELED, VERDICTS, MODELS, ROUNDS)
    expected = {
        t.name: all_of(undisturbed, t) if t.record else undisturbed.end(t.name) for t in topics
    }
    assert len(ended(undisturbed)) > 1
    for place in range(200):
        path = tmp_path / str(place)
        path.mkdir()
        with closing(begin(SqliteLog(path / "log.sqlite"))) as log:
            with monkeypatch.context() as patch:
                kills = Kills(log, place, patch)
                with suppress(Killed):
                    await run(log, fixed)
            await run(log, fixed)
            found = {t.name: all_of(log, t) if t.record else log.end(t.name) for t in topics}
            assert found == expected, f"killed before commit {place}"
        if kills.left >= 0:
            break
    assert place > 10


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [(100, 98, True), (100, 99, True), (101, 100, False), (5, 5, False), (1, 0, False)],
)
def test_the_published_rule(before: int, after: int, more: bool) -> None:
    end = {"examined": 1, "accepted": 0, "sure": 0, "refused": 0, "version": 2, "labeled": 0}
    found = Round.model_validate(
        {
            **{"number": 1, "version": 2, "before": before, "texts": 0, "rechecks": 0},
            **{"verdicts": 0, "labeled": 0, "at": 1.0, "end": {**end, "after": after, "at": 2.0}},
        }
    )
    assert fell_enough(found) is more
