"""Log lines of the program: to standard error, so that output stays output."""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from streams.program.plain import visible


def to_standard_error() -> None:
    """Send what the stages log to standard error, without colours."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.processors.format_exc_info,
            _made_visible,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _made_visible(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: visible(it) if isinstance(it, str) else it for key, it in event.items()}
