"""Who looks on while a worker works: for figures, health and traces, never for the work itself."""

from __future__ import annotations

from collections.abc import Sequence

from streams.stage import Delivered, Outgoing


class Watch:
    """Is told what happens, and by itself does nothing with it. Told often: it must be quick."""

    def assigned(self, stage: str, partitions: int) -> None:
        """The stage has so many partitions here now; with none it stands by."""

    def handled(
        self, stage: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing], seconds: float
    ) -> None:
        """A batch was handled, and what it led to is published; it took so many seconds."""

    def traced(
        self, stage: str, batch: Sequence[Delivered], outputs: Sequence[Outgoing], seconds: float
    ) -> Sequence[Outgoing]:
        """Return what a batch led to, after so many seconds, with the trace context it is to
        carry: by itself that of the records it follows from, which it carries already.
        """
        return outputs

    def again(self, stage: str, why: str) -> None:
        """Something the stage needs is away, or failed in passing: it is tried again."""
