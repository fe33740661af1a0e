"""A loop whose clock jumps to the next timer: ten minutes pass in a moment.

For programs without sockets and threads: nothing outside the loop could wake it in time.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_MOMENT = 1e-6  # seconds


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("the program waits for nothing that could happen")
        # A turn takes a moment, as it does in life: the loop fires timers up to a nanosecond
        # early, and who then waits for the rest would wait for ever.
        self.now += _MOMENT if ready else max(timeout or 0.0, _MOMENT)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(program: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in simulated time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(program)
