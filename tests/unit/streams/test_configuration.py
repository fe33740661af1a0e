"""Settings: where they come from, what is wrong with them, and what changed since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import Fatal
from streams.program import config_file
from streams.program.changed import MEANS, changed
from streams.program.cli import app
from streams.program.configuration import Configuration, load, secrets
from streams.program.keys import key_of
from streams.program.options import use_file
from streams.program.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(content: str, path: Path = Path("redstream.toml")) -> Configuration:
    path.write_text(content)
    return load({}, None if path.name == "redstream.toml" else path)


def test_a_flag_beats_the_environment_which_beats_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load({}).origins["target"] == "default"
    found = written("target = 0.9\naudit = 0.2\nrounds = 3")
    assert (found.settings.target, found.origins["target"]) == (0.9, "file")
    monkeypatch.setenv("REDSTREAM_TARGET", "0.8")
    monkeypatch.setenv("REDSTREAM_ROUNDS", "2")
    found = load({"target": 0.7, "rounds": None})
    assert (found.settings.target, found.origins["target"]) == (0.7, "flag")
    assert (found.settings.rounds, found.origins["rounds"]) == (2, "environment")
    assert (found.settings.audit, found.origins["audit"]) == (0.2, "file")


def test_another_file_is_named_and_what_it_names_lies_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "there").mkdir()
    written("target = 0.9")
    path = folder / "there" / "own.toml"
    found = written('var = "state"\nguides = "/etc/guides.md"', path)
    assert found.settings.var == folder / "there" / "state"
    assert found.settings.guides == Path("/etc/guides.md")
    assert found.settings.target == 0.95
    monkeypatch.setenv("REDSTREAM_CONFIG", str(path))
    assert load({}).file == path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("audit = 0.1\ntagret = 0.9", r"redstream.toml:2: .*'tagret'; did you mean target\?"),
        ("target = 7", "redstream.toml: target: .*less than 1"),
        ('rounds = "many"', "redstream.toml: rounds: .*integer"),
        ('llm_key = "sk-1"', "redstream.toml:1: llm_key is a secret.*REDSTREAM_LLM_KEY.*key_file"),
        ("\n[llm]\nmodel = 1", r"redstream.toml:2: \[llm\] is a table"),
        ("target: 0.9", "not TOML"),
        ("zzzzzz = 1", "`redstream config` shows all"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(content: str, says: str) -> None:
    with pytest.raises(Fatal, match=says) as told:
        written(content)
    assert "sk-1" not in str(told.value)


def test_a_variable_that_is_no_setting_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSTREAM_TEST_KAFKA", "127.0.0.1:9092")
    monkeypatch.setenv("REDSTREAM_JUGDE", "llm")
    with pytest.raises(Fatal, match=r"REDSTREAM_JUGDE.*did you mean REDSTREAM_JUDGE"):
        load({})


def test_a_file_that_is_named_has_to_be_there(folder: Path) -> None:
    with pytest.raises(Fatal, match="cannot read"):
        load({}, folder / "none.toml")


def test_what_init_writes_changes_nothing_and_holds_every_setting() -> None:
    content = config_file.content()
    assert written(content).settings == Settings()
    for name in set(Settings.model_fields) - secrets():
        assert f"\n#{name} = " in content
    assert not any(f"#{name} = " in content for name in secrets())
    bare = [line[1:] for line in content.splitlines() if line.startswith("#") and line[1] != " "]
    found = written("\n".join(line for line in bare if not line.endswith("…")))
    assert {name: str(value) for name, value in found.settings} == {
        name: str(value) for name, value in Settings()
    }


def test_init_leaves_a_file_as_it_is(folder: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["init"]).exit_code == 0
    (folder / "redstream.toml").write_text("target = 0.9")
    assert isinstance(runner.invoke(app, ["init"]).exception, Fatal)
    assert (folder / "redstream.toml").read_text() == "target = 0.9"


def test_config_shows_where_values_come_from_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSTREAM_LLM_KEY", "sk-very-secret")
    monkeypatch.setenv("REDSTREAM_VAR", "elsewhere")
    for arguments in (["config"], ["config", "--json"]):
        told = CliRunner().invoke(app, arguments).output
        assert "sk-very-secret" not in told
        assert "hidden" in told
    found = json.loads(told)
    assert found["settings"]["var"] == {"value": "elsewhere", "from": "environment"}
    assert found["settings"]["target"] == {"value": 0.95, "from": "default"}


def test_a_command_reads_the_file_it_is_given(folder: Path) -> None:
    (folder / "own.toml").write_text("target = 0.5")
    try:
        told = CliRunner().invoke(app, ["--config", "own.toml", "config", "--json"]).output
    finally:
        use_file(None)
    assert json.loads(told)["settings"]["target"] == {"value": 0.5, "from": "file"}


def test_a_run_with_other_settings_says_so_once(folder: Path) -> None:
    path = folder / "settings.json"
    assert changed(Settings(), path) == []
    other = Settings(target=0.9, llm_model="better", llm_key="sk-1")  # type: ignore[arg-type]
    lines = changed(other, path)
    assert len(lines) == 2
    assert any("target is 0.9 now, and was 0.95" in line for line in lines)
    assert any("llm_model is better now, and was not set" in line for line in lines)
    assert changed(other, path) == []
    assert "sk-1" not in path.read_text()
    path.write_text("[")
    assert changed(Settings(), path) == []


def test_what_is_compared_are_settings() -> None:
    assert set(MEANS) <= set(Settings.model_fields) - secrets()


def test_a_key_may_lie_in_a_file(folder: Path) -> None:
    (folder / "key").write_text("abc\n")
    settings = Settings(qdrant_key_file=folder / "key")
    assert key_of(settings, "qdrant") == "abc"
    assert key_of(settings, "llm") == ""
    (folder / "key").write_text("\n")
    with pytest.raises(Fatal, match=r"REDSTREAM_QDRANT_KEY_FILE .* is empty"):
        key_of(settings, "qdrant")
