"""How many requests at a time, and how many a minute."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter


class Pace:
    """A request waits here for its turn: a free place, the rate, and the end of a pause.

    `per_minute` None for no limit; a burst is one second's worth, so that no minute has more
    than the limit and one second's worth on top.
    """

    def __init__(
        self,
        concurrency: int = 32,
        per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if concurrency < 1 or (per_minute is not None and per_minute <= 0):
            raise ValueError("concurrency: 1 or more; per_minute: above 0")
        self._places = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._until = 0.0
        self._per_minute = per_minute
        self._limiter: AsyncLimiter | None = None
        self.share(1.0)
        self.waiting = 0
        self.running = 0

    def share(self, part: float) -> None:
        """Take only this part of the rate: others at the same endpoint take the rest."""
        if self._per_minute is not None:
            rate = self._per_minute * part
            burst = max(1.0, rate / 60)
            self._limiter = AsyncLimiter(burst, burst * 60 / rate)

    def pause(self, seconds: float) -> None:
        """Let nobody begin for so long: the endpoint asked for it (`Retry-After`)."""
        self._until = max(self._until, self._clock() + seconds)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold a place meanwhile and until the block ends."""
        self.waiting += 1
        began = False
        try:
            async with self._places:
                if self._limiter is not None:
                    await self._limiter.acquire()
                # Again and again: others may lengthen the pause meanwhile.
                while (left := self._until - self._clock()) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(left)
                self.waiting -= 1
                self.running += 1
                began = True
                yield
        finally:
            if began:
                self.running -= 1
            else:
                self.waiting -= 1
