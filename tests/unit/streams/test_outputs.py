"""Label shares follow what is given out: counted once, known again after a restart."""

import pytest

from models.online import OUTPUTS
from streams.embedded.log import SqliteLog
from streams.labelset import LabelSet
from streams.outputs import NEWS, Outputs
from streams.records import Authority, Labeled
from streams.stage import outgoing
from streams.terms import Shares
from streams.topology import LABELED, TRAIN
from tests.unit.streams import make

LABELS = LabelSet(frozenset({"fire", "printer"}))
FITTED = {"fire": 5, "printer": 5}


def given(count: int, label: str = "fire") -> list[Labeled]:
    return [make.labeled(f"{label} {n}", label=label) for n in range(count)]


def outputs(*events: Labeled) -> Outputs:
    made = Outputs()
    made.observe(make.batch(LABELED, *events))
    return made


def test_examples_stand_for_what_is_missing_at_first() -> None:
    shares = outputs(*given(NEWS)).shares(LABELS, FITTED, Shares(), due=False)
    missing = (OUTPUTS - NEWS) / 2
    assert shares == Shares({"fire": NEWS + missing, "printer": missing}, NEWS)


def test_only_the_newest_count() -> None:
    made = outputs(*given(OUTPUTS, "printer"), *given(OUTPUTS))
    assert made.shares(LABELS, FITTED, Shares(), due=True).counts == {"fire": OUTPUTS}


@pytest.mark.parametrize(("count", "due", "news"), [(9, False, False), (9, True, True)])
def test_hardly_any_news_wait_for_a_version(count: int, due: bool, news: bool) -> None:
    before = Shares({"fire": 1.0}, 0)
    after = outputs(*given(count)).shares(LABELS, FITTED, before, due=due)
    assert (after != before) is news


def test_an_event_delivered_again_counts_once() -> None:
    made = outputs(*given(300))
    made.observe(make.batch(LABELED, *given(300)))
    assert made.shares(LABELS, FITTED, Shares(), due=True).counted == 300


def test_what_cannot_be_read_is_passed_over() -> None:
    made = Outputs()
    made.observe(make.batch(LABELED, b"no event", *given(1)))
    assert made.shares(LABELS, {}, Shares(), due=True) == Shares({"fire": 1.0}, 2)


def test_labels_count_under_their_names_of_now() -> None:
    renamed = LabelSet(frozenset({"blaze", "printer"}), renamed={"fire": "blaze"})
    counts = outputs(*given(3)).shares(renamed, {}, Shares(), due=True).counts
    assert counts == {"blaze": 3.0}


@pytest.mark.parametrize("handled", [0, 7, OUTPUTS + 50])
def test_it_is_known_again_after_a_restart(log: SqliteLog, handled: int) -> None:
    events = [*given(OUTPUTS // 2, "printer"), *given(OUTPUTS)]
    log.append([outgoing(LABELED, event.id, event) for event in events])
    batch = log.read(TRAIN.name, [LABELED.name], handled)
    log.commit(TRAIN.name, batch, [])
    before, again = outputs(*events[:handled]), Outputs()
    again.start(log, log.position(TRAIN.name, LABELED.name))
    rest = log.read(TRAIN.name, [LABELED.name], 60)
    for made in (before, again):
        made.observe(rest)
    kept = [made.shares(LABELS, FITTED, Shares(), due=True) for made in (before, again)]
    assert kept[0] == kept[1]


def test_what_a_person_looks_at_is_no_sample_of_the_stream() -> None:
    person = [one.model_copy(update={"authority": Authority.PERSON}) for one in given(5, "oven")]
    assert outputs(*given(2), *person).shares(LABELS, {}, Shares(), due=True).counts == {"fire": 2}
