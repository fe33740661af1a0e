"""A boundary: where something from outside comes in, what is put to it, and what an answer is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from hypothesis.strategies import SearchStrategy

from models.errors import RedstreamError
from streams.program.trouble import told

LONGEST_LINE = 2_000
"""Characters of what we say about something hostile: however much that was."""


class Unanswered(AssertionError):
    """Something from outside got no answer, or not one of ours."""


@dataclass(frozen=True)
class Boundary:
    """`put` has one input (or `many` in it) answered, and says how; it raises for what is none.

    `share` is its part of the inputs of the long form.
    """

    name: str
    given: SearchStrategy[Any]
    put: Callable[[Any], str]
    share: int = 1


def quiet() -> None:
    """Have no log lines: ten thousand complaints tell nobody anything."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def answered(work: Callable[[], object]) -> str:
    """Have something done: it gives a value, or one of our own errors with a line to show."""
    try:
        work()
    except RedstreamError as error:
        line = str(error)
        if not line.strip():
            raise Unanswered(f"{type(error).__name__} without a word") from error
        return "error"
    except Exception as error:
        if told(error) is None:
            raise
        return "error"
    return "value"
