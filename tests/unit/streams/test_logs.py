"""Log lines: as JSON each is one object, whatever is in it."""

import json
import logging
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from streams.program.logs import LIBRARIES, libraries_to_standard_error, to_standard_error


@pytest.fixture(autouse=True)
def as_before() -> object:
    yield
    structlog.reset_defaults()
    for name in LIBRARIES:
        logging.getLogger(name).handlers = []


def test_each_json_line_is_an_object_with_what_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    to_standard_error("json")
    log = structlog.get_logger()
    log.warning("a dead letter", stage="judge", text_id="T\n1", trace_id="ab", bad="\udcff\x1b")
    try:
        raise ValueError("no number")
    except ValueError:
        log.exception("unexpected", stage="judge")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert first.pop("at").endswith("Z")
    assert first == {
        "event": "a dead letter",
        "level": "warning",
        "stage": "judge",
        "text_id": "T\n1",
        "trace_id": "ab",
        "bad": "\udcff\x1b",
    }
    assert "ValueError: no number" in second["exception"]


def test_lines_of_libraries_are_objects_too(capsys: pytest.CaptureFixture[str]) -> None:
    libraries_to_standard_error("json")
    logging.getLogger("aiokafka.conn").warning("no broker at %s", "x:1\n")
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told.pop("at").endswith("Z")
    assert told == {"level": "warning", "logger": "aiokafka.conn", "event": "no broker at x:1\n"}


def test_lines_for_people_stay_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    to_standard_error()
    structlog.get_logger().warning("waiting", why="a\x1bb")
    said = capsys.readouterr().err
    assert "[warning  ] waiting" in said
    assert "\x1b" not in said


def test_a_line_that_finds_no_room_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        to_standard_error("json")
        structlog.get_logger().warning("trying again", error="the disk is full")
        with suppress(OSError):
            stream.close()  # what is still to be written fails once more
