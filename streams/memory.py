"""Memory of a process that has started and now works without end."""

from __future__ import annotations

import gc


def settle() -> None:
    """Call when everything is loaded: what is there by now is not looked through for garbage again.

    The libraries leave some million objects behind. Every full collection walks over all of them:
    half a second in which no text moves, once in some hundred texts.
    """
    gc.collect()
    gc.freeze()
