"""Where texts come from: the files of a folder, by their names, also while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from models.errors import Fatal
from streams.program.source import FileSource
from streams.stage import Outgoing, Reader

SUFFIXES = (".jsonl", ".csv")
"""Of the files that hold texts; others, and those that begin with a dot, are passed over."""

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Seconds between two looks at a folder, or at a file, that may have grown."""


class FolderSource:
    """Reads a folder's files, or one file; with `follow` also what is added to them, for ever.

    What is added has to be whole lines. A file that is written elsewhere and moved in, and one that
    is only appended to, are read once; one that is changed otherwise is read again at the next run.
    A file of a folder that cannot be read is told and passed over.
    """

    def __init__(
        self,
        path: Path,
        reader: Reader,
        *,
        follow: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `Fatal`: there is no such file or folder, or a folder without files to read."""
        self._path = path
        self._reader = reader
        self._follow = follow
        self._clock = clock
        self._sources: dict[Path, FileSource] = {}
        self._looked = -LOOK_SECONDS
        self._unread: list[Path] = []
        self._passed_over: set[Path] = set()
        self._look()
        if not self._unread and not follow:
            raise Fatal(f"{path} has no file that ends in {' or '.join(SUFFIXES)}")

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
        if not self._path.is_dir():
            self._unread = [self._path]
            self._open(self._path)
            return
        self._unread = sorted(
            path
            for path in self._path.iterdir()
            if path.suffix.lower() in SUFFIXES
            and not path.name.startswith(".")
            and path not in self._passed_over
            and path.is_file()
        )

    def _open(self, path: Path) -> FileSource:
        if path not in self._sources:
            self._sources[path] = FileSource(path, self._reader, grows=self._follow)
        return self._sources[path]
