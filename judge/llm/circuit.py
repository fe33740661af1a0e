"""When an endpoint fails again and again, it is left alone, and asked now and then."""

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

State: TypeAlias = Literal["closed", "open", "half-open"]


class Circuit:
    """Closed: everything passes. Open: nothing does. Half-open: one request tries.

    Opens after `failures` in a row, for `first` seconds; a probe that fails doubles the wait,
    up to `longest`. Any success closes it, that of a request sent before it opened included:
    the endpoint answers again.
    """

    def __init__(
        self,
        failures: int = 10,
        first: float = 5.0,
        longest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or not 0 < first <= longest:
            raise ValueError("failures: 1 or more; first: above 0, at most longest")
        self._limit = failures
        self._first = first
        self._longest = longest
        self._clock = clock
        self._failed = 0  # in a row
        self._wait = first  # of the next opening
        self._until: float | None = None  # set while not closed
        self._probing = False
        self._opened_at: float | None = None
        self.opened = 0

    @property
    def state(self) -> State:
        """What it would do now."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    @property
    def resumes_in(self) -> float:
        """Seconds until the next request may pass."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    @property
    def open_for(self) -> float:
        """Seconds since it opened, probes that failed included; 0 while closed."""
        return 0.0 if self._opened_at is None else self._clock() - self._opened_at

    @property
    def passes(self) -> bool:
        """Whether `enter` would let a request through now."""
        return self.state == "closed" or (self.state == "half-open" and not self._probing)

    def enter(self) -> bool:
        """Whether this request may go. If so, exactly one of the three below has to follow."""
        if not self.passes:
            return False
        self._probing = self.state == "half-open"
        return True

    def succeeded(self) -> None:
        """The endpoint answered, whatever it said."""
        self._failed = 0
        self._wait = self._first
        self._until = self._opened_at = None
        self._probing = False

    def failed(self, hold: float | None = None) -> None:
        """The endpoint is away; it asked to be left alone for `hold` seconds, if given."""
        self._failed += 1
        probe = self._probing and self.state == "half-open"
        self._probing = False
        if probe or (self._until is None and self._failed >= self._limit):
            self._open(self._wait)
            self._wait = min(2 * self._wait, self._longest)
        if hold is not None:
            self._open(hold)

    def dropped(self) -> None:
        """The request was given up here; it says nothing about the endpoint."""
        self._probing = False

    def _open(self, seconds: float) -> None:
        if self._until is None:
            self.opened += 1
            self._opened_at = self._clock()
        self._until = max(self._clock() + seconds, self._until or 0.0)
