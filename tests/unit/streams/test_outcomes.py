"""What became of every text, from the ledger."""

from contextlib import closing
from pathlib import Path

from streams.ledger import Ledger
from streams.outcomes import Outcome, outcomes, reading, words
from streams.records import Authority, Labeled
from streams.reviewed import decided
from streams.wire import Record
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply


def found(folder: Path, *records: Record) -> dict[str, Outcome]:
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        apply(ledger, *records)
    with reading(folder / "ledger.sqlite") as db:
        return outcomes(db)


def emitted(id: str, label: str, authority: Authority, at: float, **fields: object) -> Labeled:
    return make.labeled(id, label, authority, **fields).model_copy(update={"at": at})


def test_an_unasked_text_has_the_classifiers_word_for_both(tmp_var: Path) -> None:
    label = emitted("t1", "fire", Authority.CLASSIFIER, 5.0, confidence=0.98)
    one = Outcome("fire", 0.98, model=1, label="fire", confidence=0.98, at=5.0)
    one.authority = Authority.CLASSIFIER
    assert found(tmp_var, label) == {"t1": one}


def test_the_first_answer_is_what_the_classifier_led_with_when_the_text_came(tmp_var: Path) -> None:
    of = found(
        tmp_var,
        make.verdict("t1", event="1", proposed="printer", confidence=0.4, at=10.0),
        make.verdict("t1", event="2", proposed="fire", confidence=0.6, at=20.0, round=2),
        emitted("t1", "fire", Authority.CLASSIFIER, 30.0, confidence=0.99),
        emitted("t2", "oven", Authority.CLASSIFIER, 10.0, confidence=0.97),
        emitted("t2", "fire", Authority.JUDGE, 20.0),
    )
    first = {i: (one.first, one.first_confidence, one.at) for i, one in of.items()}
    assert first == {"t1": ("printer", 0.4, 10.0), "t2": ("oven", 0.97, 10.0)}
    assert (of["t1"].label, of["t1"].confidence) == ("fire", 0.99)
    assert (of["t2"].label, of["t2"].authority, of["t2"].confidence) == (
        "fire",
        Authority.JUDGE,
        None,
    )


def test_a_label_weighed_against_the_judge_does_not_hide_the_classifiers_own_confidence(
    tmp_var: Path,
) -> None:
    weighed = emitted(
        "t1", "fire", Authority.CLASSIFIER, 9.0, confidence=0.97, contenders=make.contenders("oven")
    )
    one = found(tmp_var, weighed)["t1"]
    assert (one.first, one.first_confidence) == ("oven", 0.5)
    assert (one.label, one.confidence) == ("fire", 0.97)


def test_who_was_asked_and_what_is_held(tmp_var: Path) -> None:
    of = found(
        tmp_var,
        make.verdict("t1", event="1", audit=True),
        make.undecided(make.uncertain("t2")),
        make.verdict("t3", event="3", outcome="no_verdict", kind="away"),
        decided(make.uncertain("t4"), "fire", 1),
    )
    assert {i: (one.asked, one.audit, one.held) for i, one in of.items()} == {
        "t1": (True, True, False),
        "t2": (True, False, True),
        "t3": (True, False, False),
        "t4": (False, False, False),
    }


def test_what_texts_say_is_found_with_the_labelled_and_the_held(tmp_var: Path) -> None:
    held = make.uncertain("t2", text=make.text("t2", "a <b>smoking</b> toner"))
    found(tmp_var, make.labeled("t1", text=make.text("t1", "paper jam")), make.undecided(held))
    with reading(tmp_var / "ledger.sqlite") as db:
        assert words(db, ["t1", "t2", "t9"]) == {"t1": "paper jam", "t2": "a <b>smoking</b> toner"}
