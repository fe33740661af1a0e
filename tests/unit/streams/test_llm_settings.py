"""The settings of an LLM: what does not fit is one line that says what to set; the key stays in."""

from pathlib import Path
from typing import Any

import pytest

from models.errors import Fatal
from streams.program.keys import key_of
from streams.program.llm_settings import check, where
from streams.program.options import settings_of
from streams.program.settings import Settings

URL, MODEL = "http://127.0.0.1:8000/v1", "tiny"
SECRET = "sk-secret-0123456789"


def llm(**more: Any) -> Settings:
    return Settings(judge="llm", **{"llm_url": URL, "llm_model": MODEL, **more})


def test_a_local_endpoint_needs_url_and_model_and_no_key() -> None:
    check(llm())
    assert key_of(llm(), "llm") == ""
    assert where(llm()) == "127.0.0.1"


def test_the_defaults_are_those_of_the_house() -> None:
    given = llm()
    assert (given.llm_timeout, given.llm_patience, given.llm_temperature) == (12, 20, 0)
    assert (given.llm_answer_tokens, given.llm_examples, given.llm_wide) == (400, 8, 20)
    assert given.llm_all_names is False
    assert given.llm_per_minute is None
    assert given.llm_key is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(llm_url=URL), "REDSTREAM_LLM_URL is set, but the judge is 'local'"),
        (Settings(llm_model=MODEL), "add --judge llm"),
        (Settings(judge="simulated", llm_model=MODEL), "REDSTREAM_LLM_MODEL is set"),
        (Settings(judge="llm"), "no LLM endpoint is set: REDSTREAM_LLM_URL"),
        (Settings(judge="llm", llm_url=URL), "no LLM model is set: REDSTREAM_LLM_MODEL"),
        (llm(llm_url=""), "--llm-url"),
        (llm(llm_url="localhost"), "is no URL"),
        (llm(llm_url="http://[::1"), "is no URL"),
        (llm(llm_url=f"https://me:{SECRET}@llm.example/v1"), "give the key by itself"),
        (llm(llm_url=f"https://llm.example/v1?key={SECRET}"), "give the key by itself"),
        (llm(llm_timeout=20), "REDSTREAM_LLM_PATIENCE"),
        (llm(llm_timeout=5, llm_patience=5), "REDSTREAM_LLM_TIMEOUT"),
        (llm(llm_day_money=1.0), "REDSTREAM_LLM_DAY_MONEY is set, but no price"),
        (llm(llm_minute_tokens=500), "REDSTREAM_LLM_MINUTE_TOKENS (500) has no room"),
        (llm(llm_key=SECRET, llm_key_file="/nowhere"), "both set"),
        (llm(llm_key_file="/nowhere/key"), "cannot read REDSTREAM_LLM_KEY_FILE /nowhere/key"),
        (llm(llm_key="two words"), "REDSTREAM_LLM_KEY holds characters"),
        (llm(llm_key="sk-sécret"), "REDSTREAM_LLM_KEY holds characters"),
        (llm(llm_url="http://llm.example/v1", llm_key=SECRET), "REDSTREAM_LLM_PLAIN_KEY=true"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_loaded(settings: Settings, says: str) -> None:
    with pytest.raises(Fatal) as caught:
        check(settings)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    for secret in (SECRET, "two words", "sécret"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"llm_url": "https://llm.example/v1", "llm_key": SECRET},
        {"llm_url": "http://llm.example/v1", "llm_key": SECRET, "llm_plain_key": True},
        {"llm_url": "http://llm.example/v1"},
        {"llm_url": "http://localhost:1/v1", "llm_key": SECRET},
        {"llm_day_money": 1.0, "llm_price_in": 0.1},
        {"llm_minute_tokens": 700},
        {"llm_patience": 90, "llm_timeout": 60},
    ],
)
def test_what_fits_passes(more: dict[str, Any]) -> None:
    assert check(llm(**more)) is None


def test_a_key_in_a_file_is_read_without_the_blanks_around_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"  {SECRET}\n")
    assert key_of(llm(llm_key_file=tmp_path / "key"), "llm") == SECRET
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(Fatal, match="is empty"):
        key_of(llm(llm_key_file=tmp_path / "empty"), "llm")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Fatal, match="it is no text"):
        key_of(llm(llm_key_file=tmp_path / "bytes"), "llm")


def test_the_key_comes_from_the_environment_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDSTREAM_LLM_KEY", SECRET)
    settings = settings_of(judge="llm", llm_url=URL, llm_model=MODEL)
    assert key_of(settings, "llm") == SECRET
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown


def test_there_is_no_flag_for_a_key() -> None:
    from typer.testing import CliRunner

    from streams.program.cli import app

    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "160"}).output
    assert "--llm-url" in shown
    assert "--llm-key" not in shown
    assert "REDSTREAM_LLM_KEY_FILE" in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [("LLM_WIDE", "-1"), ("LLM_DAY_CALLS", "0"), ("LLM_PER_MINUTE", "0"), ("JUDGE", "gpt")],
)
def test_a_value_out_of_range_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"REDSTREAM_{name}", value)
    with pytest.raises(Fatal, match=f"setting REDSTREAM_{name}: "):
        settings_of()
