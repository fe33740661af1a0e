"""The set-up (tools/setup.py, Makefile) and the files around it, tried in copies of the project.

The copies depend on nothing but a stand-in for setuptools, given to pip as a local file: every
step is the real one, and none needs the network.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# Enough of PEP 517 and 660 to install a folder: a wheel that says what it is and holds nothing.
STAND_IN_BACKEND = """
import zipfile
from pathlib import Path

NAME = "redstream-0.1.0-py3-none-any.whl"
FILES = {
    "METADATA": "Metadata-Version: 2.1\\nName: redstream\\nVersion: 0.1.0\\n"
    "Provides-Extra: dev\\nProvides-Extra: bench\\n",
    "WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(Path(wheel_directory) / NAME, "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr("redstream-0.1.0.dist-info/" + name, text)
        wheel.writestr("redstream-0.1.0.dist-info/RECORD", "")
    return NAME

build_wheel = build_editable
"""


def stand_in_setuptools(folder: Path) -> None:
    """A wheel of a setuptools newer than any real one, so that pip takes it."""
    files = {
        "setuptools/__init__.py": "",
        "setuptools/build_meta.py": STAND_IN_BACKEND,
        "setuptools-999.0.dist-info/METADATA": (
            "Metadata-Version: 2.1\nName: setuptools\nVersion: 999.0\n"
        ),
        "setuptools-999.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{name},sha256={digest.decode()},{len(text.encode())}\n"
    files["setuptools-999.0.dist-info/RECORD"] = record + "setuptools-999.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / "setuptools-999.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


def copy_of_project(folder: Path) -> Path:
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "tools/setup.py"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    (folder / "constraints.txt").write_text("setuptools==999.0\n")
    return folder


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """As in an empty home, with no set-up of pip but the stand-in, and with this Python first."""
    ours = ("MAKE", "MFLAGS", "PIP_", "PYTHON")  # MAKE...: these tests may run under make
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    wheels = folder.parent / "wheels"
    wheels.mkdir(exist_ok=True)
    stand_in_setuptools(wheels)
    base = {
        "HOME": str(home),
        "PATH": f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
        "REDSTREAM_SETUP_NEEDS_GB": "0",
    }
    return kept | base | changes


def set_up(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "setup"],
        cwd=folder,
        env=environment(folder, **changes),
        capture_output=True,
        text=True,
        timeout=100,
    )


def fake_python(folder: Path, version: str, *, venv: bool = True) -> str:
    """A program that answers as a Python of that version does when set-up asks for it."""
    path = folder / f"python-{version}"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) {"true" if venv else "false"};; '
        f"*) echo {version};; esac\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_of_project(tmp_path / "a folder with spaces")


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.13", "3.14.0"])
def test_a_python_that_does_not_fit_is_named_with_its_version(
    project: Path, tmp_path: Path, version: str
) -> None:
    python = fake_python(tmp_path, version)
    done = set_up(project, PYTHON=python)
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert f"{python} is {version}" in done.stderr
    assert not (project / ".venv").exists()


def test_an_old_python_can_run_the_set_up_far_enough_to_refuse() -> None:
    source = (PROJECT / "tools/setup.py").read_text()
    compile(source, "setup.py", "exec")
    for too_new in ("from __future__", ":=", "match ", " | None", "removeprefix", "capture_output"):
        assert too_new not in source


def test_a_python_without_its_venv_module_is_answered_with_the_package_to_install(
    project: Path, tmp_path: Path
) -> None:
    done = set_up(project, PYTHON=fake_python(tmp_path, "3.12.1", venv=False))
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr


def test_too_little_disk_is_said_before_anything_is_downloaded(project: Path) -> None:
    done = set_up(project, REDSTREAM_SETUP_NEEDS_GB="999999")
    assert done.returncode != 0
    assert re.search(r"needs 999999\.0 GB in .*, \d+\.\d GB are free", done.stderr)
    assert not (project / ".venv").exists()


def test_no_network_is_told_apart_and_the_next_run_goes_on(project: Path) -> None:
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_NO_INDEX": "0",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
    }
    done = set_up(project, **nowhere)
    assert done.returncode != 0
    assert "no network" in done.stderr
    assert "run make again" in done.stderr

    done = set_up(project)
    assert done.returncode == 0, done.stderr
    assert "incomplete" in done.stdout
    assert "set-up done in" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)  # ten starts of pip: 20 s on an idle machine
def test_set_up_once_then_quick_then_again_only_where_needed(project: Path) -> None:
    # Two at once do the work once.
    both = [
        subprocess.Popen(
            ["make", "setup"],
            cwd=project,
            env=environment(project),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert "".join(outputs).count("set-up done in") == 1
    assert "".join(outputs).count("another make is setting up") <= 1
    assert "GB to download" in "".join(outputs)

    # With nothing changed it is silent and quick.
    began = time.perf_counter()
    done = set_up(project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.perf_counter() - began < 2  # .2 s on an idle machine

    # A changed input brings the same .venv up to date.
    mark = project / ".venv/mark"
    mark.touch()
    with (project / "constraints.txt").open("a") as constraints:
        constraints.write("# changed\n")
    done = set_up(project)
    assert "bringing .venv up to date" in done.stdout
    assert mark.exists()

    # One that fails half-way leaves what worked, and is tried again.
    (project / "constraints.txt").write_text("setuptools==999.1\n")
    failed = set_up(project)
    assert failed.returncode != 0
    assert "index lacks a pinned version" in failed.stderr  # and no word of the network
    (project / "constraints.txt").write_text("setuptools==999.0\n")
    assert "bringing .venv up to date" in set_up(project).stdout
    assert mark.exists()

    # A virtual environment does not survive a move of its folder.
    moved = project.rename(project.with_name("moved"))
    assert "moved" in set_up(moved).stdout
    assert not (moved / ".venv/mark").exists()
    assert set_up(moved).stdout == ""


def pins() -> dict[str, str]:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): version for name, version in found}


def test_constraints_pin_every_dependency_to_one_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = {
        re.split(r"[<>=!~\[; ]", requirement)[0]
        for requirement in [
            *project["dependencies"],
            *extras["dev"],
            *extras["bench"],
            *extras["otel"],
            "setuptools",
        ]
    }
    assert named | {"setuptools"} <= pins().keys()
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins().values())


def test_make_help_lists_every_target_with_a_line() -> None:
    listed = subprocess.run(
        ["make"], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=20
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"make {target} +\w", listed), target
    assert {"run", "test", "check", "bench", "clean"} <= set(phony[1].split())


def test_ci_runs_what_a_person_runs() -> None:
    script = PROJECT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()
