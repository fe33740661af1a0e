"""`redstream explain`: the whole story of a text, in words and as data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.errors import Fatal
from models.proposals import proposals
from streams.lookup import Lookup
from streams.program.cli import app
from streams.program.explain import Explained, explain
from streams.program.explain_screen import lines
from streams.program.labels import change
from streams.program.review import Review, take_in
from streams.program.rollback import rollback
from streams.program.settings import Settings
from streams.records import LabelCommand
from tests.unit.streams import folder, make, reviewed_folder, tiny

pytestmark = pytest.mark.usefixtures("own_logs")


@pytest.fixture
def settings(ran: Path, tmp_path: Path) -> Settings:
    shutil.copytree(ran, tmp_path / "var")
    return Settings(var=tmp_path / "var", encoder="hashing")


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        more = ["--var", str(settings.var), "--encoder", "hashing"]
        return CliRunner().invoke(app, ["explain", *arguments, *more])

    return call


def told(found: Explained) -> str:
    return "\n".join(lines(found))


def decide(settings: Settings, id_: str, label: str | None) -> None:
    with closing(Review(settings)) as desk:
        desk.decide(desk.item(id_), label)
    take_in(settings)


def standing(settings: Settings, id_: str) -> list[str]:
    return [one.standing for one in explain(settings, id_).asked.lessons]


def test_a_judged_text_has_its_whole_story(settings: Settings) -> None:
    found = explain(settings, "J1")
    text, decided_by = told(found), found.story.verdicts[0].model
    assert text.startswith("J1: hello from the beach\n  from texts/0/")
    assert "from: desk" in text
    assert "→ travel, by judge" in text
    assert "verify travel → valid travel" in text
    assert f"Model {found.asked.serving}, in service, says: travel" in text
    assert [one.version for one in found.asked.versions] == [decided_by, found.asked.serving]
    assert found.asked.changes[-1].version == found.asked.serving
    assert "travel" in found.asked.changes[-1].labels
    (lesson,) = found.asked.lessons
    assert (lesson.kind, lesson.label, lesson.signed) == ("accepted", "travel", "knows_two")
    assert lesson.standing == "an example in use, of 8 of travel"
    assert lesson.version == found.asked.serving


def test_an_undecided_text_tells_what_it_waits_for(settings: Settings) -> None:
    text = told(explain(settings, "H1"))
    assert "undecided: held, 3 rounds left" in text
    assert "→ none" in text
    assert "has taught" not in text


def test_corrections_are_told_in_their_order(settings: Settings) -> None:
    decide(settings, "J1", "room")
    with closing(Review(settings)) as desk:
        desk.decide(desk.item("J1"), None)
        desk.undo()
    take_in(settings)
    text = told(explain(settings, "J1"))
    words = ["labelled it travel", "decision 1) said room", "said none of", "3) said room"]
    assert sorted(words, key=text.index) == words
    assert "→ room, by person" in text


def test_what_a_text_has_taught_is_followed(settings: Settings) -> None:
    decide(settings, "J1", "room")
    used = "an example in use, of 7 of room"
    assert standing(settings, "J1") == ["taught otherwise since", used]
    decide(settings, "J1", None)
    assert standing(settings, "J1")[1:] == ["taken back since", "taken back: a person"]


def test_a_lesson_of_a_retired_label_or_left_out_by_a_rollback_is_said_to_be(
    settings: Settings,
) -> None:
    rollback(settings, 1)
    assert standing(settings, "J1") == ["left out by a rollback"]
    change(settings, LabelCommand(command="retire", label="travel", at=1.0))
    assert standing(settings, "J1") == ["not in use: its label is retired"]


def test_a_lesson_that_waits_is_said_to_wait(settings: Settings) -> None:
    """And one signed by the gate, as refused."""
    decide(settings, "H1", "room")
    folder.put(settings, folder.lesson("hello there").model_copy(update={"id": "H1"}))
    folder.put(settings, make.lesson("J1", "travel", "revoked", None, signed="gate"))
    take_in(settings)
    assert standing(settings, "J1")[-1] == "taken back: it made the model worse"
    assert standing(settings, "H1")[-1].startswith("an example in use")


def test_heads_propose_each_by_itself() -> None:
    found = proposals(tiny.classifier(), tiny.embed("printer paper jam"))
    assert found[0].label == "printer"
    assert all(0 < one.probability <= one.own <= 1.0001 for one in found)
    assert sum(one.own for one in found) == pytest.approx(1, abs=1e-4)


def test_examples_that_the_judge_went_by_are_shown_with_their_texts(settings: Settings) -> None:
    found = explain(settings, "J1")
    ids = {id_ for event in found.story.events for id_ in event.neighbours}
    assert ids <= found.evidence.keys()
    assert all(text for _, text in found.evidence.values())


def test_without_an_embedding_the_model_is_asked_only_if_one_is_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = explain(settings, "S1")
    monkeypatch.setattr(Lookup, "taught_at", lambda self, ids: {})
    without = explain(settings, "S1")
    assert (without.asked.versions, without.asked.heads, without.asked.nearest) == ([], [], [])
    assert "--encode makes it again" in told(without)
    assert "→ travel, by judge" in told(without)
    made = explain(settings, "S1", encode=True)
    assert made.asked.versions == with_it.asked.versions


def test_as_data_it_is_json_that_harms_no_terminal(run: Callable[..., Result]) -> None:
    result = run("H2", "--json")
    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    data = json.loads(result.stdout)
    assert data["text"]["text"] == reviewed_folder.HELD["H2"]
    assert (data["label"], data["held"]) == (None, {"round": 1, "rounds_left": 3})
    assert [one["outcome"] for one in data["verdicts"]] == ["invalid", "none"]
    assert data["nearest"]
    assert "H2: what about ␛[2J" in run("H2").stdout


def test_an_unknown_id_names_the_nearest(settings: Settings) -> None:
    with pytest.raises(Fatal, match=r"no text 'S11' was seen in .*did you mean 'S1'"):
        explain(settings, "S11")
