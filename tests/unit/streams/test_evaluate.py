"""A folder beside gold labels: what is counted, and what is left out and said."""

from pathlib import Path

import pytest

from models.errors import Fatal
from streams.program.evaluate.findings import Evaluation
from streams.program.evaluate.measures import evaluate
from streams.program.settings import Settings
from streams.records import LabelCommand
from streams.stage import outgoing
from streams.topology import DRIFT, LABELS, MODELS
from tests.unit.streams import make
from tests.unit.streams.evaluated import drift, judged, ran, unasked

GOLD = {"a": "printer", "b": "printer", "c": "room", "d": "travel", "e": "travel"}

RECORDS = (
    unasked("a", "printer", 0.99, at=1.0),
    unasked("b", "room", 0.97, at=2.0),
    *judged("c", "travel", 0.4, "room", at=3.0),
    *judged("d", "travel", 0.98, "travel", at=4.0, audit=True),
    make.undecided(make.uncertain("e", ("room", "travel")), proposed="room", at=5.0),
)


def found(folder: Path, gold: dict[str, str] = GOLD, **options: bool) -> Evaluation:
    return evaluate(ran(folder, "abcde", *RECORDS), gold, **options)


def counts(rate: object) -> tuple[int, int]:
    return rate.part, rate.whole  # type: ignore[attr-defined]


def test_right_is_counted_by_authority_and_what_is_undecided_counts_as_wrong(
    tmp_path: Path,
) -> None:
    a = found(tmp_path).accuracy
    assert [counts(r) for r in (a.classifier, a.judge, a.person)] == [(1, 2), (2, 2), (0, 0)]
    assert (counts(a.all), counts(a.labelled), a.undecided, a.waiting) == ((3, 5), (3, 4), 1, 0)
    assert (counts(a.unasked), counts(a.judged)) == ((1, 2), (2, 3))
    assert (counts(a.first_answer), counts(a.judged_share)) == ((2, 5), (3, 5))
    assert a.person.value is None
    assert (a.all.low, a.all.high) == pytest.approx((0.1466, 0.9473), abs=1e-4)


def test_labels_come_surely_worst_first_with_precision_and_what_was_asked(tmp_path: Path) -> None:
    labels = {one.label: one for one in found(tmp_path).labels}
    assert [*labels] == ["printer", "travel", "room"]
    assert (counts(labels["printer"].right), counts(labels["printer"].precision)) == (
        (1, 2),
        (1, 1),
    )
    assert counts(labels["room"].precision) == (1, 2)
    assert (labels["travel"].judged, labels["travel"].undecided) == (2, 1)


def test_pairs_are_told_with_who_and_examples(tmp_path: Path) -> None:
    confusions = found(tmp_path).confusions
    (pair,) = confusions.worst
    assert (pair.gold, pair.given, pair.texts, pair.of) == ("printer", "room", 1, 2)
    assert pair.by == {"classifier": 1}
    assert [(one.id, one.text, one.confidence) for one in pair.examples] == [("b", "text b", 0.97)]


def test_confidence_is_that_of_the_first_answer_and_that_of_what_holds(tmp_path: Path) -> None:
    of = found(tmp_path).calibration
    assert (of.first_answer.texts, of.first_answer.without) == (5, 0)
    assert (of.emitted.texts, of.emitted.without) == (2, 2)  # the judge was believed as it was
    # One right at .99, one wrong at .97, both in the last bin.
    assert of.emitted.ece == pytest.approx(abs((0.99 + 0.97) / 2 - 0.5))


def test_at_another_threshold_what_would_go_out_is_the_first_answer(tmp_path: Path) -> None:
    thresholds = found(tmp_path).thresholds
    assert thresholds.judged_right == pytest.approx(2 / 3, abs=1e-4)
    ends = thresholds.curve[0], thresholds.curve[-1]
    assert [one.judged for one in ends] == [1.0, 0.0]
    # Judged throughout: c and d as they came out, e undecided, a and b as often as those three.
    assert ends[0].right == pytest.approx((2 + 2 * 2 / 3) / 5, abs=1e-4)
    assert ends[1].right == pytest.approx(2 / 5)  # nobody is asked: the first answers
    assert counts(thresholds.curve[1].unasked) == (1, 1)


def test_gold_labels_of_texts_that_never_came_are_counted_and_left_out(tmp_path: Path) -> None:
    of = found(tmp_path, {**GOLD, "z": "room", "y": "no such label"})
    assert (of.about.gold, of.about.compared, of.about.never_seen) == (7, 5, 2)
    assert of.about.never_seen_ids == ["z", "y"]
    assert of.about.unknown_labels == ["no such label"]
    assert of.accuracy.all.whole == 5


def test_a_text_that_waits_in_the_log_is_no_undecided_one(tmp_path: Path) -> None:
    settings = ran(tmp_path, "abcdef", *RECORDS)
    of = evaluate(settings, {**GOLD, "f": "room"})
    assert (of.about.waiting, of.accuracy.waiting, of.accuracy.undecided) == (1, 1, 1)
    assert counts(of.accuracy.all) == (3, 6)


def test_a_label_renamed_since_is_followed_in_gold_and_in_what_was_given(tmp_path: Path) -> None:
    newest = make.manifest(2, labels=["devices", "room"], renamed={"printer": "devices"})
    settings = ran(
        tmp_path,
        "ab",
        unasked("a", "printer", 0.99),
        unasked("b", "devices", 0.99),
        newest,
        log=[outgoing(MODELS, "manifest/2", newest)],
    )
    of = evaluate(settings, {"a": "devices", "b": "printer"})
    assert counts(of.accuracy.all) == (2, 2)
    assert [one.label for one in of.labels] == ["devices"]
    assert of.about.unknown_labels == []


def test_along_the_stream_drift_and_commands_have_their_place(tmp_path: Path) -> None:
    added = LabelCommand(command="add", label="visa", at=2.5)
    of_the_fit = LabelCommand(command="add", label="room", at=0.5)
    log = [
        outgoing(DRIFT, "shares", drift(3.5, "a visa for me")),
        *(outgoing(LABELS, one.label, one) for one in (of_the_fit, added)),
    ]
    course = evaluate(ran(tmp_path, "abcde", *RECORDS, log=log), GOLD).course
    events = [event for event in course.events if event.at < 10]  # without those of the real fit
    assert [(e.kind, e.place, e.labels) for e in events] == [
        ("label", 2, ["visa"]),
        ("drift", 3, ["travel"]),
    ]
    assert events[1].texts == ["a visa for me"]
    (window,) = course.windows  # five texts are too few for two
    assert (window.first, window.last, window.undecided) == (1, 5, 1)


def test_what_was_taught_is_compared_also_what_was_taken_back(tmp_path: Path) -> None:
    lessons = [
        make.lesson("a", "printer"),
        make.lesson("b", "room"),
        make.lesson("c", "printer"),
        make.lesson("c", "printer", kind="revoked", embedding=None, signed="gate"),
    ]
    of = evaluate(ran(tmp_path, "abcde", *RECORDS, *lessons), GOLD).taught
    assert (of.texts, counts(of.right), of.taken_back) == (2, (1, 2), {"gate": 1})
    assert counts(of.taken_back_wrong) == (1, 1)
    assert [(one.gold, one.taught) for one in of.wrong] == [("printer", "room")]


def test_cost_and_dead_letters_are_of_the_whole_stream(tmp_path: Path) -> None:
    of = evaluate(ran(tmp_path, "abcde", *RECORDS, make.letter(7, message="line 7")), {"a": "room"})
    assert (of.cost.calls, of.cost.tokens, of.cost.money) == (4, 200, None)
    assert (of.dead_letters.count, of.dead_letters.by_error) == (1, {"Unreadable": 1})
    assert of.dead_letters.newest[0].message == "line 7"


def test_without_texts_none_is_quoted_anywhere(tmp_path: Path) -> None:
    log = [outgoing(DRIFT, "shares", drift(3.5, "text secret"))]
    settings = ran(tmp_path, "abcde", *RECORDS, make.letter(7, message="text secret"), log=log)
    told = evaluate(settings, GOLD, texts=False).model_dump_json()
    assert "text " not in told
    assert "text secret" in evaluate(settings, GOLD).model_dump_json()


def test_nothing_judged_and_no_gold_text_that_came_are_no_errors(tmp_path: Path) -> None:
    settings = ran(tmp_path, "a", unasked("a", "printer", 0.9))
    of = evaluate(settings, {"a": "printer"})
    assert (of.thresholds.judged_right, of.cost.calls) == (None, 0)
    assert of.accuracy.judged_share.value == 0
    nothing = evaluate(settings, {"z": "printer"})
    assert (nothing.about.compared, nothing.labels, nothing.course.windows) == (0, [], [])


def test_a_folder_without_a_run_has_nothing_to_compare_and_one_without_a_fit_is_told(
    tmp_path: Path,
) -> None:
    settings = ran(tmp_path, [])
    assert evaluate(settings, GOLD).about.never_seen == len(GOLD)
    with pytest.raises(Fatal, match="redstream fit"):
        evaluate(Settings(var=tmp_path / "nowhere"), GOLD)
