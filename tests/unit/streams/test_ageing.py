"""What was taught before a change goes as soon as enough was taught since."""

from dataclasses import replace

import pytest

from models.classifier import Classifier
from streams.ageing import ENOUGH, Tally, calls_for_it, outlived, taught_since
from streams.embedded.log import SqliteLog
from streams.records import Drift
from streams.stage import Outgoing
from streams.topology import RETRAIN
from tests.unit.streams import tiny

CHANGE = 100


def drift(kind: str = "disagreement", **fields: object) -> Drift:
    usual = {"labels": ["printer"], "since": 1.0, "at": 2.0}
    return Drift.model_validate({"kind": kind, **usual, **fields})


def taught(count: int, label: str = "printer") -> Classifier:
    """The tiny model with so many texts of a label from after the change."""
    return tiny.classifier().learn(
        [replace(tiny.example(f"new meaning {n}", label), arrival=CHANGE + n) for n in range(count)]
    )


@pytest.mark.parametrize(
    ("event", "calls"),
    [
        (drift(), True),
        (drift(series="audits"), True),
        (drift(series="doubtful"), False),
        (drift("embeddings"), False),
        (drift("shares"), False),
    ],
)
def test_only_audits_that_disagree_call_for_it(event: Drift, calls: bool) -> None:
    assert calls_for_it(event) is calls


def test_a_label_with_too_few_new_texts_waits() -> None:
    assert outlived(taught(ENOUGH - 1), {"printer": CHANGE}) == ({}, {"printer": CHANGE})


def test_with_enough_new_texts_all_older_ones_are_revoked() -> None:
    gone, waiting = outlived(taught(ENOUGH), {"printer": CHANGE, "room": CHANGE})
    assert gone == dict.fromkeys(tiny.EXAMPLES["printer"], "printer")
    assert waiting == {"room": CHANGE}


def test_a_label_that_is_no_more_does_not_wait() -> None:
    assert outlived(tiny.classifier(), {"gone": CHANGE}) == ({}, {})


def test_the_moment_of_a_change_is_found_in_retrain(log: SqliteLog) -> None:
    for _ in range(9):
        log.append([Outgoing(RETRAIN.name, b"t", b"lesson")])
    times = [record.at for record in log.read_from(RETRAIN.name, 0, 20)]
    for offset in (0, 4, 8):
        assert taught_since(log, times[offset]) == times.index(times[offset])
    assert taught_since(log, times[-1] + 1) == 9
    assert taught_since(log, 0.0) == 0


def tally(**labels: tuple[int, int]) -> Tally:
    """Of each label: texts judged, and disagreements."""
    made = Tally()
    for label, (judged, wrong) in labels.items():
        for n in range(judged):
            made.observe(label, agreed=n >= wrong)
    return made


def test_labels_with_far_more_disagreements_than_the_others_changed() -> None:
    others = {f"label {n}": (20, 2) for n in range(20)}
    assert tally(**others, moved=(5, 5), few=(2, 2), some=(10, 3)).changed() == ["moved"]


def test_where_the_judge_errs_alike_everywhere_no_label_changed() -> None:
    assert tally(**{f"label {n}": (30, 6) for n in range(20)}).changed() == []
    assert Tally().changed() == []


def test_counts_go_on_from_where_they_stood() -> None:
    first = tally(other=(100, 5), moved=(3, 3))
    again = Tally(first.judged, first.wrong)
    again.observe("moved", agreed=False)
    assert again.changed() == ["moved"] == tally(other=(100, 5), moved=(4, 4)).changed()
