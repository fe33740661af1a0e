"""later: cases that had to wait go to the judge when it has time for them.

It was away, or texts that are worth more came first (`streams.asking`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from streams.asking import AWAY_SECONDS, BACKLOG, waiting_for_judge
from streams.errors import NotYet
from streams.records import Uncertain
from streams.stage import Delivered, Outgoing, Reader, outgoing, sort_out
from streams.topology import LATER, UNCERTAIN

BUSY_SECONDS = 1.0

LONGEST_SECONDS = AWAY_SECONDS[1]
"""How long a case is kept at most, by a clock that nobody sets: `due` is a time of day, and one
that was set back would come an hour too late. To a judge that is still away it comes for nothing.
"""


class Later:
    """Puts cases back into `uncertain`, one by one, each when it is due."""

    spec = LATER

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader: Reader | None = None
        self._clock = clock
        self._kept: tuple[str, float] = ("", 0.0)  # a batch, and since when

    async def start(self, reader: Reader) -> None:
        """Nothing is derived; the log tells how much lies before the judge."""
        self._reader = reader

    async def close(self) -> None:
        """Nothing is held."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Return the cases, or say how long to wait.

        Raises:
            NotYet: the judge has enough to do, or one of the batch is not due.
        """
        if await waiting_for_judge(self._reader) > BACKLOG // 2:
            raise NotYet("the judge has enough to do", delay=BUSY_SECONDS)
        cases, dead = sort_out(batch, self.spec.name, lambda d: Uncertain.decode(d.value))
        wait = max((case.due for _, case in cases), default=0.0) - time.time()
        wait = min(wait, self._longest(batch[0].position))
        if wait > 0:
            raise NotYet("the judge was away", delay=wait)
        return dead + [outgoing(UNCERTAIN, case.text.id, case) for _, case in cases]

    def _longest(self, position: str) -> float:
        """Return how long the batch that begins here may still be kept."""
        if position != self._kept[0]:
            self._kept = (position, self._clock())
        return LONGEST_SECONDS - (self._clock() - self._kept[1])
