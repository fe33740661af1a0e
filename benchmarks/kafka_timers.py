"""Where the time of a classify worker goes: processor time, put down to parts of the work."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any

from streams.asking import Asking
from streams.feed import Feed, Version
from streams.kafka.publisher import Publisher
from streams.kafka.worker import Worker
from streams.stages import classify

BATCH = "batch"
PREDICTION = "prediction"

PARTS = {
    BATCH: (Worker, "_batch"),
    "reading texts": (classify.Classify, "_text"),
    "index of ids": (classify, "claimed"),
    "feed and backlog": (Feed, "newest"),
    "feed and backlog ": (Asking, "now"),
    PREDICTION: (Version, "scored"),
    "records": (classify.Classify, "_answer"),
    "publishing": (Publisher, "publish"),
}


class Timers:
    """Wraps the parts; what is measured is the processor time of the thread that does them.

    An awaited part has all of the loop's work meanwhile, its own tasks' and the client's.
    """

    def __init__(self) -> None:
        self._spent = dict.fromkeys(PARTS, 0.0)
        self._began: tuple[float, float] | None = None
        for name, (owner, function) in PARTS.items():
            setattr(owner, function, self._timed(name, getattr(owner, function)))

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                self._spent[name] += time.thread_time() - began

        @functools.wraps(function)
        async def awaited(*given: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return await function(*given, **named)
            finally:
                self._spent[name] += time.thread_time() - began

        return awaited if inspect.iscoroutinefunction(function) else timed

    def begin(self) -> None:
        """From now on it counts."""
        self._spent = dict.fromkeys(PARTS, 0.0)
        self._began = time.thread_time(), time.process_time()

    def end(self) -> dict[str, float]:
        """Processor seconds by part, since `begin`; called in the loop's thread."""
        assert self._began is not None
        loop = time.thread_time() - self._began[0]
        whole = time.process_time() - self._began[1]
        found: dict[str, float] = {}
        for name, seconds in self._spent.items():
            found[name.strip()] = found.get(name.strip(), 0.0) + seconds
        batch = found.pop(BATCH)
        inside = sum(found.values()) - found[PREDICTION]  # which is done in another thread
        found["rest of the batch"] = batch - inside
        found["Faust around it"] = loop - batch
        found["fetching, other threads"] = whole - loop - found[PREDICTION]
        return found
