"""Log lines of the program: to standard error, so that output stays output."""

import json
import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, cast

import structlog

from streams.program.plain import hidden, visible

LIBRARIES = ("aiokafka", "faust", "mode", "opentelemetry")

QUIET_SECONDS = 30.0

Form = Literal["text", "json"]


def to_standard_error(form: Form = "text") -> None:
    """Send what the stages log to standard error: for people, without colours, or as JSON."""
    more: list[structlog.typing.Processor]
    if form == "json":
        more = [
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(default=str),  # in ASCII: nothing needs escaping
        ]
    else:
        more = [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.processors.format_exc_info,
            _without_secrets,
            _made_visible,
            structlog.dev.ConsoleRenderer(colors=False),
        ]
    structlog.configure(
        processors=[structlog.processors.add_log_level, *more],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Spare(sys.stderr))),
    )


class _Spare:
    """Where a line that cannot be written is none: a full disk must not end what is logged."""

    def __init__(self, to: TextIO) -> None:
        self._to = to

    def write(self, said: str) -> int:
        """Write, where there is room."""
        with suppress(OSError):
            self._to.write(said)
        return len(said)

    def flush(self) -> None:
        """Have it there, where there is room."""
        with suppress(OSError):
            self._to.flush()


def libraries_quiet() -> None:
    """For commands that end with one line: it says what Kafka's clients would say before it."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Once(logging.Filter):
    """Lets a line of a library through once in a while, and counts those that were alike.

    Brokers that are away for a minute are ten thousand lines of their client.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is to be shown; alike are lines of one place in the code."""
        place = f"{record.name}:{record.lineno}"
        last, more = self._said.get(place, (-QUIET_SECONDS, 0))
        if record.created - last < QUIET_SECONDS:
            self._said[place] = (last, more + 1)
            return False
        self._said[place] = (record.created, 0)
        record.more = f" (and {more} more like it)" if more else ""
        return True


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%H:%M:%S")
        said = visible(hidden(record.getMessage())) + getattr(record, "more", "")
        return f"{time} [{record.levelname.lower():<8}] {record.name}: {said}"


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        said = hidden(record.getMessage()) + getattr(record, "more", "")
        told = {"level": record.levelname.lower(), "at": at, "logger": record.name, "event": said}
        return json.dumps(told)


def libraries_to_standard_error(form: Form = "text") -> None:
    """Send what the clients of Kafka warn of there too, each thing once in a while."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Once())
    handler.setFormatter(_JsonLine() if form == "json" else _Line())
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


def _without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: hidden(it) if isinstance(it, str) else it for key, it in event.items()}


def _made_visible(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: visible(it) if isinstance(it, str) else it for key, it in event.items()}
