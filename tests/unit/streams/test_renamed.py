"""Settings under their old names: read with a warning for a version, then refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import Fatal
from streams.program import configuration, renamed
from streams.program.configuration import load
from streams.program.renamed import RENAMED, Renamed, number
from streams.program.settings import Settings

# Nothing has been renamed yet: a made-up name stands for one.
OLD, LATE = {"aim": Renamed("target", "99.0")}, {"aim": Renamed("target", "0.1.0")}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(renamed, "_told", set())
    table(monkeypatch, OLD)
    return tmp_path


def table(monkeypatch: pytest.MonkeyPatch, names: dict[str, Renamed]) -> None:
    for module in (renamed, configuration):
        monkeypatch.setattr(module, "RENAMED", names)


def test_an_old_variable_is_read_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDSTREAM_AIM", "0.8")
    for _ in range(2):
        found = load({})
        assert (found.settings.target, found.origins["target"]) == (0.8, "environment")
    assert capsys.readouterr().err == (
        "redstream: the environment: REDSTREAM_AIM is called REDSTREAM_TARGET now: rename it;"
        " redstream 99.0 will not read the old name\n"
    )
    assert load({"target": 0.7}).settings.target == 0.7


def test_an_old_line_of_the_file_is_read_with_one_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "redstream.toml").write_text("audit = 0.1\naim = 0.8\n")
    found = load({})
    assert (found.settings.target, found.origins["target"]) == (0.8, "file")
    assert "redstream.toml:2: aim is called target now" in capsys.readouterr().err
    monkeypatch.setenv("REDSTREAM_TARGET", "0.7")
    assert load({}).settings.target == 0.7


def test_both_names_in_one_place_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "redstream.toml").write_text("target = 0.9\naim = 0.8\n")
    with pytest.raises(Fatal, match=r"redstream\.toml:2: aim is the old name of target"):
        load({})
    (folder / "redstream.toml").unlink()
    monkeypatch.setenv("REDSTREAM_AIM", "0.8")
    monkeypatch.setenv("REDSTREAM_TARGET", "0.9")
    with pytest.raises(Fatal, match="REDSTREAM_AIM is the old name of REDSTREAM_TARGET"):
        load({})


def test_after_its_version_an_old_name_is_refused_with_the_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(monkeypatch, LATE)
    (folder / "redstream.toml").write_text("aim = 0.8\n")
    with pytest.raises(Fatal, match=r"redstream\.toml:1: aim is renamed to target"):
        load({})
    (folder / "redstream.toml").unlink()
    monkeypatch.setenv("REDSTREAM_AIM", "0.8")
    with pytest.raises(Fatal, match="REDSTREAM_AIM is renamed to REDSTREAM_TARGET"):
        load({})


def test_a_wrong_value_under_an_old_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSTREAM_AIM", "7")
    with pytest.raises(Fatal, match=r"setting REDSTREAM_TARGET: .*less than 1"):
        load({})


def test_the_table_leads_from_names_that_are_no_settings_to_settings() -> None:
    assert not RENAMED.keys() & Settings.model_fields.keys()
    assert {one.now for one in RENAMED.values()} <= Settings.model_fields.keys()
    assert all(number(one.until) for one in RENAMED.values())


def test_versions_are_compared_by_their_numbers() -> None:
    assert number("0.10.0") > number("0.9.1") > number("0.9")
