"""A person's word in the ledger: what holds, what is taught, whatever order records come in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from streams.errors import Unreadable
from streams.figures import Figures, Story
from streams.ledger import Effects, Ledger
from streams.records import Authority, Retrain, Uncertain, Verdict
from streams.reviewed import SIGNED, decided, event_of
from streams.stages.ledger import LedgerStage
from streams.topology import DEADLETTERS, LABELED, LABELED_LATEST, RETRAIN, VERDICTS, Topic
from streams.wire import Record
from tests.unit.streams import make

TOPIC_OF: dict[str, Topic] = {"Labeled": LABELED, "Verdict": VERDICTS, "Retrain": RETRAIN}
CASE = make.uncertain("t1", ("printer", "fire"))


def person(label: str | None, number: int = 1, case: Uncertain = CASE) -> Verdict:
    return decided(case, label, number)


def withdrawn(number: int, case: Uncertain = CASE) -> Verdict:
    return decided(case, None, number, withdrawn=True)


class Told:
    """A ledger and the log around it: what it publishes comes back to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger(path)
        self.ends = dict.fromkeys((LABELED.name, VERDICTS.name, RETRAIN.name), 0)
        self.latest: list[str] = []
        self.lessons: list[Retrain] = []

    def tell(self, *records: Record) -> None:
        """All in one batch, and then what follows, until nothing does."""
        while records:
            batch = []
            for record in records:
                topic = TOPIC_OF[type(record).__name__]
                batch.append((make.delivered(topic, record, self.ends[topic.name]), record))
                self.ends[topic.name] += 1
            found: Effects = self.ledger.apply(batch)
            self.latest += [event.label for event in found.latest]
            self.lessons += found.lessons
            records = (*found.events, *found.lessons)

    def story(self) -> Story:
        with closing(Figures(self.path)) as figures:
            return figures.story("t1")

    @property
    def truth(self) -> tuple[str, Authority] | None:
        with closing(Figures(self.path)) as figures:
            truth = figures.truths().get("t1")
        told = self.story().truth
        assert truth == ((told.label, told.authority) if told else None)
        return truth

    @property
    def taught(self) -> tuple[str, str, bool] | None:
        """Kind, label of the last lesson, and whether it is gold."""
        return (
            (self.lessons[-1].kind, self.lessons[-1].label, self.lessons[-1].gold)
            if self.lessons
            else None
        )

    @property
    def held(self) -> bool:
        return self.story().held is not None


@pytest.fixture
def told(tmp_var: Path) -> Iterator[Told]:
    made = Told(tmp_var / "ledger.sqlite")
    yield made
    made.ledger.close()


def judged(label: str = "fire") -> list[Record]:
    return [
        make.labeled(label=label, authority=Authority.JUDGE),
        make.lesson("t1", label, signed="judge", authority=Authority.JUDGE),
    ]


def test_a_held_text_gets_the_persons_label_and_teaches_it_as_gold(told: Told) -> None:
    told.tell(make.undecided(CASE))
    assert told.held
    told.tell(person("oven"))
    assert told.truth == ("oven", Authority.PERSON)
    assert told.taught == ("accepted", "oven", True)
    assert (told.latest, told.held) == (["oven"], False)
    assert told.lessons[0].embedding == CASE.embedding


def test_a_person_overrules_the_judge_and_its_lesson(told: Told) -> None:
    told.tell(*judged("fire"))
    told.tell(person("oven"))
    assert told.truth == ("oven", Authority.PERSON)
    assert told.taught == ("accepted", "oven", True)


def test_none_takes_back_what_the_text_taught(told: Told) -> None:
    told.tell(*judged("fire"))
    told.tell(person(None))
    assert told.truth == ("", Authority.PERSON)
    assert told.taught == ("revoked", "fire", False)
    assert told.latest == ["fire", ""]


def test_none_of_a_text_that_taught_nothing_takes_nothing_back(told: Told) -> None:
    told.tell(make.undecided(CASE))
    told.tell(person(None))
    assert (told.lessons, told.held) == ([], False)


@pytest.mark.parametrize(("said", "lesson"), [("oven", "accepted"), (None, "revoked")])
def test_a_judge_that_answers_after_the_person_changes_nothing(
    told: Told, said: str | None, lesson: str
) -> None:
    told.tell(person(said))
    before = len(told.lessons)
    told.tell(*judged("fire"), make.undecided(CASE))
    assert told.truth == (said or "", Authority.PERSON)
    assert not told.held
    # Its lesson is put right behind it, for the trainer learns in the order of the log.
    assert [one.kind for one in told.lessons[before:]] == [lesson]
    assert told.lessons[-1].gold == bool(said)


def test_a_later_decision_moves_the_lesson(told: Told) -> None:
    told.tell(person("oven", 1), person("fire", 2))
    assert told.truth == ("fire", Authority.PERSON)
    assert [one.label for one in told.lessons] == ["oven", "fire"]
    told.tell(person("oven", 1))  # delivered again
    assert told.truth == ("fire", Authority.PERSON)
    assert len(told.lessons) == 2


def test_a_decision_delivered_twice_is_one(told: Told) -> None:
    verdict = person("oven")
    told.tell(verdict)
    told.tell(verdict)
    assert len(told.story().reviews) == 1
    assert {(one.kind, one.label) for one in told.lessons} == {("accepted", "oven")}
    assert told.truth == ("oven", Authority.PERSON)


def test_withdrawn_the_judges_word_and_lesson_hold_again(told: Told) -> None:
    told.tell(*judged("fire"))
    told.tell(person("oven"))
    told.tell(withdrawn(2))
    assert told.truth == ("fire", Authority.JUDGE)
    assert told.latest == ["fire", "oven", "fire"]
    assert told.taught == ("accepted", "fire", False)
    assert told.lessons[-1].signed == "judge"


def test_withdrawn_an_undecided_text_is_held_again_and_teaches_nothing(told: Told) -> None:
    told.tell(make.undecided(CASE))
    told.tell(person("oven"))
    told.tell(withdrawn(2))
    assert told.truth is None
    assert told.held
    assert told.taught == ("revoked", "oven", False)
    assert told.latest == ["oven", ""]
    # And whoever is asked next may decide it.
    told.tell(*judged("printer"))
    assert told.truth == ("printer", Authority.JUDGE)
    assert not told.held


def test_decided_and_withdrawn_in_one_batch_teaches_nothing(told: Told) -> None:
    told.tell(make.undecided(CASE), person("oven"), withdrawn(2))
    assert told.truth is None
    assert told.taught == ("revoked", "printer", False)


RECORDS: Sequence[Record] = [
    make.labeled(label="printer"),
    *judged("fire"),
    make.undecided(CASE),
    person("oven", 1),
    withdrawn(2),
    event_of(person("oven", 1)),
    event_of(withdrawn(2)),
]


@pytest.mark.parametrize("last", [None, person("smoke", 3), person(None, 3)])
def test_in_whatever_order_records_come_the_same_holds(
    tmp_path: Path, last: Verdict | None
) -> None:
    records = [*RECORDS, *([last] if last else [])]
    expected = ("fire", Authority.JUDGE) if last is None else (last.label or "", Authority.PERSON)
    turns = list(itertools.permutations(range(len(records))))
    for number, turn in enumerate(turns[:: len(turns) // 60]):
        one = Told(tmp_path / f"{number}.sqlite")
        for place in turn:
            one.tell(records[place])
        assert one.truth == expected, turn
        assert not one.held, turn
        one.ledger.close()


def test_a_ledger_that_was_lost_comes_to_the_same(told: Told, tmp_path: Path) -> None:
    """A stage reads its topics one after the other then."""
    told.tell(make.undecided(CASE), person("oven"), withdrawn(2))
    again = Told(tmp_path / "again.sqlite")
    again.tell(event_of(person("oven")), event_of(withdrawn(2)))
    again.tell(make.undecided(CASE), person("oven"), withdrawn(2))
    assert (again.truth, again.held) == (told.truth, told.held) == (None, True)
    again.ledger.close()


@pytest.fixture
def stage(tmp_var: Path) -> Iterator[LedgerStage]:
    ledger = Ledger(tmp_var / "stage.sqlite")
    yield LedgerStage(ledger)
    ledger.close()


async def test_the_stage_publishes_event_and_lesson(stage: LedgerStage) -> None:
    found = await stage.handle(make.batch(VERDICTS, person("oven")))
    (event,) = make.of(LABELED, found)
    (lesson,) = make.of(RETRAIN, found)
    assert (event.label, event.authority, event.decision) == ("oven", Authority.PERSON, 1)
    assert (lesson.label, lesson.authority, lesson.signed) == ("oven", Authority.PERSON, SIGNED)
    assert make.of(LABELED_LATEST, found) == []
    found = await stage.handle(make.batch(LABELED, event))
    assert [one.event for one in make.of(LABELED_LATEST, found)] == [event.event]


@pytest.mark.parametrize(
    "broken",
    [
        person("oven").model_copy(update={"held": None}),
        person("oven").model_copy(update={"id": "another"}),
        person("oven").model_copy(update={"label": None}),
    ],
)
async def test_a_persons_verdict_without_its_text_is_a_dead_letter(
    stage: LedgerStage, broken: Verdict
) -> None:
    found = await stage.handle(make.batch(VERDICTS, broken))
    (letter,) = make.of(DEADLETTERS, found)
    assert letter.error == Unreadable.__name__
    assert len(found) == 1
