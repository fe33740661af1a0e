"""`redstream up --local`: one worker of each stage on this machine, started again if it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from streams.program.assembly import BUILT
from streams.program.settings import Settings
from streams.topology import JUDGE, REMEMBER

STOP_SECONDS = 12.0
"""After which a worker that was told to stop is killed."""

LONGEST_WAIT = 30.0


@dataclass
class _Child:
    stages: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    due: float = 0.0
    began: float = field(default_factory=time.monotonic)


def up(settings: Settings) -> None:
    """Start them, and stop them all when told to."""
    together = (JUDGE.name, REMEMBER.name) if settings.qdrant is None else ()
    # Without a server the examples lie in the folder, which one process can open.
    alone = [(name,) for name in BUILT if name not in together]
    children = [_Child(stages) for stages in [*alone, *([together] if together else [])]]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    environments = [environment(settings, place) for place in range(len(children))]
    try:
        while not stop.wait(0.2):
            for child, its in zip(children, environments, strict=True):
                _keep_up(child, its)
    finally:
        _stop(children)


def environment(settings: Settings, place: int) -> dict[str, str]:
    """Return the environment of the worker at this place: each has a port for metrics of its own,
    the one that is set and those behind it.
    """
    given = {"REDSTREAM_KAFKA": settings.kafka, "REDSTREAM_VAR": str(settings.var)}
    if settings.metrics_port:
        given["REDSTREAM_METRICS_PORT"] = str(settings.metrics_port + place)
    return {**os.environ, **{name: value for name, value in given.items() if value}}


def _keep_up(child: _Child, environment: dict[str, str]) -> None:
    now = time.monotonic()
    if child.process is not None:
        status = child.process.poll()
        if status is None:
            return
        child.failures = 0 if now - child.began > LONGEST_WAIT else child.failures + 1
        child.process, child.due = None, now + min(LONGEST_WAIT, 2.0**child.failures)
        print(f"worker {' '.join(child.stages)} ended ({status}), again", file=sys.stderr)
    if now >= child.due:
        command = [sys.executable, "-m", "streams.program", "worker", *child.stages]
        child.process = subprocess.Popen(command, env=environment, start_new_session=True)
        child.began = now


def _stop(children: list[_Child]) -> None:
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    until = time.monotonic() + STOP_SECONDS
    for process in running:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
