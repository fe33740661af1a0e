"""Faust's consumer, looking again soon for what it may fetch (docs/adr/0022).

Where the buffer of a partition is full, Faust leaves it out of its fetches. It finds out that there
is room again only when the fetch from the others ends: after a second, where they have nothing. A
stage of a thousand records a second waited most of its time.
"""

from __future__ import annotations

from typing import Any

from faust.transport.drivers.aiokafka import Consumer

from streams.kafka import unpacking as unpacking  # by which all consumers read

LOOK_SECONDS = 0.02
"""Longest fetch that finds nothing while a buffer is full: the work left in it lasts longer."""


class Fetching(Consumer):
    """Fetches from whatever has room, as soon as it has."""

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 (it is Faust's)
        if self.flow_active and not self._get_active_partitions():
            await self.sleep(LOOK_SECONDS)
            return {}, set()
        if self._buffered_partitions:
            timeout = LOOK_SECONDS
        return await super()._wait_next_records(timeout)
