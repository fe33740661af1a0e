"""Memory of a process that has started and now works without end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
