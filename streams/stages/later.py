"""later: cases the judge was away for go back to it when their time has come."""

from __future__ import annotations

import time
from collections.abc import Sequence

from streams.errors import NotYet
from streams.records import Uncertain
from streams.stage import Delivered, Outgoing, Reader, outgoing, sort_out
from streams.topology import LATER, UNCERTAIN


class Later:
    """Puts cases back into `uncertain`, one by one, each when it is due."""

    spec = LATER

    async def start(self, reader: Reader) -> None:
        """Nothing is derived."""

    async def close(self) -> None:
        """Nothing is held."""

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Return the cases, or say how long to wait.

        Raises:
            NotYet: one of the batch is not due.
        """
        cases, dead = sort_out(batch, self.spec.name, lambda d: Uncertain.decode(d.value))
        wait = max((case.due for _, case in cases), default=0.0) - time.time()
        if wait > 0:
            raise NotYet("the judge was away", delay=wait)
        return dead + [outgoing(UNCERTAIN, case.text.id, case) for _, case in cases]
