"""`redstream guides`, in this process, over a folder fitted for real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from judge.guides import Guide
from judge.guides.history import History
from models.errors import Fatal
from streams.embedded.log import SqliteLog
from streams.feed import Feed
from streams.program import guides_cli
from streams.program.cli import app
from streams.program.folder import Folder
from streams.program.guides import open_desk, open_guides
from streams.program.guides_write import accept, compose_all, propose
from streams.program.settings import Settings
from tests.loopback.server import Loopback
from tests.unit.streams import tiny

KEY = "sk-right-key-0123456789"


pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = {"label": "room", "name": "meeting room", "guide": "Booking rooms."}
    return tiny.fit_folder(tmp_path_factory.mktemp("fitted"), named)


@pytest.fixture
def call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REDSTREAM_LLM_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def call(*arguments: str, **environment: str) -> Result:
        given = ["guides", *arguments, "--var", str(settings.var)]
        result = CliRunner().invoke(app, given, env={"COLUMNS": "200", **environment})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def write(settings: Settings, content: str) -> Path:
    path = Folder(settings.var).guides
    path.write_text(content, encoding="utf-8")
    return path


def test_every_label_has_a_guide_before_anything_is_written(settings: Settings) -> None:
    with closing(SqliteLog(Folder(settings.var).log, read_only=True)) as log:
        book = open_guides(settings, log, Feed(log).newest().classifier)
    assert sorted(book) == sorted(tiny.LABELS)
    assert book["room"] == Guide.of("room", "meeting room", "Booking rooms.")
    assert book["travel"].text.startswith('Texts such as "')
    kept = {
        one.guide.label: one.origin for one in History(Folder(settings.var).guide_versions).all()
    }
    assert kept == {
        "room": "fit",
        "travel": "composed",
        "printer": "composed",
        "password": "composed",
    }


def test_without_a_terminal_the_change_is_shown_and_not_made(
    settings: Settings, call: Callable[..., Result]
) -> None:
    result = call("write", "travel")
    assert result.exit_code == guides_cli.NOTHING_CHANGED
    assert "+## travel" in result.output
    assert '+Texts such as "' in result.output
    assert "Nothing was changed." in result.output
    assert not Folder(settings.var).guides.exists()


def test_agreed_it_is_written_and_again_it_is_no_change(
    settings: Settings, call: Callable[..., Result]
) -> None:
    first = call("write", "--yes")
    assert first.exit_code == 0
    assert "left alone (name them to write them anew): room" in first.output
    assert f"3 guides written (composed): {Folder(settings.var).guides}" in first.output
    content = Folder(settings.var).guides.read_text()
    second = call("write", "--yes")
    assert (second.exit_code, "No guide would change." in second.output) == (0, True)
    assert Folder(settings.var).guides.read_text() == content


@pytest.mark.parametrize(
    ("answer", "code", "text"), [(True, 0, "Texts such as"), (False, 3, "Mine")]
)
def test_what_a_person_wrote_is_overwritten_only_named_and_confirmed(
    settings: Settings,
    call: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    code: int,
    text: str,
) -> None:
    path = write(settings, "## travel\nMine.\n")
    unnamed = call("write", "--yes")
    assert "left alone (name them to write them anew): room, travel" in unnamed.output
    assert "Mine." in path.read_text()
    asked: list[str] = []
    monkeypatch.setattr(guides_cli, "_is_terminal", lambda: True)
    monkeypatch.setattr(
        guides_cli.typer, "confirm", lambda question, default: asked.append(question) or answer
    )
    named = call("write", "travel")
    assert named.exit_code == code
    assert "WRITTEN BY A PERSON, and would be replaced: travel" in named.output
    assert "-Mine." in named.output
    (question,) = asked
    assert "over what a person wrote (travel)" in question
    assert text in path.read_text().split("## travel")[1].split("##")[0]
    # The person's version is kept, whatever was answered.
    kept = History(Folder(settings.var).guide_versions).of("travel")
    assert [(one.guide.text, one.origin) for one in kept if one.origin == "hand"] == [
        ("Mine.", "hand")
    ]


def test_what_came_with_the_label_is_a_persons_too_and_is_shown_as_replaced(
    settings: Settings, call: Callable[..., Result]
) -> None:
    result = call("write", "room", "--yes")
    assert "WRITTEN BY A PERSON, and would be replaced: room" in result.output
    assert "-Booking rooms." in result.output
    assert "1 guides written" in result.output
    content = Folder(settings.var).guides.read_text()
    assert "Booking rooms." not in content
    assert "Texts such as" in content


def test_a_version_that_was_is_shown_again(settings: Settings, call: Callable[..., Result]) -> None:
    write(settings, "## travel\nOne.\n")
    first = Guide.of("travel", "travel", "One.")
    assert f"travel (travel), version {first.version}, by hand" in call("show", "travel").output
    write(settings, "## travel\nTwo.\n")
    now = call("show", "travel").output
    assert "Two." in now
    assert first.version in now
    assert "One." in call("show", "travel", "--version", first.version).output
    with pytest.raises(Fatal, match="no version 'x' of 'travel' is kept"):
        call("show", "travel", "--version", "x")


def test_a_label_that_does_not_exist_is_one_line_with_the_nearest(
    call: Callable[..., Result],
) -> None:
    for arguments in (("show", "printre"), ("write", "printre")):
        with pytest.raises(Fatal, match=r"no label 'printre'; did you mean 'printer'\?"):
            call(*arguments)


def test_check_names_what_is_odd_and_list_says_whose_each_is(
    settings: Settings, call: Callable[..., Result]
) -> None:
    path = write(settings, "## printre\nx\n## travel\n" + "long " * 20_000)
    checked = call("check")
    assert checked.exit_code == 0
    assert f"{path}: 1 guides for 4 labels." in checked.output
    assert f"{path}:1: a guide for 'printre', which is no label; did you mean 'printer'?" in (
        checked.stderr
    )
    assert "has 99,999 characters; a judge is shown the first 600" in checked.stderr
    listed = call("list").output
    (line,) = [line for line in listed.splitlines() if line.startswith("│ travel")]
    for word in ("hand", "yes", "99,999"):
        assert word in line
    assert "99,399 more characters" in call("show", "travel").output


def test_a_broken_file_is_one_line_with_its_number(
    settings: Settings, call: Callable[..., Result]
) -> None:
    path = write(settings, "## travel\nfine\n##room\n")
    for command in (("check",), ("list",), ("write", "--yes"), ("show", "travel")):
        with pytest.raises(Fatal, match=rf"^{path}:3: [^\n]+$"):
            call(*command)
    assert path.read_text() == "## travel\nfine\n##room\n"


def test_a_file_of_ones_own_is_used(
    settings: Settings, call: Callable[..., Result], tmp_path: Path
) -> None:
    own = tmp_path / "ours.md"
    assert call("write", "room", "--yes", "--guides", str(own)).exit_code == 0
    assert "## room" in own.read_text()
    assert not Folder(settings.var).guides.exists()


def test_a_file_changed_while_the_question_stood_is_not_overwritten(settings: Settings) -> None:
    path = write(settings, "## travel\nOne.\n")
    desk = open_desk(settings)
    proposal = propose(settings, desk, ["travel"], compose_all, "composed")
    path.write_text("## travel\nTwo.\n")
    with pytest.raises(Fatal, match="was changed meanwhile"):
        accept(desk, proposal)
    assert path.read_text() == "## travel\nTwo.\n"


class Writes(Loopback):
    """Writes a guide about whatever it is asked; `script` may make it fail."""

    def _said(self, body: dict[str, Any], mode: object) -> dict[str, Any]:
        row = next(ln for ln in body["messages"][-1]["content"].splitlines() if ln.startswith("["))
        means = f"About {json.loads(row)[1]}.\x1b[31m"
        return {"means": means, "excludes": "", "confusions": [], "examples": ["e1"]}


async def test_a_model_writes_and_the_key_is_never_shown(
    settings: Settings, call: Callable[..., Result]
) -> None:
    server = await Writes(key=KEY, script=("right", "malformed", "right")).start()
    there = {"REDSTREAM_LLM_URL": server.url, "REDSTREAM_LLM_KEY": KEY}
    try:
        result = await asyncio.to_thread(
            call, "write", "travel", "room", "--model", "tiny", "--yes", **there
        )
    finally:
        await server.stop()
    assert result.exit_code == 1  # one of them failed, and says so
    assert "redstream: no guide for room: no guide in its answer" in result.stderr
    assert "2 calls, 680 tokens." in result.output
    assert "1 guides written (tiny)" in result.output
    content = Folder(settings.var).guides.read_text()
    assert "## travel\nName: travel\n\nAbout travel." in content
    assert "## room" not in content
    assert {request["model"] for request in server.requests} == {"tiny"}
    for said in (result.output, result.stderr, content):
        assert KEY not in said
        assert "\x1b" not in said
    kept = History(Folder(settings.var).guide_versions).of("travel")
    assert kept[-1].origin == "tiny"


@pytest.mark.parametrize(
    ("arguments", "there", "told"),
    [
        (("--model", "large"), {}, "no LLM endpoint is set: REDSTREAM_LLM_URL"),
        ((), {"REDSTREAM_LLM_URL": "http://127.0.0.1:9/v1"}, "no LLM model is set"),
    ],
)
def test_half_an_endpoint_is_one_line(
    call: Callable[..., Result], arguments: tuple[str, ...], there: dict[str, str], told: str
) -> None:
    with pytest.raises(Fatal, match=told):
        call("write", *arguments, **there)
