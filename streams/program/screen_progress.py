"""The line of progress of a run, and what is told above it: the target, refusals, drift."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from streams.program import screen_rounds
from streams.program.screen_drift import drifted
from streams.program.screen_judge import waiting
from streams.program.screen_target import promised, refusal

if TYPE_CHECKING:
    from streams.program.news import News
    from streams.program.run import Sight

LATELY = 500
"""Texts over which the share judged lately is told."""

PACE_SECONDS = 20.0
"""Seconds over which the speed is told."""


class Progress:
    """Makes lines of what a run looks like, one look after the other."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Sight]] = deque()
        self._windows: deque[tuple[int, int]] = deque()
        self._terms: tuple[str | None, bool] = (None, False)
        self._first = True

    def line(self, now: float, sight: Sight) -> str:
        """Return the line of progress; `now` in seconds."""
        counts = sight.counts
        again = screen_rounds.held_again(counts)
        trouble = waiting(sight.judge) if sight.judge else ""
        return (
            f"{sight.classified} of {sight.read} read · {self._pace(now, sight):.0f}/s"
            f" · judged {_share(counts.asked, counts.decided)}{self._lately(sight)}"
            f" · accepted {counts.accepted} · undecided {counts.held}"
            f"{f' ({again})' if again else ''} · model {counts.version}"
            f"{f' · drift {sight.noticed}' if sight.noticed else ''}"
            f"{f' · round {sight.round}' if sight.round else ''}"
            f"{f' · {trouble}' if trouble else ''}"
        )

    @staticmethod
    def known(sight: Sight) -> str:
        """Return what tells whether anything has happened between two looks."""
        trouble = waiting(sight.judge) if sight.judge else ""
        return f"{sight.read} {sight.classified} {sight.counts} {sight.round} {trouble}"

    def _pace(self, now: float, sight: Sight) -> float:
        self._looks.append((now, sight))
        while len(self._looks) > 2 and self._looks[1][0] <= now - PACE_SECONDS:
            self._looks.popleft()
        since, first = self._looks[0]
        return (sight.classified - first.classified) / max(now - since, 0.1)

    def _lately(self, sight: Sight) -> str:
        """Say how many of the newest texts were judged; "" while there are not so many."""
        counts = sight.counts
        if not self._windows or counts.decided > self._windows[-1][0]:
            self._windows.append((counts.decided, counts.asked))
        while len(self._windows) > 2 and self._windows[1][0] <= counts.decided - LATELY:
            self._windows.popleft()
        decided, asked = self._windows[0]
        new = counts.decided - decided
        return f" (last {new}: {_share(counts.asked - asked, new)})" if new >= LATELY else ""

    def told(self, news: News) -> Iterator[str]:
        """Tell what is new, in lines: where the target stands now, lessons refused, drift."""
        for manifest in news.versions:
            terms = (manifest.claim.state if manifest.claim else None, manifest.audit == 1)
            if terms != self._terms:
                yield f"Model {manifest.number}: {promised(manifest)}"
            self._terms = terms
            if manifest.refused and not self._first:
                yield f"Model {manifest.number}: {refusal(manifest.refused)}"
            self._first = False
        for event in news.drifts:
            yield from drifted(event)


def _share(part: int, whole: int) -> str:
    return f"{min(1.0, part / whole):.0%}" if whole else "-"
