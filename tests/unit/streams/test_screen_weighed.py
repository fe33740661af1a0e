"""What a person reads of answers that were weighed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.figures import Figures
from streams.ledger import Ledger
from streams.program.screen_judge import asked, worth
from streams.records import Reliability, Verdict, Weighed
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply


@pytest.fixture
def ledger(tmp_var: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_var / "ledger.sqlite")) as opened:
        yield opened


def final(id: str, label: str | None, weighed: str | None, **fields: object) -> Verdict:
    found = Weighed(rightly=0.1, wrongly=0.2, label=weighed, probability=weighed and 0.81)
    return make.verdict(
        id,
        "chosen" if label else "none",
        question="choose",
        options=["fire", "room"],
        label=label,
        confidence=0.93,
        final=True,
        decision="accepted" if label else "undecided",
        weighed=found,
        **fields,
    )


def test_a_story_tells_what_was_said_and_what_stands() -> None:
    told = "\n".join(asked(final("t1", "fire", "printer")))
    assert "the judge said fire; weighed with the classifier's own 0.93 for printer" in told
    assert "printer stands at 0.81" in told
    none = "\n".join(asked(final("t1", None, "printer")))
    assert "the judge said none of them; weighed" in none
    agreed = "\n".join(asked(final("t1", "fire", "fire")))
    assert "weighed with the classifier's own 0.93 for printer: fire at 0.81" in agreed
    assert "weighed" not in "\n".join(asked(final("t1", "fire", None)))


def test_what_was_not_heeded_is_counted(ledger: Ledger, tmp_var: Path) -> None:
    apply(
        ledger,
        final("t1", "fire", "printer"),
        final("t2", "fire", "fire"),
        final("t3", None, "printer"),
        final("t4", None, None),
        make.verdict("t5", final=True, decision="accepted", label="printer"),
        make.labeled("t6", spared=True),
        make.labeled("t7"),
    )
    with closing(Figures(tmp_var / "ledger.sqlite")) as figures:
        assert figures.outweighed() == 2
        assert figures.spared() == 1


def test_what_the_judges_answers_are_worth_is_one_line() -> None:
    trust = Reliability(reliable=0.71, steps=[0.6, 0.6, 0.7, 0.7, 0.8, 0.85], answers=90)
    assert worth(trust) == (
        "The judge's answers are weighed: estimated right in 0.71 (0.60 where the classifier is"
        " unsure, 0.85 where it is sure)."
    )
    assert "believed" in worth(trust.model_copy(update={"believed": True}))
