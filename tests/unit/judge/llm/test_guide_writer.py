"""A model writes guides: what it is shown, what counts as a guide, and what it costs."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from judge.guides.compose import Confusion, Material
from judge.guides.file import LONGEST_SHOWN
from judge.llm.answer import Malformed
from judge.llm.budget import Cap
from judge.llm.build import Options, caller_of
from judge.llm.guide_prompt import SYSTEM, GuidePrompt, read, render
from judge.llm.guide_writer import GuideWriter, Written
from models.errors import Fatal
from tests.loopback.server import Loopback
from tests.unit.judge.hostile import HOSTILE
from tests.unit.judge.llm.make import QUICK

MATERIAL = Material(
    "card_lost",
    "lost card",
    ("I cannot find my card", "my card is gone"),
    (
        Confusion("card_stolen", "stolen card", ("somebody took my card",)),
        Confusion("pin", "PIN", ()),
    ),
)
SAID = {
    "means": "The card is lost, nobody knows where.",
    "excludes": "Questions about a new card.",
    "confusions": [{"id": "c1", "difference": "there it was taken"}],
    "examples": ["e2"],
}


def shape(prompt: GuidePrompt) -> list[str]:
    lines = prompt.user.split("\n")
    plain = ["<marker>" if line == prompt.marker else line for line in lines]
    return ["<json>" if line.startswith("[") else line for line in plain]


def test_the_request_is_json_rows_between_two_markers() -> None:
    prompt = render(MATERIAL, "seed")
    assert shape(prompt) == [
        "Write the guide of the label.",
        "<marker>",
        "Label, how people call it:",
        "<json>",
        "Texts that carry it, id and text:",
        "<json>",
        "<json>",
        "Labels it is confused with, id, label, texts of theirs:",
        "<json>",
        "<json>",
        "<marker>",
        "Reply with the JSON object.",
    ]
    rows = [json.loads(line) for line in prompt.user.split("\n") if line.startswith("[")]
    assert rows == [
        ["card_lost", "lost card"],
        ["e1", "I cannot find my card"],
        ["e2", "my card is gone"],
        ["c1", "stolen card", "somebody took my card"],
        ["c2", "PIN"],
    ]


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_hostile_examples_change_nothing_but_their_own_lines(place: int) -> None:
    text = HOSTILE[place]
    hostile = Material("a", text, (text, "fine"), (Confusion("b", text, (text, text)),))
    plain = Material("a", "a", ("x", "fine"), (Confusion("b", "b", ("x", "y")),))
    prompt = render(hostile, "seed")
    assert prompt.messages == [("system", SYSTEM), ("user", prompt.user)]
    assert shape(prompt) == shape(render(plain, "seed"))
    assert prompt.user.count(prompt.marker) == 2
    assert prompt.schema == render(plain, "seed").schema
    assert all(character.isprintable() or character == "\n" for character in prompt.user)


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_a_model_that_repeats_a_hostile_text_writes_a_printable_guide_that_fits(
    place: int,
) -> None:
    text = HOSTILE[place]
    hostile = Material("a", "a", (text,), (Confusion("b", text, ()),))
    said = {
        "means": "x" + text,
        "excludes": text,
        "confusions": [{"id": "c1", "difference": text}],
        "examples": ["e1"],
    }
    guide = read(
        json.dumps(said)[:20_000] if len(text) < 1_000 else json.dumps(SAID),
        render(hostile, "seed"),
    )
    assert len(guide.text) <= LONGEST_SHOWN
    assert all(character.isprintable() or character == "\n" for character in guide.text)
    assert guide.text.count("\n") <= 3


def test_a_guide_says_what_it_means_what_not_and_quotes_what_is_there() -> None:
    guide = read(json.dumps(SAID), render(MATERIAL, "seed"))
    assert guide.name == "lost card"
    assert guide.text.split("\n") == [
        "The card is lost, nobody knows where.",
        "Not: Questions about a new card.",
        "Not stolen card: there it was taken",
        'For example "my card is gone"',
    ]


def test_ids_that_were_not_shown_do_not_count() -> None:
    said = {
        **SAID,
        "confusions": [{"id": "c9", "difference": "x"}, "c1", {"id": ["c1"]}, {"id": "c2"}],
        "examples": ["e9", 1, {"a": 1}, "e1", "e1"],
    }
    lines = read(json.dumps(said), render(MATERIAL, "seed")).text.split("\n")
    assert lines[2:] == ['For example "I cannot find my card"']


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    long = Material("a", "a", ("t" * 400, "u" * 400, "v" * 400), MATERIAL.confusions)
    said = {
        "means": "m" * 1_000,
        "excludes": "n" * 1_000,
        "confusions": [{"id": "c1", "difference": "d" * 999}],
        "examples": ["e1", "e2", "e3"],
    }
    text = read(json.dumps(said), render(long, "seed")).text
    assert len(text) <= LONGEST_SHOWN
    assert text.startswith("m" * 200)


@pytest.mark.parametrize(
    "content",
    ["", "no", "[]", "{}", '{"means": ""}', '{"means": 1}', '{"means": "a", "means": "b"}'],
)
def test_what_says_no_meaning_is_no_guide(content: str) -> None:
    with pytest.raises(Malformed):
        read(content, render(MATERIAL, "seed"))


class Writes(Loopback):
    """Answers every request with `said`, whatever it is asked."""

    said: Any = SAID

    def _said(self, body: dict[str, Any], mode: object) -> dict[str, Any]:
        assert isinstance(self.said, dict)
        return self.said


@pytest.fixture
async def writes() -> Any:
    made = await Writes().start()
    yield made
    await made.stop()


async def written(server: Loopback, *materials: Material, **more: Any) -> list[Written]:
    given = {"key": SecretStr(server.key), "patience": QUICK, **more}
    writer = GuideWriter(caller_of(Options(server.url, server.model, **given)))
    try:
        return await writer.write(materials)
    finally:
        await writer.close()


async def test_a_guide_is_written_through_the_endpoint_and_its_cost_is_told(
    writes: Writes,
) -> None:
    (one,) = await written(writes, MATERIAL)
    assert one.guide is not None
    assert one.guide.text.startswith("The card is lost")
    assert (one.use.calls, one.use.tokens) == (1, 340)
    schema = writes.requests[0]["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["means", "excludes", "confusions", "examples"]


async def test_one_that_fails_harms_no_other_and_says_why(writes: Writes) -> None:
    writes.script = ("malformed", "right", "refusal")
    other = Material("pin", "PIN", ("my pin",))
    first, second, third = await written(writes, MATERIAL, other, other, concurrency=1)
    assert (first.guide, first.reason) == (
        None,
        "no guide in its answer: it is not one JSON object",
    )
    assert second.guide is not None
    assert (third.guide, third.reason) == (None, "refused")


async def test_the_budget_holds_for_guides_too(writes: Writes) -> None:
    first, second = await written(
        writes, MATERIAL, MATERIAL, caps={"all": Cap(calls=1)}, concurrency=1
    )
    assert first.guide is not None
    assert (second.guide, second.reason) == (None, "the budget (all) has no room")
    assert len(writes.requests) == 1


async def test_a_wrong_key_stops_and_is_not_shown(writes: Writes) -> None:
    with pytest.raises(Fatal, match="does not accept the key") as error:
        await written(writes, MATERIAL, key=SecretStr("sk-wrong-key-987654321"))
    assert "987654321" not in str(error.value)
