"""Where texts come from: the files of a folder, by their names, also while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from models.errors import Fatal
from streams.program.reading import SUFFIXES, Columns, Incomplete, readable
from streams.program.source import FileSource
from streams.stage import Marks, Outgoing

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Seconds between two looks at a folder, or at a file, that may have grown."""


class FolderSource:
    """Reads a folder's files, or one file; with `follow` also what is added to them, for ever.

    What is added has to be whole lines. A file that is written elsewhere and moved in, and one that
    is only appended to, are read once; one that is changed otherwise is read again at the next run.
    A file of a folder that cannot be read is told and passed over. What is gzipped, UTF-16 or
    Parquet is read once, when it is whole.
    """

    def __init__(
        self,
        path: Path,
        reader: Marks,
        wanted: Columns | None = None,
        *,
        follow: bool,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Raises `Fatal`: there is no such file or folder, or a folder without files to read."""
        self._path = path
        self._reader = reader
        self._follow = follow
        self._clock = clock
        self._wanted = wanted
        self._tell, self._told = tell, ""
        self._sources: dict[Path, FileSource] = {}
        self._looked = -LOOK_SECONDS
        self._unread: list[Path] = []
        self._passed_over: set[Path] = set()
        self._look()
        if not self._unread and not follow:
            raise Fatal(f"{path} has no file that ends in {', '.join(SUFFIXES)} (or .gz behind it)")

    @property
    def exhausted(self) -> bool:
        """Tell whether nothing more will come: never, where it is followed."""
        return not (self._follow or self._unread)

    def take(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` further records of one file, and the mark that moves past them."""
        if self._follow and not self._unread and self._clock() - self._looked >= LOOK_SECONDS:
            self._look()
        while self._unread:
            path = self._unread[0]
            try:
                if records := self._open(path).take(limit):
                    return records
            except Fatal as error:
                if self._follow and isinstance(error, Incomplete):
                    self._unread.pop(0)  # it is looked at again
                    continue
                if path == self._path:
                    raise
                log.error("a file is passed over", file=str(path), error=str(error))
                self._passed_over.add(path)
            self._unread.pop(0)
            if not self._follow and path in self._sources:
                self._sources[path].close()
        return []

    def close(self) -> None:
        """Let go of all files."""
        for source in self._sources.values():
            source.close()

    def _look(self) -> None:
        self._looked = self._clock()
        if not self._follow and self._path.is_file() and not self._path.stat().st_size:
            raise Fatal(f"{self._path} is empty")
        if not self._path.is_dir():
            self._unread = [self._path]
            with suppress(*([Incomplete] if self._follow else [])):
                self._open(self._path)
            return
        self._unread = sorted(
            path
            for path in self._path.iterdir()
            if readable(path) and path not in self._passed_over
        )

    def _open(self, path: Path) -> FileSource:
        if path not in self._sources:
            self._sources[path] = FileSource(
                path, self._reader, self._wanted, grows=self._follow, tell=self._tell_news
            )
        return self._sources[path]

    def _tell_news(self, line: str) -> None:
        """Tell how a file is read, unless it is read as the one before it."""
        _, _, how = line.rpartition(": ")
        if how != self._told:
            self._told = how
            self._tell(line)
