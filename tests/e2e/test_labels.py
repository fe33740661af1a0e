"""`redstream labels` as a user meets it: while a run goes on, and between runs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import program
from tests.e2e.program import redstream

EXAMPLES = [
    "The coffee machine on the third floor leaks all over the counter",
    "no coffee beans left in the coffee machine",
    "coffee machine shows descale and does not brew coffee",
    "espresso from the coffee machine is cold since monday",
    "somebody please clean the coffee machine, the milk has gone off",
]
BEFORE = {
    "C1": "the coffee machine by the lifts is out of beans again",
    "C2": "coffee machine: error 8, no coffee",
}
AFTER = {
    "D1": "our coffee machine is leaking again, milk and coffee everywhere",
    "D2": "coffee machine does not brew, the display says descale",
    "D3": "no milk and no beans in the coffee machine",
}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    path = tmp_path / "coffee.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in EXAMPLES))
    return path


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Of the bundled texts, and of those about coffee, for which there is no label at first."""
    path = tmp_path / "gold.jsonl"
    rows = [{"id": id_, "label": "coffee"} for id_ in (*BEFORE, *AFTER)]
    path.write_text(program.GOLD.read_text() + "".join(json.dumps(row) + "\n" for row in rows))
    return path


class Stream:
    """A run that reads from a pipe which stays open."""

    def __init__(self, process: subprocess.Popen[bytes], var: Path) -> None:
        self._process = process
        self._var = var
        self._sent = 0

    def decided(self, before: int) -> Stream:
        """Note how many were decided about already."""
        self._sent = before
        return self

    def send(self, lines: list[bytes]) -> None:
        """Send lines and wait until each has a label or is held."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(line + b"\n" for line in lines))
        self._process.stdin.flush()
        self._sent += len(lines)
        self.until(
            lambda: len(program.latest(self._var).keys() | program.held(self._var)) == self._sent
        )

    def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            assert self._process.poll() is None, self._process.communicate()[1].decode()
            time.sleep(0.2)

    def end(self) -> str:
        """Close the pipe, and return what the run printed."""
        output, errors = self._process.communicate()
        assert self._process.returncode == 0, errors.decode()
        assert b"Traceback" not in errors, errors.decode()
        return output.decode()


@contextmanager
def streaming(var: Path, *judge: str) -> Iterator[Stream]:
    process = program.start("run", "-", *judge, "--var", str(var))
    try:
        yield Stream(process, var)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def bundled(start: int, count: int) -> list[bytes]:
    return program.TEXTS.read_bytes().splitlines()[start : start + count]


def lines(texts: dict[str, str]) -> list[bytes]:
    return [json.dumps({"id": id_, "text": text}).encode() for id_, text in texts.items()]


def labels(var: Path) -> dict[str, str]:
    return {id_: event.label for id_, event in program.latest(var).items()}


@pytest.mark.timeout(240)
def test_labels_come_and_go_while_a_run_goes_on(var: Path, examples: Path, gold: Path) -> None:
    at = ("--var", str(var))
    with streaming(var, "--judge", "simulated", "--gold", str(gold)) as stream:
        stream.send([*bundled(0, 30), *lines(BEFORE)])
        assert "coffee" not in labels(var).values()

        told = redstream("labels", "add", "coffee", "--examples", str(examples), *at)
        assert "coffee is added, with 5 examples: model " in told
        stream.send(lines(AFTER))
        assert {labels(var).get(id_) for id_ in AFTER} == {"coffee"}
        # Those that came too early were held, and are examined again.
        stream.until(lambda: labels(var).get("C1") == labels(var).get("C2") == "coffee")

        assert "called espresso now" in redstream("labels", "rename", "coffee", "espresso", *at)
        stream.send(lines({"E1": "the coffee machine needs beans and milk"}))
        before = labels(var)
        assert before["D1"] == "coffee"  # events are history

        told = redstream("labels", "retire", "room_booking", *at)
        assert "room_booking is retired: model " in told
        retired = {i for i, label in before.items() if label == "room_booking"}
        stream.send(bundled(30, 60))
        now = {i for i, label in labels(var).items() if label == "room_booking"}
        assert now == retired

        error = redstream("labels", "add", "espresso", *at, fails=True)
        assert error == "redstream: there is a label 'espresso' already\n"
        assert "waits" not in stream.end()
    listed = redstream("labels", "list", *at)
    assert "coffee is called espresso now." in listed
    assert "Retired: room_booking." in listed
    assert "No dead letters." in redstream("deadletters", "list", *at)


def test_between_runs_a_guide_is_enough_and_the_next_run_knows_it(var: Path) -> None:
    at = ("--var", str(var))
    guide = "The coffee machine: leaking, out of beans or milk, not brewing, descale."
    told = redstream("labels", "add", "coffee", "--guide", guide, *at)
    assert "coffee is added, with 0 examples: model 2." in told
    assert guide in redstream("guides", "show", "coffee", *at)
    stdin = b"\n".join(lines(AFTER))
    redstream("run", "-", *at, stdin=stdin, REDSTREAM_TARGET="0.5")
    events = program.latest(var)
    said = {id_: event.contenders[0].label for id_, event in events.items()}
    assert set(said.values()) <= {"coffee"}
    held = program.held(var)
    assert events.keys() | held == AFTER.keys()
    for id_ in held:
        assert "coffee" in redstream("explain", id_, *at)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "coffee", "--examples", "missing.jsonl"), "cannot read missing.jsonl"),
        (("add", "coffee", "--guide", "x", "--guide-file", "y"), "not with both"),
        (("retire", "room_boking"), "did you mean 'room_booking'?"),
        (("rename", "room_booking", "leaver"), "merge 'room_booking' into it"),
        (("merge", "leaver", "leaver"), "cannot be merged into itself"),
        (("list", "--var", "unfitted"), "redstream fit"),
    ],
)
def test_an_error_is_one_line(
    var: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    where = () if "--var" in arguments else ("--var", str(var))
    arguments = tuple(str(tmp_path / part) if part == "unfitted" else part for part in arguments)
    error = redstream("labels", *arguments, *where, fails=True)
    assert told in error
    assert error.count("\n") == 1
