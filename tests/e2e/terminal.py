"""The program in a terminal of its own, driven key by key."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.program import ENVIRONMENT, ROOT

PATIENCE = 60.0
"""Seconds until what is waited for must have come, on a busy machine."""

STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """What the program has written, and keys to it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._raw = b""
        self._looked = 0

    @property
    def raw(self) -> bytes:
        """Every byte that reached the terminal."""
        return self._raw

    @property
    def text(self) -> str:
        """What a person reads, without colours."""
        return STYLE.sub("", self._raw.decode(errors="replace")).replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def until(self, words: str) -> str:
        """Wait for words that were not seen yet; return what came up to there."""
        end = time.monotonic() + PATIENCE
        while words not in self.text[self._looked :]:
            assert time.monotonic() < end, f"no {words!r} in {self.text[self._looked :]!r}"
            assert self._read() or self.process.poll() is None, self.text
        start, self._looked = self._looked, self.text.index(words, self._looked) + len(words)
        return self.text[start : self._looked]

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None or self._read(0.0):
            assert time.monotonic() < end, self.text
            self._read()
        return self.process.returncode

    def _read(self, seconds: float = 0.1) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self._master, 65_536)
        except OSError:  # the program has gone
            return False
        self._raw += piece
        return bool(piece)


@contextmanager
def terminal(*arguments: str, **more: str) -> Iterator[Terminal]:
    """Start the program in a terminal of 120 columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from streams.program.cli import main; main()", *arguments],
        cwd=ROOT,
        env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "120", "LINES": "50", **more},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C goes to it
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(master)
