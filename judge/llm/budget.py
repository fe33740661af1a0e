"""What judging may cost: calls, tokens and money, per minute, per day, and in all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self, TypeAlias

Window: TypeAlias = Literal["minute", "day", "all"]

_SECONDS: Final[dict[Window, float]] = {"minute": 60.0, "day": 86_400.0, "all": float("inf")}


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, read (`input`) and written (`output`), in any currency."""

    input: float = 0.0
    output: float = 0.0

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """What these tokens cost."""
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one window may cost; None for no limit."""

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None

    def part(self, part: float) -> Self:
        """A part of it, from above 0 to 1."""
        calls, tokens = (
            None if whole is None else max(1, int(whole * part))
            for whole in (self.calls, self.tokens)
        )
        money = None if self.money is None else self.money * part
        return type(self)(calls, tokens, money)


@dataclass(slots=True)
class Spent:
    """What was spent: calls made, tokens and money, those in flight included."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0

    def add(self, calls: int, tokens: int, money: float) -> None:
        """Count more, or (negative) less."""
        self.calls += calls
        self.tokens += tokens
        self.money += money


@dataclass(slots=True)
class Reservation:
    """Room kept for one request; settled once with what it really took."""

    tokens: int
    money: float
    windows: dict[Window, int]
    open: bool = field(default=True)


class Budget:
    """Counts before a request what it may take, and afterwards what it took.

    Without the reservation, a hundred requests in flight would each find the last free place.
    A day is a day of UTC. Not saved by itself: `state` and `restore` carry it over a restart.
    """

    def __init__(
        self,
        caps: Mapping[Window, Cap] | None = None,
        price: Price | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives seconds since the epoch."""
        self.price = price or Price()
        self._given = dict(caps or {})
        self._caps = self._given
        self._clock = clock
        self._spent: dict[Window, Spent] = {window: Spent() for window in _SECONDS}
        self._place: dict[Window, int] = dict.fromkeys(_SECONDS, 0)
        self._full: Window | None = None
        self._full_at = 0

    def share(self, part: float) -> None:
        """Spend only this part of what all may: others spend the rest, each counting its own.

        A cap of calls or tokens stays at 1 at least, so that nobody is shut out.
        """
        self._caps = {window: cap.part(part) for window, cap in self._given.items()}

    def refused(self, tokens: int, money: float) -> Window | None:
        """The longest window in which one more request of this size has no room."""
        self._turn()
        for window in ("all", "day", "minute"):
            cap, spent = self._caps.get(window, Cap()), self._spent[window]
            if (
                (cap.calls is not None and spent.calls + 1 > cap.calls)
                or (cap.tokens is not None and spent.tokens + tokens > cap.tokens)
                or (cap.money is not None and spent.money + money > cap.money)
            ):
                return window
        return None

    def fits(self, tokens: int, money: float) -> bool:
        """Whether a minute and a day would have room for this request if they were empty."""
        caps = [self._caps.get(window, Cap()) for window in ("minute", "day")]
        return all(
            (cap.tokens is None or tokens <= cap.tokens)
            and (cap.money is None or money <= cap.money)
            for cap in caps
        )

    def reserve(self, tokens: int, money: float) -> Reservation | Window:
        """Room for one request, or the window that has none."""
        window = self._full = self.refused(tokens, money)
        if window is not None:
            self._full_at = self._place[window]
            return window
        for spent in self._spent.values():
            spent.add(1, tokens, money)
        return Reservation(tokens, money, dict(self._place))

    def settle(self, kept: Reservation, calls: int, tokens: int, money: float) -> None:
        """Replace what was reserved by what was used; a second settling changes nothing."""
        if not kept.open:
            return
        kept.open = False
        self._turn()
        for window, spent in self._spent.items():
            if kept.windows[window] == self._place[window]:
                spent.add(calls - 1, tokens - kept.tokens, money - kept.money)
            else:  # it began in a window that is over: only the use counts, in this one
                spent.add(calls, tokens, money)

    def resumes_in(self) -> float:
        """Seconds until the window that last had no room is over; 0 with room, inf if never."""
        self._turn()
        window = self._full
        if window is None or self._place[window] != self._full_at:
            return 0.0
        length = _SECONDS[window]
        return length if window == "all" else length - self._clock() % length

    @property
    def full(self) -> Window | None:
        """The window that last had no room, until it is over."""
        return self._full if self.resumes_in() else None

    def limits(self) -> dict[str, dict[str, list[float]]]:
        """By window and by what it limits: what was spent so far, and the cap."""
        return {
            window: {
                name: [getattr(self.spent(window), name), limit]
                for name in ("calls", "tokens", "money")
                if (limit := getattr(cap, name)) is not None
            }
            for window, cap in self._caps.items()
        }

    def spent(self, window: Window) -> Spent:
        """What this window has cost so far."""
        self._turn()
        return self._spent[window]

    def state(self) -> dict[str, list[float]]:
        """Everything counted, as JSON can hold it."""
        self._turn()
        return {
            window: [self._place[window], spent.calls, spent.tokens, spent.money]
            for window, spent in self._spent.items()
        }

    def restore(self, state: Mapping[str, list[float]]) -> None:
        """Go on from a `state`; windows that are over by now start empty."""
        for window in self._spent:
            if window in state:
                place, calls, tokens, money = state[window]
                self._place[window] = int(place)
                self._spent[window] = Spent(int(calls), int(tokens), float(money))
        self._turn()

    def _turn(self) -> None:
        """Begin the windows that are due. A clock set back begins none, and frees nothing."""
        now = self._clock()
        for window, length in _SECONDS.items():
            place = int(now // length) if window != "all" else 0
            if place > self._place[window]:
                self._place[window] = place
                self._spent[window] = Spent()
