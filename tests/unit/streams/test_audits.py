"""What verdicts say of the texts that go out unasked: counted once, kept over restarts."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from streams.audits import SAVED_EVERY, Audits
from streams.records import Verdict
from streams.reviewed import decided
from streams.terms import Terms
from streams.topology import VERDICTS
from tests.unit.streams import make

CROSS_VALIDATED, LEAST = 0.6, 0.05
START = Terms(CROSS_VALIDATED)


def answer(n: int, *, agreed: bool = True, **fields: Any) -> Verdict:
    usual: dict[str, Any] = {
        "final": True,
        "decision": "accepted",
        "label": "printer" if agreed else "fire",
        "confidence": 0.99,
    }
    return make.verdict(f"t{n}", **{**usual, **fields})


def audits(path: Path, *verdicts: Verdict, target: float = 0.95) -> Audits:
    made = Audits(path / "audits.json", target, LEAST)
    for delivered, verdict in zip(make.batch(VERDICTS, *verdicts), verdicts, strict=True):
        made.observe(delivered, verdict)
    return made


def many(count: int, wrong: int = 0) -> list[Verdict]:
    """So many answers, of which every `wrong`-th disagrees."""
    return [answer(n, agreed=not wrong or n % wrong > 0) for n in range(count)]


def test_nothing_is_claimed_before_anything_was_judged(tmp_path: Path) -> None:
    terms = audits(tmp_path).terms(CROSS_VALIDATED, START)
    assert (terms.threshold, terms.audit) == (CROSS_VALIDATED, 1.0)
    assert terms.claim is not None
    assert (terms.claim.state, terms.claim.agreement) == ("too few", None)


def test_agreement_certifies_a_threshold_and_few_are_audited_from_then_on(tmp_path: Path) -> None:
    terms = audits(tmp_path, *many(300)).terms(CROSS_VALIDATED, START)
    assert terms.claim is not None
    assert terms.claim.state == "certified"
    assert terms.claim.bound >= terms.claim.target == 0.95
    assert (terms.audit, terms.claim.judged) == (LEAST, 300)
    assert terms.threshold < CROSS_VALIDATED  # texts below it were all judged, and right too


def test_a_judge_that_disagrees_too_often_is_not_asked_for_ever(tmp_path: Path) -> None:
    terms = audits(tmp_path, *many(600, wrong=7)).terms(CROSS_VALIDATED, START)
    assert terms.claim is not None
    assert terms.claim.state == "below"
    assert "below the target of 0.95" in terms.claim.reason
    assert (terms.threshold, terms.audit) == (CROSS_VALIDATED, LEAST)


def test_hardly_any_news_is_no_news(tmp_path: Path) -> None:
    before = audits(tmp_path, *many(300)).terms(CROSS_VALIDATED, START)
    assert audits(tmp_path, *many(310)).terms(CROSS_VALIDATED, before) is before
    assert audits(tmp_path, *many(500)).terms(CROSS_VALIDATED, before) != before
    assert audits(tmp_path, *many(310)).terms(0.7, START) != before


def test_an_answer_delivered_again_is_counted_once(tmp_path: Path) -> None:
    verdicts = many(200)
    made = audits(tmp_path, *verdicts)
    for delivered, verdict in zip(make.batch(VERDICTS, *verdicts), verdicts, strict=True):
        made.observe(delivered, verdict)
    assert made.finding() == audits(tmp_path, *verdicts).finding()
    assert made.finding().judged == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"final": False},
        {"round": 2},
        {"decision": "away"},
        {"outcome": "no_verdict", "decision": "undecided", "label": None},
        {"independent": False},
        {"rate": 0.0},
        {"rate": 0.5, "inclusion": 0.1},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_what_says_nothing_is_not_counted(tmp_path: Path, fields: dict[str, Any]) -> None:
    counted = audits(tmp_path, answer(0, **fields), answer(1)).finding()
    assert counted.judged == 1


def test_none_of_the_labels_is_no_agreement(tmp_path: Path) -> None:
    none = answer(0, outcome="none", decision="undecided", label=None)
    assert audits(tmp_path, none).finding().agreement == 0


def test_it_goes_on_where_its_file_stands(tmp_path: Path) -> None:
    first = audits(tmp_path, *many(250, wrong=50))
    first.save()
    again = Audits(tmp_path / "audits.json", 0.95, LEAST)
    assert asdict(again.finding()) == asdict(first.finding())
    assert again.position(VERDICTS.name) == 250


def test_the_file_is_written_now_and_then(tmp_path: Path) -> None:
    audits(tmp_path, *many(SAVED_EVERY))
    assert Audits(tmp_path / "audits.json", 0.95, LEAST).position(VERDICTS.name) == SAVED_EVERY


@pytest.mark.parametrize("damage", [b"", b"no json", b"[]", b'{"format": 1, "certificate": "x"}'])
def test_a_damaged_file_is_no_file(tmp_path: Path, damage: bytes) -> None:
    audits(tmp_path, *many(10)).save()
    (tmp_path / "audits.json").write_bytes(damage)
    assert Audits(tmp_path / "audits.json", 0.95, LEAST).position(VERDICTS.name) == 0


def test_another_target_counts_anew(tmp_path: Path) -> None:
    audits(tmp_path, *many(10)).save()
    assert Audits(tmp_path / "audits.json", 0.9, LEAST).position(VERDICTS.name) == 0


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    made = Audits(tmp_path / "no such folder" / "audits.json", 0.95, LEAST)
    made.save()
    assert made.finding().judged == 0


def test_after_a_change_it_counts_anew(tmp_path: Path) -> None:
    made = audits(tmp_path, *many(300))
    before = made.terms(CROSS_VALIDATED, START)
    made.begin(300)
    assert made.position(VERDICTS.name) == 300
    after = made.terms(CROSS_VALIDATED, before)
    assert after.claim is not None
    assert (after.claim.state, after.claim.judged, after.audit) == ("too few", 0, 1.0)
    assert after.judged_from == 300


def test_the_same_beginning_changes_nothing_and_is_kept(tmp_path: Path) -> None:
    made = audits(tmp_path, *many(300))
    made.begin(0)
    assert made.finding().judged == 300
    made.begin(300)
    made.save()
    again = Audits(tmp_path / "audits.json", 0.95, LEAST)
    again.begin(300)
    assert again.position(VERDICTS.name) == 300


def test_a_person_who_looks_at_what_looks_wrong_is_no_sample(tmp_path: Path) -> None:
    """But a text that a person decided teaches: versions are not compared on it any more."""
    person = decided(make.uncertain("t1"), "fire", 1)
    made = audits(tmp_path, *(answer(n, apart=make.VECTOR) for n in range(3)), person)
    assert made.finding().judged == 3
    assert len(made.apart) == 2
    made.save()
    again = Audits(tmp_path / "audits.json", 0.95, LEAST)
    assert (again.position(VERDICTS.name), len(again.apart)) == (4, 2)
