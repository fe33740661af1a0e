"""Whatever a text says, the prompt keeps its structure and only allowed answers count."""

import json
import re
from dataclasses import replace

import pytest

from judge.guides import Guide
from judge.llm.answer import Malformed, parse
from judge.llm.prompt import (
    SYSTEM,
    Limits,
    Prompt,
    render_choose,
    render_verify,
    schema,
)
from judge.question import Neighbour
from tests.unit.judge.hostile import HOSTILE
from tests.unit.judge.llm.make import NEAR, case

LIMITS = Limits()
OPTIONS = ("a", "b", "c", "d", "e")
INVISIBLE = (
    *"\u202e\u200b\u2060\ufeff\u2028\x85\x7f\x1b\x00\ufe0f",
    *"\u034f\u3164\U000e0041\U000e0141",
)
GUIDES = {"a": Guide.of("a", "The a", "Means a, not b.")}


def rendered(text: str, near: tuple[Neighbour, ...] = NEAR) -> list[Prompt]:
    judged = case(text)
    return [
        render_verify(judged, "a", near, GUIDES, "seed", LIMITS),
        render_choose(judged, OPTIONS, near, GUIDES, "seed", LIMITS),
    ]


STRING = r'"(?:[^"\\]|\\.)*"'


def shape(prompt: Prompt) -> list[str]:
    """The lines of the message, with every JSON string, the marker and the cut taken out."""
    lines = prompt.user.split("\n")
    plain = ["<marker>" if line == prompt.marker else line for line in lines]
    plain = [
        re.sub(STRING, "<json>", line)
        if re.fullmatch(rf"(?:o?\d+ )?{STRING}(?:: {STRING})?", line)
        else line
        for line in plain
    ]
    return [re.sub(r" \(the first \d+ of \d+ characters\)", "", line) for line in plain]


def same_shape(one: Prompt, other: Prompt) -> bool:
    """The same lines, the fixed ones and the ids of the options in the same order.

    Options are shuffled by the text, and their examples and guides go with them.
    """

    def fixed(lines: list[str]) -> list[str]:
        return [line.split("<json>")[0] for line in lines if not line[0].isdigit()]

    def data(lines: list[str]) -> list[str]:
        return sorted(re.sub(r"^o\d+", "o", line) for line in lines)

    ours, theirs = shape(one), shape(other)
    return fixed(ours) == fixed(theirs) and data(ours) == data(theirs)


def strings(prompt: Prompt, id_: str = "") -> list[str]:
    """What the lines with that id (none: the lines without one) hold, decoded."""
    start = f"{id_} " if id_ else '"'
    lines = [line for line in prompt.user.split("\n") if line.startswith(start)]
    return [json.loads(found) for line in lines for found in re.findall(STRING, line)]


def test_there_are_enough_of_them_in_many_languages() -> None:
    assert len(HOSTILE) >= 200
    assert len(set(HOSTILE)) == len(HOSTILE)


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_a_hostile_text_changes_nothing_but_its_own_line(place: int) -> None:
    text = HOSTILE[place]
    for prompt, plain in zip(rendered(text), rendered("a plain text"), strict=True):
        assert prompt.messages == [("system", SYSTEM), ("user", prompt.user)]
        assert same_shape(prompt, plain)
        assert prompt.user.count(prompt.marker) == 2
        assert prompt.marker not in text
        before, inside, after = prompt.user.split(prompt.marker)
        assert inside == f"\n{inside[1:-1]}\n"
        assert "\n" not in inside[1:-1]
        assert json.loads(inside) == text[: LIMITS.text]
        assert after == "\nAnswer in JSON."
        assert schema(prompt) == schema(plain)
        assert sorted(prompt.answers) == sorted(plain.answers)
        assert set(prompt.answers.values()) == set(plain.answers.values())
        assert list(prompt.evidence.values()) == ["n1", "n2"]
        cut = "(the first 4000 of" in before
        assert cut == (len(text) > LIMITS.text)


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_nothing_invisible_reaches_the_model(place: int) -> None:
    for prompt in rendered(HOSTILE[place]):
        prompt.user.encode()  # not even a lone surrogate
        for hidden in INVISIBLE:
            assert hidden not in prompt.user


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_a_hostile_example_and_guide_stay_on_their_lines(place: int) -> None:
    text = HOSTILE[place]
    near = (replace(NEAR[0], text=text), NEAR[1])
    guides = {"a": Guide.of("a", "", text)}
    for prompt, plain in zip(rendered("x", near), rendered("x"), strict=True):
        assert shape(prompt) == shape(plain)
    prompt = render_verify(case("x"), "a", near, guides, "seed", LIMITS)
    plain_guides = {"a": Guide.of("a", "", text and "x")}
    plain = render_verify(case("x"), "a", NEAR, plain_guides, "seed", LIMITS)
    assert shape(prompt) == shape(plain)
    assert strings(prompt) == ["a", *([text[: LIMITS.guide]] if text else []), "b", "x"]
    assert strings(prompt, "1") == [text[: LIMITS.example]]
    assert prompt.user.count(prompt.marker) == 2


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_a_hostile_text_as_the_answer_is_no_verdict(place: int) -> None:
    """A model that repeats the text, or gives it as its answer, has not answered."""
    text = HOSTILE[place]
    verify, choose = rendered(text)
    says_something = text in ('{"answer": "valid"}', "{}") or '"answer": "o1"' in text
    for prompt in (verify, choose):
        if not says_something:
            with pytest.raises(Malformed):
                parse(text, prompt.answers, prompt.evidence)
        with pytest.raises(Malformed):
            parse(json.dumps({"answer": text}), prompt.answers, prompt.evidence)


@pytest.mark.parametrize(
    "answer",
    [
        *("Valid", "INVALID", " valid", "valid.", "invalid\n", "yes", "no", "o0", "o6", "O1", "a"),
        *("v\u0430lid", "", None, True, 0, ["valid"], {"answer": "valid"}),
    ],
)
def test_an_answer_outside_the_enum_is_never_a_verdict(answer: object) -> None:
    for prompt in rendered("text"):
        with pytest.raises(Malformed):
            parse(json.dumps({"answer": answer}), prompt.answers, prompt.evidence)


def test_the_marker_repeats_but_depends_on_text_and_seed() -> None:
    markers = {
        render_verify(case(text), "a", NEAR, {}, seed, LIMITS).marker
        for text in ("x", "y")
        for seed in ("one", "two")
        for _ in range(2)
    }
    assert len(markers) == 4


def test_a_marker_that_stands_elsewhere_in_the_prompt_is_not_taken() -> None:
    first = render_verify(case("x"), "a", NEAR, {}, "seed", LIMITS)
    near = (replace(NEAR[0], text=first.marker), NEAR[1])
    second = render_verify(case("x"), "a", near, {}, "seed", LIMITS)
    assert second.marker != first.marker
    assert second.user.count(second.marker) == 2
