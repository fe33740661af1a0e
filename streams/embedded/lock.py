"""One process works on a `var/` folder at a time; a second one is told who it is."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from models.errors import Fatal
from streams.errors import Held


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs; the kernel lets go of it if the process dies.

    Raises:
        Held: another process holds it; the message names the process.
        Fatal: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise Fatal(
            f"cannot write the folder {folder}: {error.strerror}; name another one with --var"
        ) from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(f"{folder} is held by {_who(file.name)}; stop it or use --var") from None
        file.truncate(0)
        json.dump(
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "command": _command(sys.argv),
                "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            },
            file,
        )
        file.flush()
        yield


def _command(argv: Sequence[str]) -> str:
    """Return what a person called, without the ids of what is to be forgotten."""
    name, *arguments = argv
    return " ".join([Path(name).name, *arguments[: 1 if "forget" in arguments[:1] else None]])


def _who(path: str) -> str:
    try:
        who = json.loads(Path(path).read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']} ({who['command']})"
    except (OSError, ValueError, KeyError):
        return "another process"
