"""A policy that chooses at once, and that widens a choice which was none of them."""

from collections.abc import Sequence

import numpy as np
import pytest

from judge.examples import ExamplePoint
from judge.memory_store import MemoryExampleStore
from judge.policy import Policy, decide
from judge.question import (
    COMES_BACK,
    Answer,
    Case,
    Neighbour,
    Question,
    no_verdict,
    picked,
    verified,
)
from models.errors import Permanent

VECTOR = np.array([1, 0, 0], np.float32)


def case(*probabilities: float, contenders: str = "abc") -> Case:
    return Case("t", "text", VECTOR, tuple(contenders), probabilities)


def tokens(question: Question, options: int) -> float:
    return 100.0 if question == "verify" else 200.0


class Knows:
    """A judge that knows the label, and remembers what it was asked and shown."""

    signature = "knows"
    teaches = False

    def __init__(self, label: str | None, away_at: int = 99, kind: str = "away") -> None:
        self.label = label
        self.asked: list[str] = []
        self.shown: list[list[str]] = []
        self.away_at = away_at
        self.kind = kind

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        return self._noted("?" + label, neighbours) or verified(label, label == self.label, "")

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        label = self.label if self.label in options else None
        return self._noted("".join(options), neighbours) or picked(label, tuple(options), "")

    def _noted(self, asked: str, neighbours: Sequence[Neighbour]) -> Answer | None:
        self.asked.append(asked)
        self.shown.append([near.id for near in neighbours])
        away = len(self.asked) == self.away_at
        return no_verdict("verify", ("x",), self.kind, "") if away else None


@pytest.fixture
async def store() -> MemoryExampleStore:
    """Three examples of each of eight labels; the later the label, the less similar."""
    made = MemoryExampleStore(3)
    await made.upsert(
        [
            ExamplePoint(f"{label}{i}", label, "text", np.array([1, far + i / 50, 0], "f4"))
            for far, label in enumerate("cdefghij")
            for i in range(3)
        ]
    )
    return made


@pytest.mark.parametrize(
    ("probabilities", "asked"),
    [
        ((0.9, 0.05, 0.05), ["?a", "bc"]),  # likely valid: the short question first
        ((0.5, 0.3, 0.2), ["?a", "bc"]),  # 0.5 x 200 is not below 100
        ((0.49, 0.3, 0.2), ["abc"]),
        ((), ["?a", "bc"]),  # not known
    ],
)
async def test_choose_comes_first_where_it_is_expected_to_be_cheaper(
    store: MemoryExampleStore, probabilities: tuple[float, ...], asked: list[str]
) -> None:
    judge = Knows("b")
    decision = await decide(judge, store, case(*probabilities), policy=Policy(tokens=tokens))
    assert (judge.asked, decision.label) == (asked, "b")


async def test_a_single_contender_is_always_verified(store: MemoryExampleStore) -> None:
    judge = Knows("a")
    await decide(judge, store, case(0.1, contenders="a"), policy=Policy(tokens=tokens))
    assert judge.asked == ["?a"]


async def test_the_choice_is_widened_to_the_rest_and_to_the_neighbours_labels(
    store: MemoryExampleStore,
) -> None:
    judge = Knows("f")
    policy = Policy(first=2, wide=5, near=100)
    decision = await decide(judge, store, case(contenders="abxy"), policy=policy)
    assert judge.asked == ["?a", "b", "xcyde"]  # contenders and neighbours' labels in turn
    assert (decision.kind, decision.label) == ("undecided", None)


async def test_the_cases_own_further_labels_come_in_the_place_of_the_neighbours(
    store: MemoryExampleStore,
) -> None:
    judge = Knows("f")
    policy = Policy(first=2, wide=4, near=100)
    known = Case("t", "text", VECTOR, tuple("abxy"), further=tuple("fgxbh"), refused=("g",))
    decision = await decide(judge, store, known, policy=policy)
    assert judge.asked == ["?a", "b", "xfyh"]
    assert (decision.kind, decision.label) == ("accepted", "f")


async def test_then_all_names_are_offered_but_nothing_that_was_refused(
    store: MemoryExampleStore,
) -> None:
    judge = Knows("z")
    policy = Policy(first=2, wide=3, names=tuple("abcdefz"))
    decision = await decide(judge, store, case(), policy=policy)
    assert judge.asked == ["?a", "b", "cde", "fz"]
    assert (decision.kind, decision.label) == ("accepted", "z")
    assert judge.shown[2][:3] == ["c0", "c1", "c2"]
    assert set(decision.neighbours) == {near for shown in judge.shown for near in shown}


async def test_what_was_refused_before_is_not_offered_when_the_choice_is_widened(
    store: MemoryExampleStore,
) -> None:
    judge = Knows("z")
    policy = Policy(first=2, wide=3, names=tuple("abcdefz"))
    before = Case("t", "text", VECTOR, tuple("abc"), refused=("d", "z"))
    decision = await decide(judge, store, before, policy=policy)
    assert judge.asked == ["?a", "b", "cef"]
    assert decision.kind == "undecided"


async def test_nothing_is_asked_without_an_option_left(store: MemoryExampleStore) -> None:
    judge = Knows(None)
    empty = MemoryExampleStore(3)
    policy = Policy(wide=20, names=tuple("abc"))
    decision = await decide(judge, empty, case(), policy=policy)
    assert judge.asked == ["?a", "bc"]
    assert decision.kind == "undecided"


@pytest.mark.parametrize("kind", [*sorted(COMES_BACK), "malformed", "refused", "cut off", "spent"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_no_verdict_ends_the_questions_and_some_kinds_come_back(
    store: MemoryExampleStore, kind: str, at: int
) -> None:
    judge = Knows("z", away_at=at, kind=kind)
    policy = Policy(first=2, wide=3, names=tuple("abcdefz"))
    decision = await decide(judge, store, case(), policy=policy)
    assert len(judge.asked) == len(decision.answers) == at
    assert decision.kind == ("away" if kind in COMES_BACK else "undecided")


def test_probabilities_are_given_for_every_contender_or_for_none() -> None:
    for odd in ((0.5,), (0.5, 0.3, 1.2), (0.5, 0.3, float("nan")), (-0.1, 0.5, 0.5)):
        with pytest.raises(Permanent, match="probability"):
            case(*odd)
