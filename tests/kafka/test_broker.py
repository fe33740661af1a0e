"""The tests' own broker: fetched once by whoever comes first, and gone however the tests end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.broker import guarded
from tools.jars import POM, Unavailable, cached, fetched, version

FETCHES = """#!/bin/sh
for word; do case $word in -DoutputDirectory=*) folder=${word#*=};; esac; done
echo fetched >> "$COUNT"
mkdir -p "$folder" && sleep 0.3 && echo jar > "$folder/kafka.jar"
"""

REFUSES = """#!/bin/sh
echo "[ERROR] the repository cannot be reached"
exit 1
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of what a shell script needs, an empty cache, and a folder for `java` and `mvn`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "mkdir", "sleep", "echo"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    return folder


def put(folder: Path, name: str, script: str = "#!/bin/sh\n") -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def test_the_pom_names_no_host_but_those_of_its_own_names() -> None:
    assert version().split(".")[0] == "4"
    assert cached().name.startswith(version())
    assert "repositor" not in POM.read_text()


@pytest.mark.parametrize(("there", "missing"), [([], "java"), (["java"], "mvn")])
def test_what_is_missing_is_said(tools: Path, there: list[str], missing: str) -> None:
    for name in there:
        put(tools, name)
    with pytest.raises(Unavailable, match=f"there is no `{missing}`"):
        fetched()


def test_what_maven_says_is_told_and_nothing_is_left_behind(tools: Path) -> None:
    put(tools, "java")
    put(tools, "mvn", REFUSES)
    with pytest.raises(Unavailable, match="the repository cannot be reached"):
        fetched()
    assert list(cached().parent.iterdir()) == []


def test_two_that_come_at_once_get_one_folder_and_later_ones_need_no_maven(tools: Path) -> None:
    put(tools, "java")
    put(tools, "mvn", FETCHES)
    with ThreadPoolExecutor() as pool:
        found = {one.result() for one in [pool.submit(fetched) for _ in range(2)]}
    assert found == {cached()}
    assert [one.name for one in cached().parent.iterdir()] == [cached().name]
    assert (cached() / "kafka.jar").read_text() == "jar\n"
    (tools / "mvn").unlink()
    assert fetched() == cached()
    assert Path(os.environ["COUNT"]).read_text().split() == ["fetched"] * 2


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended may still wait to be noticed."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pid: int) -> bool:
    latest = time.monotonic() + 30
    while alive(pid) and time.monotonic() < latest:
        time.sleep(0.02)
    return not alive(pid)


PARENT = """
import sys, time
from pathlib import Path
from tools.broker import guarded
with Path(sys.argv[1]).open("wb") as log:
    guarded(["sh", "-c", "echo $$; exec sleep 100"], log)
time.sleep(100)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_broker_ends_with_the_tests_however_they_end(tmp_path: Path, how: int) -> None:
    said = tmp_path / "said"
    command = [sys.executable, "-c", PARENT, str(said)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as parent:
        latest = time.monotonic() + 60
        while not (said.exists() and said.read_text().endswith("\n")):
            assert time.monotonic() < latest
            time.sleep(0.02)
        broker = int(said.read_text())
        assert alive(broker)
        parent.send_signal(how)
    assert gone(broker)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_broker_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as log:
        started = guarded(["sh", "-c", "exit 3"], log)
    assert started.wait(30) == 3
    assert started.stdin is not None
    started.stdin.close()
