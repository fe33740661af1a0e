"""Budget and circuit, on a clock of their own."""

import pytest

from judge.llm.budget import Budget, Cap, Price, Reservation
from judge.llm.circuit import Circuit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(budget: Budget, calls: int = 1, tokens: int = 10, money: float = 0.0) -> None:
    kept = budget.reserve(tokens, money)
    assert isinstance(kept, Reservation)
    budget.settle(kept, calls, tokens, money)


@pytest.mark.parametrize(
    ("window", "seconds"), [("minute", 60.0), ("day", 86_400.0), ("all", None)]
)
@pytest.mark.parametrize("cap", [Cap(calls=2), Cap(tokens=20), Cap(money=0.2)])
def test_a_cap_holds_for_its_window(window: str, seconds: float | None, cap: Cap) -> None:
    clock = Clock()
    clock.now = 10.0
    budget = Budget({window: cap}, clock=clock)  # type: ignore[dict-item]
    for _ in range(2):
        taken(budget, money=0.1)
    assert budget.reserve(10, 0.1) == window
    assert budget.resumes_in() == (float("inf") if seconds is None else seconds - 10)
    clock.now = 10.0 + (seconds or 1e9)
    assert isinstance(budget.reserve(10, 0.1), str if seconds is None else Reservation)


def test_a_part_of_the_work_has_a_part_of_every_cap() -> None:
    budget = Budget({"day": Cap(calls=9, money=0.9), "all": Cap(tokens=90)}, clock=Clock())
    budget.share(1 / 3)
    limits = budget.limits()
    assert limits["day"]["calls"] == [0, 3]
    assert limits["day"]["money"] == [0, pytest.approx(0.3)]
    assert limits["all"] == {"tokens": [0, 30]}
    for _ in range(3):
        taken(budget, tokens=10, money=0.05)
    assert budget.reserve(0, 0.0) == "day"
    budget.share(1.0)  # the others have gone
    assert budget.limits()["day"]["calls"] == [3, 9]
    assert isinstance(budget.reserve(0, 0.0), Reservation)


def test_a_small_part_shuts_nobody_out() -> None:
    budget = Budget({"minute": Cap(calls=2)}, clock=Clock())
    budget.share(0.1)
    assert budget.limits()["minute"]["calls"] == [0, 1]


def test_what_is_in_flight_is_counted_and_settled_once() -> None:
    budget = Budget({"all": Cap(tokens=100)}, clock=Clock())
    kept = budget.reserve(60, 0.0)
    assert isinstance(kept, Reservation)
    assert budget.reserve(60, 0.0) == "all"
    for _ in range(2):
        budget.settle(kept, 1, 40, 0.0)
    assert budget.spent("all").tokens == 40
    assert isinstance(budget.reserve(60, 0.0), Reservation)


def test_a_request_that_was_never_sent_costs_nothing() -> None:
    budget = Budget(clock=Clock())
    kept = budget.reserve(60, 1.0)
    assert isinstance(kept, Reservation)
    budget.settle(kept, 0, 0, 0.0)
    spent = budget.spent("all")
    assert (spent.calls, spent.tokens, spent.money) == (0, 0, 0.0)


def test_a_request_over_the_end_of_a_minute_counts_where_it_ends() -> None:
    clock = Clock()
    budget = Budget(clock=clock)
    kept = budget.reserve(60, 0.0)
    assert isinstance(kept, Reservation)
    clock.now = 61.0
    budget.settle(kept, 1, 50, 0.0)
    assert budget.spent("minute").tokens == budget.spent("day").tokens == 50


def test_a_clock_set_back_frees_nothing() -> None:
    clock = Clock()
    clock.now = 1_000.0
    budget = Budget({"minute": Cap(calls=1)}, clock=clock)
    taken(budget)
    clock.now = 0.0
    assert budget.reserve(1, 0.0) == "minute"


def test_what_was_spent_survives_a_restart_but_not_its_window() -> None:
    clock = Clock()
    clock.now = 100_000.0
    budget = Budget(clock=clock)
    taken(budget, money=0.5)
    again = Budget(clock=clock)
    again.restore(budget.state())
    assert again.spent("day").money == again.spent("all").money == 0.5
    clock.now += 86_400
    assert (again.spent("day").money, again.spent("all").money) == (0.0, 0.5)


def test_a_price_is_per_million_tokens() -> None:
    assert Price(0.5, 2.0).of(1_000_000, 500_000) == 1.5


def test_a_circuit_opens_after_failures_in_a_row_only() -> None:
    circuit = Circuit(3, 5.0, 20.0, Clock())
    for outcome in (circuit.failed, circuit.failed, circuit.succeeded, circuit.failed):
        assert circuit.enter()
        outcome()
    assert circuit.state == "closed"


def opened(clock: Clock) -> Circuit:
    circuit = Circuit(2, 5.0, 20.0, clock)
    for _ in range(2):
        assert circuit.enter()
        circuit.failed()
    return circuit


def test_an_open_circuit_probes_after_ever_longer_waits() -> None:
    clock = Clock()
    circuit = opened(clock)
    for wait in (5.0, 10.0, 20.0, 20.0):
        assert (circuit.state, circuit.resumes_in) == ("open", wait)
        assert not circuit.enter()
        clock.now += wait
        assert circuit.state == "half-open"
        assert circuit.enter()
        assert not circuit.enter()  # one probe at a time
        circuit.failed()
    clock.now += 20
    assert circuit.enter()
    circuit.succeeded()
    assert circuit.state == "closed"
    assert circuit.opened == 1


def test_a_circuit_knows_since_when_it_is_open_failed_probes_included() -> None:
    clock = Clock()
    clock.now = 100.0
    circuit = opened(clock)
    clock.now += 7
    assert circuit.enter()
    circuit.failed()
    assert circuit.open_for == 7
    clock.now += 10
    assert circuit.enter()
    circuit.succeeded()
    assert circuit.open_for == 0


def test_a_budget_tells_what_was_spent_of_each_cap_and_which_window_is_full() -> None:
    clock = Clock()
    budget = Budget({"minute": Cap(calls=1), "day": Cap(money=2.0), "all": Cap()}, clock=clock)
    assert budget.full is None
    taken(budget, money=0.5)
    assert budget.reserve(1, 0.0) == "minute"
    assert budget.full == "minute"
    assert budget.limits() == {"minute": {"calls": [1, 1]}, "day": {"money": [0.5, 2.0]}, "all": {}}
    clock.now = 60.0
    assert budget.full is None


def test_a_probe_that_was_given_up_leaves_room_for_another() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now = 5.0
    assert circuit.enter()
    circuit.dropped()
    assert circuit.enter()


def test_failures_that_arrive_late_do_not_lengthen_the_wait() -> None:
    circuit = opened(Clock())
    for _ in range(30):
        circuit.failed()
    assert circuit.resumes_in == 5.0


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    clock = Clock()
    circuit = Circuit(5, 5.0, 20.0, clock)
    circuit.failed(120.0)
    assert (circuit.state, circuit.resumes_in) == ("open", 120.0)


def test_odd_numbers_are_refused() -> None:
    for given in ((0, 1.0, 2.0), (1, 0.0, 2.0), (1, 3.0, 2.0)):
        with pytest.raises(ValueError, match="failures"):
            Circuit(*given)
