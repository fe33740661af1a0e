"""What the judge's answers are worth, as `verdicts` tell it."""

from typing import Any

import pytest

from streams.answers import WINDOW, Answers
from streams.embedded.log import SqliteLog
from streams.records import Authority, Reliability, Verdict, Weighed
from streams.reviewed import decided
from streams.stage import outgoing
from streams.topology import TRAIN, VERDICTS
from tests.unit.streams import make


def answer(n: int, *, likely: bool = True, **fields: Any) -> Verdict:
    """An answer that fits with what the classifier held likely, or with a mistake."""
    weighed = Weighed(rightly=0.6, wrongly=0.01) if likely else Weighed(rightly=0.01, wrongly=0.3)
    usual: dict[str, Any] = {"final": True, "decision": "accepted", "label": "printer"}
    return make.verdict(f"t{n}", **{**usual, "weighed": weighed, **fields})


def heard(*verdicts: Verdict, first: int = 0) -> Answers:
    answers = Answers()
    for delivered, verdict in zip(
        make.batch(VERDICTS, *verdicts, first=first), verdicts, strict=True
    ):
        answers.observe(delivered, verdict)
    return answers


def found(answers: Answers, before: Reliability | None = None, **more: Any) -> Reliability:
    known = answers.reliability(before, **{"believed": False, **more})
    assert known is not None
    return known


def test_of_a_judge_that_has_not_answered_nothing_is_said() -> None:
    assert Answers().reliability(None, believed=False) is None
    assert found(Answers(), believed=True).believed


def test_agreement_makes_a_judge_reliable_and_improbable_answers_do_not() -> None:
    good = found(heard(*(answer(n) for n in range(200))))
    poor = found(heard(*(answer(n, likely=False) for n in range(200))))
    assert (good.answers, poor.answers) == (200, 200)
    assert good.reliable > 0.95
    assert poor.reliable < 0.2


@pytest.mark.parametrize(
    "silent",
    [
        {"final": False},
        {"round": 2},
        {"independent": False},
        {"weighed": None},
    ],
)
def test_what_is_no_first_answer_of_an_independent_judge_is_not_counted(
    silent: dict[str, Any],
) -> None:
    assert heard(answer(1, **silent)).reliability(None, believed=False) is None


def test_a_persons_word_is_the_truth_about_the_judges() -> None:
    answers = [answer(n, likely=False) for n in range(100)]
    person = [
        answer(n, authority=Authority.PERSON, question="review", weighed=None) for n in range(100)
    ]
    assert found(heard(*answers)).reliable < 0.3
    assert found(heard(*answers, *person)).reliable > 0.9
    other = [one.model_copy(update={"label": "fire"}) for one in person]
    assert found(heard(*(answer(n) for n in range(100)), *other)).reliable < 0.3


def test_what_a_person_withdraws_counts_as_it_was_given() -> None:
    answers = [answer(n, likely=False) for n in range(100)]
    cases = [make.uncertain(f"t{n}", ("printer", "fire")) for n in range(100)]
    right = [decided(case, "printer", 1) for case in cases]
    none = [decided(case, None, 2) for case in cases]
    withdrawn = [decided(case, None, 3, withdrawn=True) for case in cases]
    assert found(heard(*answers, *right)).reliable > 0.9
    assert found(heard(*answers, *right, *none)).reliable < 0.2
    assert found(heard(*answers, *right, *none, *withdrawn)) == found(heard(*answers))


def test_another_judge_begins_anew() -> None:
    answers = [answer(n, likely=False) for n in range(100)]
    known = found(heard(*answers, answer(100, signed="another")))
    assert known.answers == 1


def test_only_the_latest_answers_count() -> None:
    early = [answer(n, likely=False) for n in range(50)]
    late = [answer(n) for n in range(50, 100)]
    answers = heard(*early)
    for delivered, verdict in zip(
        make.batch(VERDICTS, *late, first=WINDOW + 50), late, strict=True
    ):
        answers.observe(delivered, verdict)
    assert found(answers).answers == 50
    assert found(answers).reliable > 0.9


def test_an_answer_delivered_again_is_counted_once() -> None:
    answers = heard(answer(1), answer(2))
    for delivered, verdict in zip(make.batch(VERDICTS, answer(1)), [answer(1)], strict=True):
        answers.observe(delivered, verdict)
    assert found(answers).answers == 2


def test_hardly_any_news_is_no_news() -> None:
    before = found(heard(*(answer(n) for n in range(200))))
    more = heard(*(answer(n) for n in range(210)))
    assert found(more, before) is before
    assert found(more, before, believed=True) != before
    worse = heard(*(answer(n, likely=n % 2 > 0) for n in range(200)))
    assert found(worse, before) != before


def test_what_was_counted_is_read_again_after_a_restart(log: SqliteLog) -> None:
    verdicts = [answer(n, likely=n % 3 > 0) for n in range(30)]
    log.append([outgoing(VERDICTS, one.id, one) for one in verdicts])
    records = log.read_from(VERDICTS.name, 0, 20)
    log.commit(TRAIN.name, records, [])
    again = Answers()
    again.start(log, log.position(TRAIN.name, VERDICTS.name))
    assert found(again) == found(heard(*verdicts[:20]))
    for delivered, verdict in zip(
        make.batch(VERDICTS, *verdicts[20:], first=20), verdicts[20:], strict=True
    ):
        again.observe(delivered, verdict)
    assert found(again) == found(heard(*verdicts))
