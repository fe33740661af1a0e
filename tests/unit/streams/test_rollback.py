"""Going back to an older version: what comes back, what is left out, what is refused."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from models.classifier import Classifier, Example
from models.errors import Fatal
from streams.errors import Held, NoVersion
from streams.feed import KEPT, MANIFEST, Feed
from streams.figures import Figures
from streams.program.folder import Folder, working
from streams.program.rollback import rollback, set_pin
from streams.program.settings import Settings
from streams.records import Authority, Claim, LabelCommand
from streams.stage import outgoing
from streams.terms import Terms
from streams.topology import LABELS, MODELS
from tests.unit.streams.folder import (
    SEEDS,
    damage,
    end,
    learn,
    lesson,
    put,
    revoked,
    served,
    teach,
)

WORDS = ["visa for a trip", "lost luggage trip", "train delayed refund", "ferry to the island"]


def example(words: str, arrival: int) -> Example:
    row = lesson(words).embedding
    assert row is not None
    return Example(id=words, label="travel", embedding=row.array(), gold=False, arrival=arrival)


@pytest.fixture
def taught(settings: Settings) -> Settings:
    """Version 1 is of the examples, 2 to 4 have learnt a lesson more each."""
    teach(settings, *map(lesson, WORDS[:3]))
    assert served(settings).number == 4
    return settings


def test_an_older_version_comes_back_and_says_what_is_left_out(taught: Settings) -> None:
    older, before = served(taught, 2), served(taught)
    done = rollback(taught, 2)
    now = served(taught)
    assert (done.before, done.now.number, done.changed) == (4, 5, True)
    assert now.classifier.hash() == older.classifier.hash()
    assert (now.manifest.learnt, now.manifest.restores) == (1, 2)
    assert now.manifest.applied == before.manifest.applied == SEEDS + 3
    assert now.manifest.left_out == [(SEEDS + 1, SEEDS + 3)]
    assert (done.left_out, done.gold, done.taken_back, done.waiting) == (2, 0, 0, 0)


def test_what_was_left_out_is_not_learnt_again_and_learning_goes_on(taught: Settings) -> None:
    older = served(taught, 2).classifier
    rollback(taught, 2)
    learn(taught)
    assert served(taught).number == 5  # nothing waited
    teach(taught, lesson(WORDS[3]))
    version = served(taught)
    assert (version.number, version.manifest.learnt) == (6, 2)
    assert version.manifest.applied == SEEDS + 4
    assert version.manifest.left_out == [(SEEDS + 1, SEEDS + 3)]
    assert version.classifier.hash() == older.learn([example(WORDS[3], SEEDS + 3)]).hash()


def test_lessons_that_wait_are_learnt_after(taught: Settings) -> None:
    put(taught, lesson(WORDS[3]))
    done = rollback(taught, 1)
    assert (done.left_out, done.waiting) == (3, 1)
    learn(taught)
    assert served(taught).manifest.learnt == 1
    assert members(served(taught).classifier, "travel") >= {WORDS[3]}
    assert not members(served(taught).classifier, "travel") & set(WORDS[:3])


def members(classifier: Classifier, label: str) -> frozenset[str]:
    return classifier.shelves[label].members


def test_a_rollback_to_the_version_before_undoes_it(taught: Settings) -> None:
    before = served(taught)
    rollback(taught, 1)
    done = rollback(taught, 4)
    assert served(taught).classifier.hash() == before.classifier.hash()
    assert (done.now.number, done.left_out, done.now.manifest.left_out) == (6, 0, [])
    assert done.now.manifest.learnt == 3


def test_a_persons_lessons_are_counted(taught: Settings) -> None:
    teach(taught, lesson(WORDS[3], authority=Authority.PERSON))
    done = rollback(taught, 2)
    assert (done.left_out, done.gold) == (3, 1)


def test_what_was_taken_back_since_stays_taken_back(taught: Settings) -> None:
    before = served(taught, 3).classifier
    teach(taught, revoked(WORDS[0]))
    done = rollback(taught, 3)
    assert (done.left_out, done.taken_back) == (1, 1)
    now = served(taught)
    assert now.classifier.hash() == now.manifest.hash == before.unlearn([WORDS[0]]).hash()
    assert WORDS[0] not in members(now.classifier, "travel")
    assert WORDS[1] in members(now.classifier, "travel")


def test_an_example_taken_back_since_is_no_noise_either(taught: Settings) -> None:
    seed = sorted(members(served(taught).classifier, "printer"))[0]
    before = served(taught, 2).classifier
    teach(taught, revoked(seed))
    rollback(taught, 2)
    assert served(taught).classifier.hash() == before.unlearn([seed]).hash()


def test_what_was_taken_back_and_taught_again_alike_is_not_taken_back(taught: Settings) -> None:
    before = served(taught, 3).classifier
    teach(taught, revoked(WORDS[0]), lesson(WORDS[0]))
    done = rollback(taught, 3)
    assert done.taken_back == 0
    assert served(taught).classifier.hash() == before.hash()


def test_what_was_taken_back_and_taught_otherwise_stays_taken_back(taught: Settings) -> None:
    teach(taught, revoked(WORDS[0]), lesson(WORDS[0], "printer"))
    rollback(taught, 3)
    now = served(taught).classifier
    assert not any(WORDS[0] in shelf.members for shelf in now.shelves.values())


def test_a_lesson_taken_back_before_anybody_goes_back_is_not_counted(taught: Settings) -> None:
    teach(taught, revoked(WORDS[2]))
    done = rollback(taught, 1)
    assert (done.left_out, done.taken_back) == (2, 0)


@pytest.mark.parametrize("number", [4, 5])
def test_going_back_to_what_is_in_service_does_nothing(taught: Settings, number: int) -> None:
    teach(taught, revoked("never taught"))  # version 5 holds what 4 holds
    assert served(taught).manifest.hash == served(taught, 4).manifest.hash
    before = end(taught, MODELS.name)
    done = rollback(taught, number)
    assert (done.changed, done.before, done.now.number) == (False, 5, 5)
    assert end(taught, MODELS.name) == before


def test_a_number_that_is_not_there_is_answered_with_those_that_are(taught: Settings) -> None:
    before = end(taught, MODELS.name)
    with pytest.raises(NoVersion, match="there is no version 9; there are 1 to 4"):
        rollback(taught, 9)
    assert end(taught, MODELS.name) == before


def test_a_version_with_a_damaged_part_does_not_come_back(taught: Settings) -> None:
    damage(taught, "head/000", 2)
    before = end(taught, MODELS.name)
    with pytest.raises(NoVersion, match=r"version 2 is not whole: 1 of its \d+ parts .*head/000"):
        rollback(taught, 2)
    assert end(taught, MODELS.name) == before
    assert served(taught).number == 4
    assert rollback(taught, 3).now.manifest.restores == 3


def test_a_damaged_version_cannot_be_pinned(taught: Settings) -> None:
    damage(taught, "head/000", 2)
    with pytest.raises(NoVersion, match="not whole"):
        set_pin(taught, 2, pinned=True)


def test_a_version_of_another_encoder_does_not_come_back(taught: Settings) -> None:
    old = served(taught, 2).manifest
    manifest = old.model_copy(update={"encoder": "another"})
    with working(taught) as log:
        log.append([outgoing(MODELS, f"{MANIFEST}2", manifest)])
        log.append([outgoing(MODELS, f"{MANIFEST}4", served(taught, 4).manifest)])
    with pytest.raises(Fatal, match="version 2 reads vectors of encoder another"):
        rollback(taught, 2)


def test_labels_are_not_rolled_back(taught: Settings) -> None:
    with working(taught) as log:
        feed = Feed(log)
        fewer = feed.newest().classifier.retire_label("travel")
        log.append(feed.publish(fewer, applied=SEEDS + 3, learnt=3, touched=[]))
    with pytest.raises(Fatal, match=r"version 2 has other labels \(gone since: travel\)"):
        rollback(taught, 2)
    assert served(taught).number == 5


def on_terms(settings: Settings, state: str) -> Terms:
    """Publish the model in service once more, on terms that the judge's answers gave."""
    claim = Claim(state=state, target=0.95, bound=0.96, judged=300, reason="")
    terms = Terms(0.123, 0.5, claim, judged_from=7)
    with working(settings) as log:
        feed = Feed(log)
        classifier = feed.newest().classifier
        log.append(feed.publish(classifier, applied=SEEDS + 3, learnt=3, touched=[], terms=terms))
    return terms


def test_what_the_judge_has_certified_is_not_rolled_back(taught: Settings) -> None:
    terms = on_terms(taught, "certified")
    assert not rollback(taught, 4).changed  # the same model, on other terms
    assert rollback(taught, 2).changed
    assert served(taught).terms == terms


def test_without_a_certificate_the_threshold_is_the_older_models_own(taught: Settings) -> None:
    terms = on_terms(taught, "open")
    rollback(taught, 2)
    now = served(taught)
    assert now.terms == replace(terms, threshold=now.classifier.threshold)


def test_the_ledger_knows_at_once(taught: Settings) -> None:
    rollback(taught, 1)
    with closing(Figures(Folder(taught.var).ledger)) as figures:
        counts = figures.counts()
    assert (counts.version, counts.learnt) == (5, 0)


def test_nobody_goes_back_under_a_run(taught: Settings) -> None:
    with working(taught):
        for change in (lambda: rollback(taught, 1), lambda: set_pin(taught, 1, pinned=True)):
            with pytest.raises(Held, match="is held by process"):
                change()


def test_a_pin_keeps_a_version_to_go_back_to(taught: Settings) -> None:
    assert set_pin(taught, 2, pinned=True)
    assert not set_pin(taught, 2, pinned=True)
    older = served(taught, 2).classifier.hash()
    teach(taught, *(lesson(f"flight {n} refund") for n in range(KEPT + 5)))
    assert rollback(taught, 2).left_out == 2 + KEPT + 5
    assert served(taught).classifier.hash() == older
    assert set_pin(taught, 2, pinned=False)
    assert not set_pin(taught, 2, pinned=False)
    teach(taught, lesson(WORDS[3]))
    with pytest.raises(NoVersion, match="there is no version 2"):
        served(taught, 2)


def command(settings: Settings, kind: str, label: str, **fields: object) -> None:
    """Have the trainer carry a label command out; an added label comes with its name."""
    if kind == "add":
        fields["embedding"] = lesson(label).embedding
    with working(settings) as log:
        one = LabelCommand(command=kind, label=label, at=1.0, **fields)
        log.append([outgoing(LABELS, label, one)])
    learn(settings)


def test_labels_stay_as_they_were_made(taught: Settings) -> None:
    command(taught, "add", "desk")
    command(taught, "rename", "room", into="hall")
    command(taught, "retire", "password")
    mine = lesson("my desk is too low", "desk", authority=Authority.PERSON)
    teach(taught, mine, lesson("a higher desk please", "desk"))
    before = served(taught).manifest
    done = rollback(taught, 2)
    assert (done.commands, done.left_out) == (3, 3)
    now = served(taught)
    assert now.manifest.labels == before.labels == ["desk", "hall", "printer", "travel"]
    assert list(now.classifier.labels) == now.manifest.labels
    assert (now.manifest.renamed, now.manifest.retired) == ({"room": "hall"}, ["password"])
    assert now.manifest.applied_labels == before.applied_labels
    assert members(now.classifier, "desk") == {mine.id}  # the judge's lesson is left out
    assert now.manifest.learnt == 2
    teach(taught, lesson("a desk by the window", "desk"), lesson("the hall is full", "room"))
    now = served(taught)
    assert members(now.classifier, "desk") == {mine.id, "a desk by the window"}
    assert "the hall is full" in members(now.classifier, "hall")


def test_what_was_revoked_under_an_earlier_name_stays_taken_back(taught: Settings) -> None:
    command(taught, "rename", "travel", into="journey")
    teach(taught, revoked(WORDS[0]))
    assert rollback(taught, 2).taken_back == 1
    assert WORDS[0] not in members(served(taught).classifier, "journey")
