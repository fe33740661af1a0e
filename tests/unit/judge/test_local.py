"""The local judge weighs the neighbours it is given, and says so when they do not tell."""

import numpy as np
import pytest

from judge.local import LocalJudge
from judge.question import Case, Neighbour

CASE = Case("t", "text", np.ones(2, np.float32), ("a", "b"))


def near(**similarity: list[float]) -> list[Neighbour]:
    return [
        Neighbour(f"{label}{i}", label, "text", value)
        for label, values in similarity.items()
        for i, value in enumerate(values)
    ]


async def test_a_label_with_most_of_the_evidence_is_valid() -> None:
    answer = await LocalJudge().verify(CASE, "a", near(a=[0.8, 0.7], b=[0.6]))
    assert (answer.outcome, answer.label, answer.evidence) == ("valid", "a", ("a0", "a1"))
    assert (answer.calls, answer.tokens) == (0, 0)


async def test_a_label_behind_a_clear_leader_is_invalid() -> None:
    answer = await LocalJudge().verify(CASE, "b", near(a=[0.8, 0.7], b=[0.6]))
    assert (answer.outcome, answer.evidence) == ("invalid", ("a0", "a1"))


async def test_a_label_that_no_neighbour_has_is_invalid() -> None:
    answer = await LocalJudge().verify(CASE, "z", near(a=[0.8], b=[0.7]))
    assert answer.outcome == "invalid"


@pytest.mark.parametrize(
    "neighbours",
    [near(a=[0.8], b=[0.8]), near(a=[0.8, 0.7]), [], near(b=[0.9])],
    ids=["tie", "no rival", "no neighbour", "only a rival"],
)
async def test_evidence_that_does_not_tell_is_no_verdict(neighbours: list[Neighbour]) -> None:
    verified = await LocalJudge().verify(CASE, "a", neighbours)
    chosen = await LocalJudge().choose(CASE, ("a", "b"), neighbours)
    for answer in (verified, chosen):
        assert (answer.outcome, answer.kind) == ("no_verdict", "unsure")


async def test_the_leading_option_is_chosen() -> None:
    answer = await LocalJudge().choose(CASE, ("a", "b"), near(a=[0.5], b=[0.7], c=[0.55]))
    assert (answer.outcome, answer.label, answer.evidence) == ("chosen", "b", ("b0",))


async def test_none_is_answered_where_a_label_not_offered_leads() -> None:
    answer = await LocalJudge().choose(CASE, ("a", "b"), near(a=[0.5], b=[0.5], c=[0.8]))
    assert (answer.outcome, answer.evidence) == ("none", ("c0",))


async def test_similar_evidence_at_any_height_weighs_the_same() -> None:
    for top in (-0.5, 0.0, 0.9):
        answer = await LocalJudge().verify(CASE, "a", near(a=[top], b=[top - 0.1]))
        assert answer.reason == "0.88 of the evidence, 0.12 for 'b'"


async def test_the_order_of_neighbours_does_not_matter() -> None:
    neighbours = near(a=[0.71, 0.3], b=[0.7, 0.69], c=[0.5])
    first = await LocalJudge().choose(CASE, ("a", "b"), neighbours)
    other = await LocalJudge().choose(CASE, ("a", "b"), neighbours[::-1])
    assert (first.outcome, first.label, first.reason) == (other.outcome, other.label, other.reason)


def test_it_signs_as_local_and_does_not_teach() -> None:
    assert (LocalJudge().signature, LocalJudge().teaches) == ("local", False)


def test_bounds_that_mean_nothing_are_refused() -> None:
    for bounds in ({"bound": 0.4}, {"margin": 0.0}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match="bound"):
            LocalJudge(**bounds)
