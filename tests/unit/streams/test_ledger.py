"""The ledger: the newest truth of every text, whatever order its events come in."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import Fatal
from streams.figures import Figures
from streams.ledger import Effects, Ledger
from streams.packing import knows_plain
from streams.records import Authority, Labeled
from streams.topology import DEADLETTERS, LABELED, MODELS, RETRAIN, ROUNDS, VERDICTS, Topic
from streams.wire import Record
from tests.unit.streams import make

TOPIC_OF: dict[str, Topic] = {
    "Labeled": LABELED,
    "Verdict": VERDICTS,
    "Manifest": MODELS,
    "DeadLetter": DEADLETTERS,
    "Retrain": RETRAIN,
    "Round": ROUNDS,
}


def apply(ledger: Ledger, *records: Record, first: int = 0) -> Effects:
    """Records in one batch, one offset after the other."""
    return ledger.apply(
        [
            (make.delivered(TOPIC_OF[type(record).__name__], record, first + place), record)
            for place, record in enumerate(records)
        ]
    )


@pytest.fixture
def path(tmp_var: Path) -> Path:
    return tmp_var / "ledger.sqlite"


@pytest.fixture
def open_ledger(path: Path) -> Iterator[Callable[[], Ledger]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Ledger(path)))


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


def truths(path: Path) -> dict[str, tuple[str, Authority]]:
    with closing(Figures(path)) as figures:
        return figures.truths()


def test_a_first_label_is_the_truth_and_is_published(ledger: Ledger, path: Path) -> None:
    event = make.labeled(label="printer")
    assert apply(ledger, event).latest == [event]
    assert truths(path) == {"t1": ("printer", Authority.CLASSIFIER)}


def test_a_greater_authority_overrules(ledger: Ledger, path: Path) -> None:
    apply(ledger, make.labeled(label="printer", decision=9))
    judged = make.labeled(label="fire", authority=Authority.JUDGE, decision=1)
    assert apply(ledger, judged, first=1).latest == [judged]
    assert truths(path) == {"t1": ("fire", Authority.JUDGE)}


def test_a_later_decision_of_the_same_authority_overrules(ledger: Ledger, path: Path) -> None:
    apply(ledger, make.labeled(label="printer", decision=1))
    apply(ledger, make.labeled(label="fire", decision=2), first=1)
    assert truths(path) == {"t1": ("fire", Authority.CLASSIFIER)}


def test_what_the_classifier_says_again_never_undoes_the_judge(ledger: Ledger, path: Path) -> None:
    classified = make.labeled(label="printer", decision=1)
    apply(ledger, classified, make.labeled(label="fire", authority=Authority.JUDGE))
    assert apply(ledger, classified, first=2).latest == []
    assert apply(ledger, make.labeled(label="oven", decision=99), first=3).latest == []
    assert truths(path) == {"t1": ("fire", Authority.JUDGE)}


def test_the_truth_delivered_again_is_published_again(ledger: Ledger) -> None:
    """The crash may have come before it was published."""
    event = make.labeled()
    apply(ledger, event)
    assert apply(ledger, event).latest == [event]


EVENTS: list[Labeled] = [
    make.labeled(id, label, authority, decision)
    for id in ("t1", "t2")
    for label in ("printer", "fire")
    for authority in Authority
    for decision in (1, 2)
]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(EVENTS), min_size=1, max_size=10).flatmap(
        lambda events: st.tuples(st.just(events), st.permutations(events * 2))
    ),
    st.integers(1, 5),
)
def test_any_order_and_any_repetition_of_events_gives_the_same_truth(
    tmp_path_factory: pytest.TempPathFactory,
    told: tuple[list[Labeled], Sequence[Labeled]],
    size: int,
) -> None:
    events, shuffled = told
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    published: dict[str, Labeled] = {}
    with closing(Ledger(path)) as ledger:
        for start in range(0, len(shuffled), size):
            effects = apply(ledger, *shuffled[start : start + size], first=start)
            published |= {event.id: event for event in effects.latest}
    expected = {event.id: event for event in sorted(events, key=lambda event: event.order)}
    assert truths(path) == {id: (e.label, e.authority) for id, e in expected.items()}
    assert {id: e.event for id, e in published.items()} == {
        id: e.event for id, e in expected.items()
    }


def test_its_position_is_behind_what_it_has_taken_in(ledger: Ledger) -> None:
    apply(ledger, make.labeled(), make.labeled("t2"))
    apply(ledger, make.manifest(), first=7)
    positions = [ledger.position(topic.name) for topic in (LABELED, MODELS, VERDICTS)]
    assert positions == [2, 8, 0]


def test_an_older_delivery_does_not_move_its_position_back(ledger: Ledger) -> None:
    apply(ledger, make.labeled(), first=5)
    apply(ledger, make.labeled(), first=0)
    assert ledger.position(LABELED.name) == 6


def test_a_failure_in_the_middle_of_a_batch_leaves_nothing(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Ledger, manifest: object) -> None:
        raise RuntimeError("killed in the middle")

    apply(ledger, make.labeled("t0"))
    with closing(sqlite3.connect(path)) as db:
        before = make.dump(db)
    monkeypatch.setattr(Ledger, "_version", fail)
    batch = [
        make.labeled("t1"),
        make.undecided(make.uncertain("t2")),
        make.letter(),
        make.manifest(),
    ]
    with pytest.raises(RuntimeError, match="killed in the middle"):
        apply(ledger, *batch, first=1)
    with closing(sqlite3.connect(path)) as db:
        assert make.dump(db) == before
    monkeypatch.undo()
    assert [event.id for event in apply(ledger, *batch, first=1).latest] == ["t1"]


def test_it_is_there_after_a_restart(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    apply(ledger, make.labeled(label="fire", authority=Authority.JUDGE))
    ledger.close()
    again = open_ledger()
    assert again.position(LABELED.name) == 1
    assert apply(again, make.labeled(label="printer"), first=1).latest == []


def test_a_ledger_of_another_format_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(Fatal, match=r"ledger\.sqlite has format 99"):
        Ledger(path)


def test_an_event_that_lies_twice_in_the_log_is_published_once(ledger: Ledger) -> None:
    event = make.labeled("t1", "printer", Authority.JUDGE, 2)
    assert apply(ledger, event, first=3).latest == [event]
    assert apply(ledger, event, first=3).latest == [event]  # again: it may not have been published
    assert apply(ledger, event, first=9).latest == []
    assert apply(ledger, event, event, first=20).latest == []


def test_what_is_kept_squeezed_is_read_again(ledger: Ledger, path: Path) -> None:
    event = make.labeled("t1", text=make.text("t1", "my printer is on fire " * 9))
    case = make.uncertain("t2")
    apply(ledger, event, make.undecided(case, reason="no printer"))
    with closing(Figures(path)) as figures:
        assert figures.story("t1").events == [event]
        assert figures.story("t2").held == case
        assert figures.story("t2").verdicts[0].reason == "no printer"
    with closing(sqlite3.connect(path)) as db:
        for table in ("events", "verdicts", "held"):
            (squeezed,) = db.execute(f"SELECT json FROM {table}").fetchone()
            assert isinstance(squeezed, bytes)


def test_a_ledger_of_before_is_read_as_it_is_and_goes_on(
    ledger: Ledger, path: Path, open_ledger: Callable[[], Ledger]
) -> None:
    apply(ledger, make.labeled("t1"), make.undecided(make.uncertain("t2")))
    ledger.close()
    with closing(sqlite3.connect(path)) as db:
        knows_plain(db)
        for table in ("events", "verdicts", "held"):
            db.execute(f"UPDATE {table} SET json = plain(json)")
        db.commit()
        db.execute("PRAGMA user_version = 1")
    with closing(Figures(path)) as figures:
        before = figures.story("t1"), figures.story("t2")
    again = open_ledger()
    apply(again, make.labeled("t2"), first=1)
    with closing(Figures(path)) as figures:
        assert (figures.story("t1"), figures.story("t2").verdicts) == (
            before[0],
            before[1].verdicts,
        )
        assert figures.truths().keys() == {"t1", "t2"}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
