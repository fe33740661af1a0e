"""`redstream review` as a person meets it: in a terminal, while a run goes on, and by a script."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.records import Authority
from tests.e2e import program
from tests.e2e.program import redstream
from tests.e2e.terminal import terminal
from tests.unit.streams import reviewed_folder

OBEYED = re.compile(rb"\x1b\[2J|\x1b\]|\x07|\x08|\xc2\x9b")
HELD = {"H1", "H2"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which texts were run, a hostile one (H2) among them."""
    return reviewed_folder.run_folder(tmp_path_factory.mktemp("ran"))


@pytest.fixture
def var(ran: Path, tmp_path: Path) -> Path:
    shutil.copytree(ran, tmp_path / "var")
    return tmp_path / "var"


def persons(var: Path) -> dict[str, str]:
    return {
        id_: event.label
        for id_, event in program.latest(var).items()
        if event.authority is Authority.PERSON
    }


def test_a_person_decides_with_keys_and_what_is_decided_is_taken_in(var: Path) -> None:
    assert program.held(var) == HELD
    with terminal("review", "--var", str(var)) as person:
        first = "H1" if " H1 " in person.until("q quit") else "H2"
        person.press("2")
        person.until("→ ")
        person.until("q quit")
        person.press("u")
        person.until(f"undone: {first}")
        person.until("q quit")
        person.press("/roo\r")
        person.until("1  room")
        person.until("go back")
        person.press("1")
        person.until("→ room")
        person.until("q quit")
        person.press("n")
        person.until("→ none of the labels")
        person.until("u undoes")
        person.press("q")
        assert person.end() == 0
        assert "2 decided and taken in: model " in person.text
    (second,) = HELD - {first}
    assert persons(var) == {first: "room", second: ""}
    assert program.held(var) == set()
    told = redstream("explain", first, "--var", str(var))
    assert "→ room, by person" in told


def test_ctrl_c_and_a_kill_keep_what_was_decided(var: Path) -> None:
    with terminal("review", "--var", str(var)) as person:
        person.until("q quit")
        person.press("n")
        person.until("q quit")
        person.press("\x03")
        assert person.end() == 0
        assert "what was decided is kept" in person.text
    assert len(persons(var)) == 1
    with terminal("review", "--var", str(var)) as person:
        person.until("q quit")
        person.press("n")
        person.until("→ none")
        person.process.send_signal(signal.SIGKILL)
        person.end()
    assert len(persons(var)) == 1
    redstream("run", "-", "--var", str(var))
    assert len(persons(var)) == 2


def test_a_hostile_text_does_the_terminal_no_harm(var: Path) -> None:
    with terminal("review", "H2", "--var", str(var)) as person:
        person.until("q quit")
        person.press("m")
        person.until("Nearest")
        person.press("q")
        assert person.end() == 0
        assert "owned" in person.text
        assert not OBEYED.search(person.raw)
    with terminal("explain", "H2", "--var", str(var)) as person:
        assert person.end() == 0
        assert "owned" in person.text
        assert not OBEYED.search(person.raw)


@contextmanager
def streaming(var: Path) -> Iterator[None]:
    """A run that waits for more."""
    process = program.start("run", "-", "--var", str(var))
    try:
        assert process.stdin is not None
        process.stdin.write(b'{"text": "my printer"}\n')
        process.stdin.flush()
        until(lambda: str(process.pid) in (var / "lock").read_text(), "the run")
        yield
        output, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
        assert b"Traceback" not in errors, (output, errors)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_run_that_is_under_way_takes_it_in(var: Path) -> None:
    first, second = HELD
    with streaming(var):
        told = decide(var, first, "--label", "room")
        assert "the process that holds the folder takes them in" in told
        until(lambda: first in persons(var), told)
        decide(var, first, "--none")
        until(lambda: persons(var).get(first) == "", first)
        with terminal("review", second, "--var", str(var)) as person:
            person.until("q quit")
            person.press("1")
            person.until("u undoes")
            person.press(" ")
            assert person.end() == 0
        until(lambda: second in persons(var), second)
    assert program.held(var).isdisjoint({first, second})


def decide(var: Path, *arguments: str) -> str:
    return redstream("review", *arguments, "--var", str(var))


def until(reached: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_without_a_terminal_it_refuses_in_one_line(var: Path) -> None:
    told = redstream("review", "--var", str(var), fails=True)
    assert told.count("\n") == 1
    assert "redstream review ID --label LABEL" in told
    assert persons(var) == {}


def test_an_unknown_label_or_id_is_an_exit_code_and_a_name_that_is_near(var: Path) -> None:
    told = redstream("review", "H1", "--label", "romo", "--var", str(var), fails=True)
    assert "did you mean 'room'?" in told
    assert "no text 'none'" in redstream("review", "none", "--none", "--var", str(var), fails=True)
