"""Memory of a process that has started and now works without end."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GIVEN_BACK_EVERY = 3.0
"""Seconds after which freed memory goes back to the system: 3 to 20 ms of work."""


@contextmanager
def settled() -> Iterator[None]:
    """Enter when everything is loaded: what is there by then is not looked through for garbage.

    The libraries leave some million objects behind. Every full collection walks over all of them:
    half a second in which no text moves, once in some hundred texts. They are let go at the end:
    what is still frozen when the process ends is reported by its libraries as leaked.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_ARENA_MAX = -8
"""glibc's number of the setting, in malloc.h."""


def _glibc(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None where it has none (these are glibc's own)."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
    return found


def share_one_arena() -> bool:
    """Have all threads take memory from one place; tell whether that can be set.

    Else every thread of work has an arena of its own, where a version of the model, a batch and
    what Qdrant scans come and go in blocks of all sizes. What is free between them is kept, and
    spreads: of 614 MB after 99,000 texts 180 were held so (44 after 10,000).
    """
    mallopt = _glibc("mallopt")
    return mallopt is not None and mallopt(_ARENA_MAX, 1) == 1


def give_back() -> bool:
    """Return freed memory to the system; tell whether there was any, and a way to do it."""
    trim = _glibc("malloc_trim")
    return trim is not None and trim(ctypes.c_size_t(0)) == 1


async def giving_back(every: float = GIVEN_BACK_EVERY) -> None:
    """Go on doing so, beside the work, until cancelled."""
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(give_back)
