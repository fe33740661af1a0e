"""Counts that are kept while the ledger is written are what counting every row would give."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.figures import Figures
from streams.held import MAX_ROUNDS
from streams.ledger import Ledger, open_ledger
from streams.records import Authority, Weighed
from streams.tallies import recounted, tallies
from streams.wire import Record
from tests.unit.streams import make
from tests.unit.streams.test_ledger import apply

OUTWEIGHED = Weighed(rightly=0.1, wrongly=0.6, label="fire", probability=0.9)

RECORDS: list[Record] = [
    make.labeled("t1"),
    make.labeled("t2", spared=True),
    make.labeled("t2", "fire", spared=True),
    make.labeled("t1", "fire", Authority.JUDGE),
    make.labeled("t3", "fire", Authority.JUDGE, 2),
    make.undecided(make.uncertain("t1"), calls=2, tokens=30),
    make.undecided(make.uncertain("t3", round=MAX_ROUNDS), calls=1, tokens=7, estimated=True),
    make.undecided(make.uncertain("t4")),
    make.undecided(make.uncertain("t4", round=MAX_ROUNDS)),
    make.verdict("t1", event="1", final=True, decision="accepted", calls=1, label="printer"),
    make.verdict("t1", event="2", final=True, decision="accepted", audit=True, calls=1),
    make.verdict("t1", event="3", final=True, decision="accepted", audit=True, calls=1),
    make.verdict("t2", "no_verdict", event="4", kind="away", final=True, decision="away"),
    make.verdict("t2", "no_verdict", event="5"),
    make.verdict("t5", event="6", final=True, decision="accepted", weighed=OUTWEIGHED),
    make.verdict("t5", event="7", final=True, decision="accepted", weighed=OUTWEIGHED, round=2),
    make.lesson("t1"),
    make.lesson("t1", "fire"),
    make.lesson("t2", "a/b"),
    make.lesson("t1", "fire", "revoked", None, signed="gate"),
    make.lesson("t2", "a/b", "revoked", None),
    make.lesson("t6", kind="seed"),
]


def counts(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    with closing(open_ledger(path, read_only=True)) as db:
        return tallies(db), recounted(db)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(RECORDS), max_size=25), st.integers(1, 4))
def test_they_are_what_counting_every_row_gives(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], size: int
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        for start in range(0, len(records), size):
            apply(ledger, *records[start : start + size], first=start)
    kept, expected = counts(path)
    assert kept == expected


def test_all_that_is_counted_is_met_in_these_records(tmp_var: Path) -> None:
    with closing(Ledger(tmp_var / "ledger.sqlite")) as ledger:
        apply(ledger, *RECORDS)
    kept, expected = counts(tmp_var / "ledger.sqlite")
    assert kept == expected
    assert kept["outweighed"] == kept["spared"] == 1
    assert kept["estimated"] == 7
    assert kept["failed/away"] == kept["failed/unknown"] == 1
    assert kept["revoked/gate"] == kept["revoked/unsigned"] == 1
    assert kept["held/person"] == 1


def test_a_ledger_of_before_they_were_kept_is_counted_once(tmp_var: Path) -> None:
    path = tmp_var / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        apply(ledger, *RECORDS)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM tallies")
        db.commit()
    Ledger(path).close()
    kept, expected = counts(path)
    assert kept == expected
    assert kept
    with closing(Figures(path)) as figures:
        assert figures.counts().asked == kept["asked"]
