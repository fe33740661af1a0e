"""The measure of a judge: counts, intervals, what is noticed."""

from collections.abc import Sequence

import numpy as np
import pytest
from pydantic import SecretStr

from judge.examples import ExamplePoint
from judge.measure import (
    PAIR,
    Chosen,
    Recorded,
    Verified,
    measure_choose,
    measure_order,
    measure_recorded,
    measure_verify,
)
from judge.measuring import QUESTIONS, Answers, Trial, put
from judge.memory_store import MemoryExampleStore
from judge.question import Answer, Case, Neighbour, no_verdict, picked, verified
from models.errors import Fatal
from models.measures import Rate
from tests.loopback.server import Loopback, read
from tests.unit.judge.llm.make import judge_of

VECTOR = np.array([1, 0], np.float32)
LABELS = ("a", "b", "c", "d")


def test_right_labels_and_wrong_ones_are_counted_apart() -> None:
    found = measure_verify(
        [
            *[Verified("a", "a", True)] * 9,
            Verified("a", "a", False),
            *[Verified("b", "a", False)] * 7,
            *[Verified("b", "a", True)] * 5,
            *[Verified("c", "a", True)] * (PAIR - 1),
            Verified("a", "a", None),
            Verified("b", "a", None),
        ]
    )
    assert (found.right, found.wrong) == (Rate(9, 10), Rate(7, 12 + PAIR - 1))
    assert found.no_verdict == 2
    assert found.labels == {"a": Rate(9, 10)}
    assert found.pairs == {("a", "b"): Rate(7, 12)}  # a, c has one too few


def test_pairs_come_worst_first() -> None:
    answers = [
        Verified(wrong, "a", place < held)
        for wrong, held in (("b", 2), ("c", 8), ("d", 5))
        for place in range(PAIR)
    ]
    assert [wrong for _, wrong in measure_verify(answers).pairs] == ["c", "d", "b"]


@pytest.mark.parametrize(
    ("refused", "of", "says_yes"),
    [(0, 100, True), (39, 100, True), (45, 100, False), (0, 4, False)],
)
def test_a_judge_that_says_yes_to_everything_is_noticed(
    refused: int, of: int, says_yes: bool
) -> None:
    answers = [Verified("b", "a", place >= refused) for place in range(of)]
    found = measure_verify([*answers, Verified("a", "a", True)])
    assert found.says_yes is says_yes
    assert not found.says_no


def test_choose_is_right_none_or_none_where_nothing_fits() -> None:
    found = measure_choose(
        [
            Chosen(("a", "b"), "a", "a"),
            Chosen(("a", "b"), "a", "b"),
            Chosen(("a", "b"), "a", None),
            Chosen(("b", "c"), "a", None),
            Chosen(("b", "c"), "a", "c"),
            Chosen(("a", "b"), "a", None, answered=False),
        ]
    )
    assert (found.right, found.none_there, found.none_away) == (Rate(1, 3), Rate(1, 3), Rate(1, 2))
    assert found.no_verdict == 1


def test_order_is_measured_where_the_order_differed() -> None:
    one, two = Chosen(("a", "b"), "a", "a"), Chosen(("b", "a"), "a", "b")
    same, silent = Chosen(("b", "a"), "a", "a"), Chosen(("b", "a"), "a", None, answered=False)
    found = measure_order([(one, two), (one, same), (one, one), (one, silent)])
    assert (found.differs, found.first, found.by_chance) == (Rate(1, 2), Rate(2, 2), 0.5)
    assert not found.prefers_first  # two texts prove nothing
    assert measure_order([]).by_chance is None


def test_a_preference_for_the_first_place_is_noticed() -> None:
    pairs = [(Chosen(("a", "b"), "a", "a"), Chosen(("b", "a"), "a", "b"))] * 20
    assert measure_order(pairs).prefers_first


def test_recorded_choices_are_answers_about_what_could_be_chosen() -> None:
    offered = frozenset("abc")
    rows = [
        Recorded("a", offered, "a", "a"),
        Recorded("a", offered, None, "a"),
        Recorded("b", offered, "a", "a"),
        Recorded("b", offered, "b", "a"),
        Recorded("b", offered, "c", "a"),
        Recorded("z", offered, "a", "a"),  # could not be answered
        Recorded("b", offered, "b", "z"),  # the right one could not
    ]
    found = measure_recorded(rows)
    assert (found.right, found.wrong, found.no_verdict) == (Rate(1, 2), Rate(2, 3), 0)


class Always:
    """A judge with one answer to everything; `first` for the option that stands first."""

    signature = "always"
    teaches = False

    def __init__(self, valid: bool | None, choice: str | None = "first") -> None:
        self.valid = valid
        self.choice = choice
        self.shown: list[list[str]] = []

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        self.shown.append([near.id for near in neighbours])
        if self.valid is None:
            return no_verdict("verify", (label,), "away", "")
        return verified(label, self.valid, "", calls=1, tokens=10)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        held = options[0] if self.choice == "first" else self.choice
        return picked(held if held in options else None, tuple(options), "", calls=1, tokens=10)


@pytest.fixture
async def store() -> MemoryExampleStore:
    made = MemoryExampleStore(2)
    points = [ExamplePoint(f"n{label}", label, "text", VECTOR) for label in LABELS]
    await made.upsert([*points, ExamplePoint("t0", "a", "itself", VECTOR)])
    return made


def trials(number: int) -> list[Trial]:
    return [Trial(Case(f"t{i}", f"text {i}", VECTOR, LABELS), "a", "b") for i in range(number)]


async def test_every_text_is_asked_about_five_times(store: MemoryExampleStore) -> None:
    done: list[int] = []
    judge = Always(valid=True)
    answers = await put(judge, store, trials(30), told=done.append)
    assert answers.asked == answers.calls == 30 * QUESTIONS
    assert answers.tokens == 300 * QUESTIONS
    assert done == list(range(1, 31))
    assert measure_verify(answers.verified).says_yes
    order = measure_order(answers.orders)
    assert order.first == Rate(30, 30)
    assert order.prefers_first
    assert order.differs.part > 20
    assert len({one.offered for one, _ in answers.orders}) > 5
    assert all("a" not in one.offered for one in answers.without)


async def test_a_text_does_not_testify_for_itself(store: MemoryExampleStore) -> None:
    judge = Always(valid=True)
    await put(judge, store, trials(1))
    assert judge.shown
    assert not any("t0" in shown for shown in judge.shown)


async def test_a_judge_without_preference_gives_one_answer_in_two_orders(
    store: MemoryExampleStore,
) -> None:
    answers = await put(Always(valid=False, choice="a"), store, trials(20))
    assert measure_order(answers.orders).differs == Rate(0, 20)
    assert all(one.offered != two.offered for one, two in answers.orders)
    choose = measure_choose(answers.chosen)
    assert (choose.right, choose.none_away) == (Rate(20, 20), Rate(20, 20))
    assert measure_verify(answers.verified).says_no


async def test_the_same_seed_asks_the_same(store: MemoryExampleStore) -> None:
    async def orders(seed: int) -> Answers:
        return await put(Always(valid=True), store, trials(10), seed=seed)

    assert (await orders(1)).orders == (await orders(1)).orders
    assert (await orders(1)).orders != (await orders(2)).orders


async def test_no_verdict_is_neither_yes_nor_no(store: MemoryExampleStore) -> None:
    answers = await put(Always(valid=None), store, trials(10))
    found = measure_verify(answers.verified)
    assert (found.right, found.wrong, found.no_verdict) == (Rate(0, 0), Rate(0, 0), 20)
    assert answers.kinds == {"away": 20}


async def test_an_llm_is_asked_in_its_own_two_orders(store: MemoryExampleStore) -> None:
    server = await Loopback(right={f"text {i}": "a" for i in range(8)}).start()
    try:
        async with judge_of(server) as judge:
            answers = await put(judge, store, trials(8))
    finally:
        await server.stop()
    assert measure_verify(answers.verified).right == Rate(8, 8)
    assert measure_choose(answers.chosen).none_away == Rate(8, 8)
    assert measure_order(answers.orders).differs == Rate(0, 8)
    asked = [read(body["messages"][-1]["content"]).options for body in server.requests]
    for one, two in answers.orders:
        for side in (one, two):
            order = {f"o{n}": label for n, label in enumerate(side.offered, 1)}
            assert order in asked  # in this very order


async def test_a_wrong_key_stops_the_measure(store: MemoryExampleStore) -> None:
    server = await Loopback(key="another").start()
    try:
        async with judge_of(server, key=SecretStr("sk-not-this-one")) as judge:
            with pytest.raises(Fatal, match="does not accept the key"):
                await put(judge, store, trials(5))
    finally:
        await server.stop()


@pytest.mark.parametrize(("gold", "wrong"), [("a", "a"), ("z", "b")])
def test_a_trial_has_a_right_label_among_the_options_and_a_wrong_one(gold: str, wrong: str) -> None:
    with pytest.raises(ValueError, match="no trial"):
        Trial(Case("t", "text", VECTOR, LABELS), gold, wrong)
