"""What happens while a run is under way and is worth a line: new versions, drift."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from streams.derived import readable
from streams.errors import Unreadable
from streams.feed import MANIFEST
from streams.records import Drift, Manifest
from streams.stage import Log
from streams.topology import DRIFT, MODELS
from streams.wire import unsqueezed

MOST = 100
"""Versions that are told at a look; older ones are not."""


@dataclass(frozen=True)
class News:
    """What is new since the last look, in order."""

    versions: list[Manifest] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)


class Newsreader:
    """Reads what has come into a log since it was made, but for the version then in service."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._drift = log.end(DRIFT.name)
        self._version = 0

    def look(self, version: int) -> News:
        """Return what is new; `version` is the newest there is."""
        news = News(list(self._versions(version)), list(self._drifts()))
        self._version = max(version, self._version)
        return news

    def _versions(self, newest: int) -> Iterator[Manifest]:
        first = self._version + 1 if self._version else newest
        for number in range(max(first, newest - MOST), newest + 1):
            found = self._log.newest(MODELS.name, f"{MANIFEST}{number}".encode())
            if found is not None:
                with suppress(Unreadable):  # the ledger puts it to the dead letters
                    yield unsqueezed(Manifest, found.value)

    def _drifts(self) -> Iterator[Drift]:
        end = self._log.end(DRIFT.name)
        for _, drift in readable(self._log, DRIFT, Drift, self._drift, end):
            yield drift
        self._drift = end
