"""One process works on a folder; a second one is told who holds it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.embedded.lock import held
from streams.errors import Held

HOLDER = """
import sys
from pathlib import Path
from streams.embedded.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
ROOT = Path(__file__).parents[3]


@contextmanager
def another_process_holds(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), "--some-flag"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_second_is_told_the_process_and_its_command(tmp_var: Path) -> None:
    with another_process_holds(tmp_var) as process:
        with pytest.raises(Held) as caught, held(tmp_var):
            pass
        assert f"process {process.pid} on " in str(caught.value)
        assert f"{tmp_var} --some-flag" in str(caught.value)
        assert "stop it or use --var" in str(caught.value)


def test_a_killed_holder_lets_go(tmp_var: Path) -> None:
    with another_process_holds(tmp_var) as process:
        process.kill()
        process.wait()
        with held(tmp_var):
            assert str(process.pid) not in (tmp_var / "lock").read_text()


def test_after_the_work_the_folder_is_free(tmp_var: Path) -> None:
    with held(tmp_var), pytest.raises(Held), held(tmp_var):
        pass
    with held(tmp_var):
        assert (tmp_var / "lock").exists()


def test_a_failure_of_the_work_frees_the_folder(tmp_var: Path) -> None:
    def work() -> None:
        with held(tmp_var):
            raise ValueError("no such text")

    with pytest.raises(ValueError, match="no such text"):
        work()
    with held(tmp_var):
        assert (tmp_var / "lock").read_text().startswith("{")


def test_a_folder_is_made_where_there_is_none(tmp_path: Path) -> None:
    with held(tmp_path / "new" / "var"):
        assert (tmp_path / "new" / "var" / "lock").is_file()


@pytest.mark.parametrize("written", ["", "{", '{"pid": 1}', "\ufeff"])
def test_a_holder_that_cannot_be_named_is_still_a_holder(tmp_var: Path, written: str) -> None:
    with held(tmp_var):
        (tmp_var / "lock").write_text(written)
        with pytest.raises(Held, match="another process"), held(tmp_var):
            pass
