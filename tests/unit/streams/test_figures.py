"""What the ledger can be asked, also while it is written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models.errors import Fatal
from streams.figures import Counts, Figures
from streams.ledger import Ledger
from streams.records import Authority
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply


@pytest.fixture
def ledger(tmp_var: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_var / "ledger.sqlite")) as opened:
        yield opened


@pytest.fixture
def figures(tmp_var: Path, ledger: Ledger) -> Iterator[Figures]:
    with closing(Figures(tmp_var / "ledger.sqlite")) as opened:
        yield opened


def test_an_empty_ledger_counts_nothing(figures: Figures) -> None:
    assert figures.counts() == Counts(
        labeled=dict.fromkeys(Authority, 0),
        held=0,
        for_a_person=0,
        rechecked=0,
        resolved=0,
        judged=0,
        audited=0,
        asked=0,
        accepted=0,
        calls=0,
        tokens=0,
        dead=0,
        version=0,
        learnt=0,
        threshold=0.0,
    )


def test_texts_are_counted_once_under_the_authority_that_holds(
    ledger: Ledger, figures: Figures
) -> None:
    apply(
        ledger,
        make.labeled("t1"),
        make.labeled("t2"),
        make.labeled("t2", "fire", Authority.JUDGE),
        make.labeled("t3", "fire", Authority.PERSON),
    )
    assert figures.counts().labeled == {
        Authority.CLASSIFIER: 1,
        Authority.JUDGE: 1,
        Authority.PERSON: 1,
    }
    assert figures.truths()["t2"] == ("fire", Authority.JUDGE)


def test_verdicts_are_counted_in_texts_and_in_calls(ledger: Ledger, figures: Figures) -> None:
    apply(
        ledger,
        make.verdict("t1", "invalid", event="1", calls=1, tokens=100),
        make.verdict("t1", "none", event="2", calls=1, tokens=150, question="choose"),
        make.verdict("t2", "valid", event="3", calls=1, tokens=50, final=True, decision="accepted"),
        make.verdict(
            "t3", "valid", event="4", calls=1, audit=True, final=True, decision="accepted"
        ),
        make.verdict("t4", "no_verdict", event="5", kind="away", final=True, decision="away"),
    )
    counts = figures.counts()
    assert (counts.judged, counts.audited, counts.accepted) == (3, 1, 2)
    assert (counts.calls, counts.tokens) == (4, 300)
    assert counts.asked == 4


def test_lessons_that_stand_are_counted_and_those_taken_back_by_whom(
    ledger: Ledger, figures: Figures
) -> None:
    lessons = [
        make.lesson("s1", kind="seed"),
        make.lesson("t1", "printer"),
        make.lesson("t2", "printer"),
        make.lesson("t3", "fire"),
        make.lesson("t2", kind="revoked", embedding=None, signed="gate"),
        make.lesson("t3", kind="revoked", embedding=None, signed="drift"),
        make.lesson("t3", "printer"),
        make.lesson("t4", "printer"),
        make.lesson("t4", kind="revoked", embedding=None),
    ]
    for _ in range(2):  # delivered again, they are counted once
        apply(ledger, *lessons)
    assert figures.standing() == {"printer": 2}
    assert figures.taken_back() == {"gate": 1, "unsigned": 1}
    assert figures.lessons() == [
        ("t1", "printer"),
        ("t2", "printer"),
        ("t3", "fire"),
        ("t3", "printer"),
        ("t4", "printer"),
    ]


def test_a_verdict_delivered_again_is_not_counted_again(ledger: Ledger, figures: Figures) -> None:
    for _ in range(2):
        apply(ledger, make.verdict(calls=1, tokens=100, final=True, decision="accepted"))
    assert (figures.counts().calls, figures.counts().tokens) == (1, 100)


def test_the_version_in_service_is_told(ledger: Ledger, figures: Figures) -> None:
    apply(ledger, make.manifest(2, threshold=0.8), make.manifest(3, threshold=0.7, learnt=30))
    counts = figures.counts()
    assert (counts.version, counts.learnt, counts.threshold) == (3, 30, 0.7)


def test_dead_letters_are_counted_until_they_are_put_back(ledger: Ledger, figures: Figures) -> None:
    apply(ledger, make.letter(5), make.letter(3), make.letter(9))
    assert [letter.offset for letter in figures.dead_letters()] == [3, 5, 9]
    apply(ledger, make.letter(5, requeued=99.0), first=3)
    assert figures.counts().dead == 2
    assert [letter.offset for letter in figures.dead_letters()] == [3, 9]
    assert [letter.offset for letter in figures.dead_letters(all_of_them=True)] == [3, 5, 9]


def test_the_story_of_a_text_is_told_in_its_order(ledger: Ledger, figures: Figures) -> None:
    judged = make.labeled("t1", "fire", Authority.JUDGE)
    classified = make.labeled("t1", decision=7)
    late = make.verdict("t1", "none", event="b", at=20.0, question="choose")
    early = make.verdict("t1", "invalid", event="z", at=10.0)
    apply(ledger, judged, late, classified, early, make.labeled("t2"), make.verdict("t2"))
    story = figures.story("t1")
    assert story.events == [classified, judged]
    assert story.verdicts == [early, late]
    assert (story.held, story.rounds_left) == (None, 0)


def test_the_story_of_a_held_text_says_how_often_it_may_be_judged_again(
    ledger: Ledger, figures: Figures
) -> None:
    case = make.uncertain(round=2)
    apply(ledger, make.undecided(case))
    story = figures.story("t1")
    assert (story.held, story.rounds_left) == (case, 2)
    assert story.verdicts[0].held is None


def test_an_unknown_id_has_an_empty_story(figures: Figures) -> None:
    story = figures.story("t9")
    assert (story.events, story.verdicts, story.held, story.rounds_left) == ([], [], None, 0)


def test_it_is_read_while_it_is_written(ledger: Ledger, figures: Figures) -> None:
    apply(ledger, make.labeled("t1"))
    assert len(figures.truths()) == 1
    apply(ledger, make.labeled("t2"), first=1)
    assert len(figures.truths()) == 2


def test_a_missing_ledger_is_told(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"ledger\.sqlite"):
        Figures(tmp_path / "ledger.sqlite")


def test_a_ledger_that_lacks_a_table_says_how_it_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE rounds")
    with pytest.raises(Fatal, match=r"ledger\.sqlite was made by an older redstream: .*run"):
        Figures(path)
    Ledger(path).close()
    with closing(Figures(path)) as figures:
        assert figures.counts().held == 0


def test_no_verdicts_are_counted_by_kind_and_estimated_tokens_by_themselves(
    ledger: Ledger, figures: Figures
) -> None:
    assert figures.no_verdicts() == {}
    assert figures.estimated_tokens() == 0
    apply(
        ledger,
        make.verdict("t1", "no_verdict", kind="malformed", tokens=30),
        make.verdict("t2", "no_verdict", kind="away", tokens=20, estimated=True),
        make.verdict("t3", "no_verdict", kind="away", event="again"),
        make.verdict("t4", "valid", tokens=5, estimated=True),
    )
    assert list(figures.no_verdicts().items()) == [("away", 2), ("malformed", 1)]
    assert figures.estimated_tokens() == 25
