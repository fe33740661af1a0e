"""The guides in force: those of the file, for the others what was given or composed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, ValuesView
from pathlib import Path

import structlog

from judge.guides.file import load_guides
from judge.guides.guide import Guide
from judge.guides.history import History
from models.errors import Fatal

LOOK_EVERY = 1.0
"""Seconds between two looks at the file: a look is one `stat`, a question takes far longer."""

log = structlog.get_logger()


class GuideBook(Mapping[str, Guide]):
    """Label to guide, read again when the file changes. Give it to a judge as its guides.

    A file that breaks while it is followed is warned about, and the guides before it stay in
    force: nobody's judging stops because somebody else is typing.
    """

    def __init__(
        self,
        path: Path,
        names: Mapping[str, str],
        base: Mapping[str, Guide] | None = None,
        history: History | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`names` are the labels with their names; `base` the guides of labels the file lacks.

        Raises:
            Fatal: the file is broken; names the line.
        """
        self._path = path
        self._names = names
        self._base = dict(base or {})
        self._history = history
        self._clock = clock
        self._seen = self._stamp()
        self._looked = clock()
        self._own = self._read()
        self._guides = {**self._base, **self._own}

    def __getitem__(self, label: str) -> Guide:
        self._follow()
        return self._guides[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._guides)

    def __len__(self) -> int:
        return len(self._guides)

    def values(self) -> ValuesView[Guide]:
        """All guides, after one look at the file: a `Mapping`'s own takes a look for each."""
        self._follow()
        return self._guides.values()

    def relabel(self, names: Mapping[str, str], base: Mapping[str, Guide]) -> None:
        """From now on for these labels; a file that is broken just now counts as it was."""
        self._names, self._base = names, dict(base)
        own = {label: guide for label, guide in self._own.items() if label in names}
        try:
            own = self._read()
        except Fatal as error:
            log.warning("the guides stay as they were", error=str(error))
        self._own = own
        self._guides = {**self._base, **own}

    def _follow(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._own = self._read()
            self._guides = {**self._base, **self._own}
            log.info("the guides were read again", path=str(self._path))
        except Fatal as error:
            log.warning("the guides stay as they were", error=str(error))

    def _read(self) -> dict[str, Guide]:
        own = load_guides(self._path, self._names)
        if self._history is not None:
            self._history.record_unknown(own.values())
        return own

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
