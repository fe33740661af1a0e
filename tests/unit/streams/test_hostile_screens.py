"""Labels, names, guides, ids and texts that would steer a terminal: on every screen they are shown
as what they are, and markup in them is text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from streams.api import Redstream
from streams.program import screen
from streams.program.cli import app
from streams.program.logs import to_standard_error
from streams.program.plain import complain
from streams.program.settings import Settings
from tests.unit.streams import make, tiny

EVIL = "[red]x[/red]\x1b[2J\x9b31m\u202e\x07"
WORDS = f"\r{EVIL}"
SHOWN = "[red]x[/red]␛[2J\\u009b31m\\u202e␇"
"""The same as a person may see it."""

LABEL = f"room {EVIL}"

pytestmark = pytest.mark.usefixtures("own_logs")


def knows_rooms(text: str, labels: Sequence[str]) -> str | None:
    return LABEL if "room" in text and LABEL in labels else None


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with such a label and such texts, run once; and files beside it."""
    folder = tmp_path_factory.mktemp("hostile")
    examples = [
        (f"{text} {WORDS}", LABEL if label == "room" else label)
        for label, texts in tiny.EXAMPLES.items()
        for text in texts
    ]
    names = [{"label": LABEL, "name": f"The {WORDS}", "guide": f"Rooms. {WORDS}"}]
    files = {
        "examples": [{"text": text, "label": label} for text, label in examples],
        "labels": names,
        "texts": [
            {"id": f"t{i}", "text": f"{text} {WORDS}", "from": EVIL}
            for i, text in enumerate(["the room again", "hello there", "a room or a trip"])
        ],
        "gold": [{"id": f"t{i}", "label": "printer"} for i in range(3)],
        "known": [{"text": f"the hall {i} {EVIL}", "label": LABEL} for i in range(12)],
    }
    for name, rows in files.items():
        written = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(written, encoding="utf-8")
    var = folder / "var"
    desk = Redstream.fit(examples, var, encoder="hashing", rounds=0)
    desk.run([*files["texts"], {"id": EVIL, "text": "of no use"}], judge=knows_rooms, lockstep=True)
    return folder


@pytest.fixture
def call(hostile: Path, tmp_path: Path) -> Callable[..., Result]:
    folder = Path(shutil.copytree(hostile, tmp_path / "folder"))

    def call(*arguments: str) -> Result:
        given = [argument.replace("FOLDER", str(folder)) for argument in arguments]
        if "--var" not in given:
            given += ["--var", str(folder / "var")]
        there = {"COLUMNS": "400", "REDSTREAM_ENCODER": "hashing"}
        return CliRunner().invoke(app, given, env=there)

    return call


def harmless(output: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in output)


FILES = ("FOLDER/examples.jsonl", "--labels", "FOLDER/labels.jsonl")
SCREENS = {
    "status": ("status", "--gold", "FOLDER/gold.jsonl"),
    "evaluate": ("evaluate", "FOLDER/gold.jsonl"),
    "dead letters": ("deadletters", "list"),
    "labels": ("labels", "list"),
    "a label": ("labels", "show", LABEL),
    "a label retired": ("labels", "retire", LABEL, "--dry-run"),
    "a label merged": ("labels", "merge", "travel", LABEL, "--dry-run"),
    "a model": ("models", "show", "1"),
    "two models": ("models", "diff", "1"),
    "examples": ("examples", "show", LABEL),
    "guides": ("guides", "list"),
    "a guide": ("guides", "show", LABEL),
    "guides written": ("guides", "write"),
    "a text": ("explain", "t0"),
    "a judge": ("judge", "measure", "FOLDER/known.jsonl", "--judge", "simulated"),
    "a run": ("run", "FOLDER/texts.jsonl", "--judge", "simulated", "--gold", "FOLDER/gold.jsonl"),
    "a fit": ("fit", *FILES, "--var", "FOLDER/new"),
    "a label added": ("labels", "add", "new", "--name", EVIL, "--guide", WORDS),
}

WITHOUT_WORDS = {"dead letters", "a run", "a fit", "a label added"}
"""Screens on which none of them need be."""


@pytest.mark.parametrize("name", SCREENS)
def test_what_comes_from_outside_is_shown_and_not_obeyed(
    call: Callable[..., Result], name: str
) -> None:
    result = call(*SCREENS[name])
    assert harmless(result.output), ascii(result.output)
    assert result.exit_code in (0, 3), ascii(result.output)
    if name not in WITHOUT_WORDS:
        assert SHOWN in result.output, result.output


def test_settings_are_shown_as_they_are() -> None:
    there = {"REDSTREAM_LLM_MODEL": EVIL, "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["config"], env=there)
    assert harmless(result.output)
    assert SHOWN in result.output


def test_versions_are_listed_whatever_their_labels(call: Callable[..., Result]) -> None:
    result = call("models", "list")
    assert result.exit_code == 0
    assert harmless(result.output)


def test_the_original_of_a_dead_letter_is_visible_on_a_terminal_and_whole_in_a_pipe(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    position = call("deadletters", "list").output.split("texts/")[1].split()[0]
    whole = call("deadletters", "show", f"texts/{position}").stdout_bytes
    assert json.loads(whole)["id"] == EVIL
    monkeypatch.setattr("streams.program.deadletters_cli._is_terminal", lambda: True)
    assert harmless(call("deadletters", "show", f"texts/{position}").output)


def test_what_was_wrong_with_a_dead_letter_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen.dead_letters([make.letter(message=WORDS)])
    found = capsys.readouterr().out
    assert harmless(found)
    assert "[red]x" in found


def test_a_folder_a_step_and_a_line_of_progress_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen.say(EVIL)
    screen.console.print(screen.cell(Settings(var=Path(EVIL)).var))
    with screen.steps() as step:
        step(EVIL, 0.0)
    complain(WORDS)
    found = capsys.readouterr()
    assert harmless(found.out + found.err)
    assert found.out.count(SHOWN) == 3
    assert found.err == f"redstream: ␍{SHOWN}\n"


def test_log_lines_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    to_standard_error()
    structlog.get_logger().warning(f"what {EVIL}", error=EVIL, labels=[EVIL])
    found = capsys.readouterr().err
    assert harmless(found)
    assert found.count("[red]x[/red]") == 3
