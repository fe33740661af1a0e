"""What libraries say again and again is said once in a while."""

import logging

import pytest

from streams.program.logs import QUIET_SECONDS, libraries_to_standard_error


def say(logger: logging.Logger, at: float, text: str = "node %s is away") -> None:
    record = logger.makeRecord(logger.name, logging.ERROR, "f.py", 7, text, (1,), None)
    record.created = at
    logger.handle(record)


def test_lines_alike_are_counted_and_shown_again_after_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("aiokafka")
    for name in ("handlers", "propagate", "level"):
        monkeypatch.setattr(logger, name, getattr(logger, name))
    libraries_to_standard_error()
    for second in range(5):
        say(logger, second)
    say(logger, QUIET_SECONDS + 1, "node %s\x1b[2J is away")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("aiokafka: ")[2] for line in lines] == [
        "node 1 is away",
        "node 1\u241b[2J is away (and 4 more like it)",
    ]
