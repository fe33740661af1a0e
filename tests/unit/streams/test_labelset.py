"""The label set: what a command makes of it, what it refuses, and what an old name means."""

from typing import Any

import pytest

from streams.errors import BadCommand
from streams.followed import again, followed, to_ask
from streams.labelset import LabelSet
from streams.records import LabelCommand, Recheck, Uncertain
from streams.topology import UNCERTAIN
from tests.unit.streams import make

LIES = make.delivered(UNCERTAIN, b"")
START = LabelSet(frozenset({"fire", "oven", "printer"}), applied=3)


def command(name: Any, label: str, into: str | None = None) -> LabelCommand:
    return LabelCommand(command=name, label=label, into=into, at=1.0)


def after(labels: LabelSet, *commands: tuple[str, ...]) -> LabelSet:
    for one in commands:
        labels = labels.after(command(*one))
    return labels


def test_labels_come_and_go() -> None:
    assert after(START, ("add", "room")).labels == START.labels | {"room"}
    retired = after(START, ("retire", "oven"))
    assert (retired.labels, retired.retired) == ({"fire", "printer"}, {"oven"})
    assert after(retired, ("add", "oven")) == START


def test_an_old_name_leads_to_the_newest_one() -> None:
    moved = after(
        START,
        ("rename", "oven", "stove"),
        ("rename", "stove", "cooker"),
        ("merge", "cooker", "fire"),
    )
    assert moved.labels == {"fire", "printer"}
    assert [moved.now(name) for name in ("oven", "stove", "cooker", "fire")] == ["fire"] * 4


def test_what_a_label_was_merged_into_may_be_retired_and_come_back() -> None:
    gone = after(START, ("merge", "oven", "fire"), ("retire", "fire"))
    assert gone.now("oven") == "fire"
    assert "fire" in gone.retired
    assert after(gone, ("add", "fire")).now("oven") == "fire"


def test_a_label_may_have_its_earlier_name_back() -> None:
    back = after(START, ("rename", "oven", "stove"), ("rename", "stove", "oven"))
    assert back.labels == START.labels
    assert (back.now("stove"), back.now("oven")) == ("oven", "oven")


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        ([("add", "fire")], "there is a label 'fire' already"),
        ([("add", "two\nlines")], "one line"),
        ([("add", " blank")], "no blanks"),
        ([("add", "x" * 201)], "at most 200"),
        ([("retire", "ovens")], r"no label 'ovens'; did you mean 'oven'\?"),
        ([("retire", "oven"), ("retire", "oven")], "'oven' was retired"),
        ([("rename", "fire", "oven")], "merge 'fire' into it"),
        ([("rename", "fire", "")], "cannot be a label"),
        ([("rename", "ghost", "x")], "there is no label 'ghost'"),
        ([("rename", "oven", "x"), ("add", "oven")], "'oven' became 'x'"),
        ([("rename", "oven", "x"), ("rename", "fire", "oven")], "'oven' became 'x'"),
        ([("rename", "oven", "x"), ("retire", "oven")], "'oven' is called 'x' now"),
        ([("retire", "oven"), ("rename", "fire", "oven")], "'oven' was retired"),
        ([("merge", "fire", "fire")], "into itself"),
        ([("merge", "fire", "ghost")], "there is no label 'ghost'"),
        ([("merge", "ghost", "fire")], "there is no label 'ghost'"),
        ([("retire", "oven"), ("retire", "fire"), ("retire", "printer")], "the last label"),
        ([("guide", "ghost")], "there is no label 'ghost'"),
    ],
)
def test_a_bad_command_says_why(commands: list[tuple[str, ...]], why: str) -> None:
    *fine, bad = commands
    labels = after(START, *fine)
    with pytest.raises(BadCommand, match=why):
        labels.after(command(*bad))


# Cases on their way


def labels_of(case: Uncertain) -> list[tuple[str, float]]:
    return [(one.label, one.probability) for one in case.contenders]


def test_contenders_follow_their_labels() -> None:
    labels = after(START, ("rename", "oven", "stove"), ("retire", "printer"))
    case = make.uncertain(labels=("printer", "oven", "fire"))
    assert labels_of(followed(case, labels)) == [("stove", 0.25), ("fire", 0.167)]
    assert followed(case, START) is case


def test_further_labels_follow_too_and_none_is_a_contender_twice() -> None:
    labels = after(START, ("rename", "oven", "stove"), ("retire", "printer"))
    case = make.uncertain(labels=("fire",), further=["oven", "printer"])
    assert followed(case, labels).further == ["stove"]
    merged = after(START, ("merge", "oven", "fire"))
    assert followed(case, merged).further == ["printer"]


def test_contenders_that_became_one_count_together() -> None:
    labels = after(START, ("merge", "oven", "fire"))
    case = make.uncertain(labels=("printer", "oven", "fire"))
    assert labels_of(followed(case, labels)) == [("printer", 0.5), ("fire", 0.417)]


def test_a_case_without_any_contender_left_is_classified_again_in_its_own_round() -> None:
    labels = after(START, ("add", "room"), ("retire", "oven"), ("retire", "fire"))
    case = make.uncertain("x", labels=("oven", "fire"), round=2, rejected=["printer"])
    other = make.uncertain("y")
    asked, gone = to_ask([(LIES, one) for one in (case, other)], labels)
    assert [one.text.id for _, one in asked] == ["y"]
    assert [one for _, one in gone] == [case]
    recheck = Recheck.decode(again(case).value)
    assert (recheck.lead, recheck.round, recheck.rejected) == ("oven", 1, ["printer"])


def test_an_audit_of_a_retired_label_is_dropped_and_one_of_a_renamed_label_asked() -> None:
    labels = after(START, ("rename", "oven", "stove"), ("retire", "fire"))
    cases = [
        make.uncertain("a", labels=("fire", "printer"), audit=True),
        make.uncertain("b", labels=("oven", "printer"), audit=True),
        make.uncertain("c", labels=("fire",), audit=True),
    ]
    asked, gone = to_ask([(LIES, one) for one in cases], labels)
    assert [(one.text.id, one.contenders[0].label) for _, one in asked] == [("b", "stove")]
    assert gone == []
