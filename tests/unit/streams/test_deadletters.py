"""Dead letters put back after a repair."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from streams.embedded.log import SqliteLog
from streams.ledger import Ledger
from streams.program.deadletters import list_dead, requeue
from streams.program.settings import Settings
from streams.records import DeadLetter
from streams.textindex import REQUEUED_HEADER
from streams.topology import DEADLETTERS, TEXTS
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply

Open = Callable[..., SqliteLog]


@pytest.fixture
def settings(tmp_var: Path) -> Settings:
    """A folder with two dead letters in its ledger."""
    with closing(Ledger(tmp_var / "ledger.sqlite")) as ledger:
        apply(
            ledger,
            make.letter(3, value="//4=", key="aw==", headers={"redstream-source": "file:4"}),
            make.letter(7),
        )
    return Settings(var=tmp_var)


def test_a_dead_letter_goes_back_to_where_it_came_from(settings: Settings, open_log: Open) -> None:
    assert requeue(settings, ["texts/0/3"]) == 1
    (back,) = open_log().read_from(TEXTS.name, 0, 9)
    assert (back.key, back.value) == (b"k", b"\xff\xfe")
    assert back.headers == {"redstream-source": "file:4", REQUEUED_HEADER: "texts/0/3"}


def test_it_is_marked_as_put_back(settings: Settings, open_log: Open) -> None:
    requeue(settings, None)
    marked = [DeadLetter.decode(r.value) for r in open_log().read_from(DEADLETTERS.name, 0, 9)]
    assert [letter.position for letter in marked] == ["texts/0/3", "texts/0/7"]
    assert all(letter.requeued for letter in marked)


def test_the_first_position_is_kept_over_a_second_death(tmp_var: Path, open_log: Open) -> None:
    with closing(Ledger(tmp_var / "ledger.sqlite")) as ledger:
        apply(ledger, make.letter(9, headers={REQUEUED_HEADER: "texts/0/3"}))
    requeue(Settings(var=tmp_var), None)
    (back,) = open_log().read_from(TEXTS.name, 0, 9)
    assert back.headers[REQUEUED_HEADER] == "texts/0/3"


def test_an_unknown_position_puts_nothing_back(settings: Settings, open_log: Open) -> None:
    assert requeue(settings, ["texts/0/99"]) == 0
    assert open_log().read_from(TEXTS.name, 0, 9) == []


def test_asked_twice_before_the_next_run_it_goes_back_once(
    settings: Settings, open_log: Open
) -> None:
    """The ledger learns of it only in the next run."""
    assert requeue(settings, None) == 2
    assert requeue(settings, None) == 0
    assert len(open_log().read_from(TEXTS.name, 0, 9)) == 2


def test_those_put_back_are_listed_only_if_asked_for(settings: Settings, tmp_var: Path) -> None:
    with closing(Ledger(tmp_var / "ledger.sqlite")) as ledger:
        apply(ledger, make.letter(7, requeued=99.0), first=2)
    assert [letter.offset for letter in list_dead(settings)] == [3]
    assert [letter.offset for letter in list_dead(settings, all_of_them=True)] == [3, 7]
