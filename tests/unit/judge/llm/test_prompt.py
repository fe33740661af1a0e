"""What is asked: short, the same at every rendering, and no longer with more labels."""

import json
from collections import Counter

import pytest

from judge.guides import Guide, guide_of
from judge.llm import prompt as prompts
from judge.llm.prompt import Limits, Prompt, render_choose, render_verify, schema
from judge.llm.usage import count_tokens
from judge.question import Neighbour
from tests.loopback.server import read
from tests.unit.judge.llm.make import NEAR, case

LABELS = tuple(f"label {number}" for number in range(950))
MANY = tuple(
    Neighbour(f"n{number}", LABELS[number % 40], f"example {number}", 1 - number / 300)
    for number in range(60)
)


def choose(options: tuple[str, ...], text: str = "x", near: tuple[Neighbour, ...] = MANY) -> Prompt:
    return render_choose(case(text), options, near, {}, "seed")


def test_verify_asks_the_published_question() -> None:
    prompt = render_verify(case("where is my card"), "a", NEAR, {}, "seed")
    asked = read(prompt.user)
    assert (asked.text, asked.label, asked.examples) == ("where is my card", "a", ["1", "2"])
    assert "Is this label valid for the text?" in prompt.user
    assert prompt.answers == {"valid": "a", "invalid": "a"}
    assert prompt.evidence == {"1": "n1", "2": "n2"}


def test_verify_shows_the_label_beside_its_rivals() -> None:
    prompt = render_verify(case(), "label 3", MANY, {}, "seed", Limits(examples=12))
    shown = Counter(near.label for near in MANY if near.id in prompt.evidence.values())
    assert shown["label 3"] == 2  # all it has
    assert sum(shown.values()) == 6


def test_examples_stand_under_their_labels_numbered_from_the_nearest_on() -> None:
    near = [
        Neighbour("n1", "b", "nearest", 0.9),
        Neighbour("n2", "a", "second", 0.8),
        Neighbour("n3", "c", "third", 0.7),
    ]
    guides = {"a": Guide.of("a", "A", "Means a.")}
    verify = render_verify(case("text"), "a", near, guides, "seed").user.split("\n")
    assert verify[1:7] == [
        '"A": "Means a."',
        '2 "second"',
        "Other labels:",
        '"b"',
        '1 "nearest"',
        '"c"',
    ]
    choose = render_choose(case("text"), ("a", "b"), near, guides, "seed")
    lines = choose.user.split("\n")
    ids = {label: id_ for id_, label in choose.answers.items()}
    assert lines[lines.index(f'{ids["a"]} "A": "Means a."') + 1] == '2 "second"'
    assert lines[lines.index(f'{ids["b"]} "b"') + 1] == '1 "nearest"'
    assert lines[5:8] == ["Other labels:", '"c"', '3 "third"']


def test_what_repeats_an_example_is_not_shown_unless_its_label_is_another() -> None:
    near = [
        Neighbour("n1", "a", "My card is gone", 0.9),
        Neighbour("n2", "a", "my  card is GONE", 0.9),
        Neighbour("n3", "b", "my card is gone", 0.9),
    ]
    assert list(render_verify(case(), "a", near, {}, "s").evidence.values()) == ["n1", "n3"]
    assert list(choose(("a", "b"), near=tuple(near)).evidence.values()) == ["n1", "n3"]


def test_what_is_far_is_not_shown_but_the_best_of_every_label_in_question_is() -> None:
    near = [
        Neighbour("n1", "b", "one", 0.9),
        Neighbour("n2", "a", "two", 0.6),
        Neighbour("n3", "a", "three", 0.5),
        Neighbour("n4", "c", "four", 0.4),
    ]
    assert list(render_verify(case(), "a", near, {}, "s").evidence.values()) == ["n1", "n2"]
    assert list(choose(("a", "b"), near=tuple(near)).evidence.values()) == ["n1", "n2"]
    assert list(choose(("b", "c"), near=tuple(near)).evidence.values()) == ["n1", "n4"]


def test_without_rivals_the_label_has_all_the_places() -> None:
    near = [Neighbour(f"n{number}", "a", f"x {number}", 0.9) for number in range(12)]
    assert len(render_verify(case(), "a", near, {}, "seed").evidence) == Limits().examples // 2


@pytest.mark.parametrize(("most", "verify"), [(0, 0), (1, 1), (2, 1), (8, 4)])
def test_verify_shows_half_as_many_examples_as_choose(most: int, verify: int) -> None:
    limits = Limits(examples=most)
    assert len(render_verify(case(), "label 3", MANY, {}, "s", limits).evidence) == verify
    assert len(render_choose(case(), LABELS[:5], MANY, {}, "s", limits).evidence) == most


def test_choose_shows_every_option_once_before_any_twice() -> None:
    near = tuple(Neighbour(f"a{n}", "a", f"x {n}", 0.9) for n in range(9))
    near += (Neighbour("z1", "z", "x", 0.7), Neighbour("b1", "b", "x", 0.1))
    prompt = choose(("a", "b", "c"), near=near)
    assert {"a0", "b1", "z1"} <= set(prompt.evidence.values())
    assert len(prompt.evidence) == Limits().examples


def test_options_are_shuffled_by_the_text_and_evenly() -> None:
    options = LABELS[:5]
    assert choose(options).user == choose(options[::-1]).user
    first = Counter(choose(options, f"text {n}").answers["o1"] for n in range(500))
    assert set(first) == set(options)
    assert all(70 <= count <= 130 for count in first.values())  # 100 expected, 9 is one sigma


def test_none_is_always_offered() -> None:
    assert choose(("a",)).answers == {"o1": "a", "none": None}


def test_the_schema_allows_the_answers_and_nothing_else() -> None:
    allowed = schema(choose(("a", "b")))["properties"]["answer"]  # type: ignore[index]
    assert allowed == {"type": "string", "enum": ["o1", "o2", "none"]}
    assert schema(choose(("a", "b"), "x")) == schema(choose(("c", "d"), "y", NEAR))
    assert "enum" not in schema(choose(LABELS))["properties"]["answer"]  # type: ignore[index]


def test_verify_and_a_small_choice_cost_the_same_with_any_number_of_labels() -> None:
    guides = {label: Guide.of(label, "", "What it means. " * 10) for label in LABELS}

    def tokens(prompt: Prompt) -> int:
        return count_tokens(prompt.system + prompt.user)

    assert tokens(render_verify(case(), "label 1", MANY, guides, "seed")) < 700
    assert tokens(render_choose(case(), LABELS[:5], MANY, guides, "seed")) < 900
    assert tokens(render_choose(case(), LABELS, MANY, guides, "seed")) < 20_000  # names only


@pytest.mark.parametrize("size", [599, 600, 601, 100_000])
def test_a_guide_of_any_size_is_cut(size: int) -> None:
    guides = {"a": Guide.of("a", "n" * size, "g" * size)}
    prompt = render_verify(case(), "a", NEAR, guides, "seed")
    line = next(line for line in prompt.user.split("\n") if line.startswith('"'))
    assert [len(part) for part in json.loads(f"{{{line}}}").popitem()] == [min(size, 600)] * 2
    assert len(prompt.user) < 3_000


@pytest.mark.parametrize(("options", "each"), [(2, 600), (5, 600), (20, 150), (25, 120), (26, 0)])
def test_guides_of_a_choice_have_so_many_characters_together(options: int, each: int) -> None:
    guides = {label: Guide.of(label, "n", "g" * 900) for label in LABELS}
    prompt = render_choose(case(), LABELS[:options], NEAR, guides, "seed")
    lines = [line for line in prompt.user.split("\n") if line.startswith("o")]
    assert [line.count("g") for line in lines] == [each] * options


def test_a_long_text_is_cut_and_the_model_is_told() -> None:
    prompt = render_verify(case("x" * 5_000), "a", NEAR, {}, "seed")
    assert "Text (the first 4000 of 5000 characters):" in prompt.user
    assert read(prompt.user).text == "x" * 4_000


def test_texts_that_differ_behind_the_cut_are_not_the_same_question() -> None:
    texts = ("x" * 5_000 + end for end in "ab")
    one, other = (render_verify(case(text), "a", NEAR, {}, "seed") for text in texts)
    assert one.user != other.user


def test_a_guide_for_a_label_that_does_not_exist_does_no_harm() -> None:
    guides = {"nobody's": Guide.of("nobody's", "", "text")}
    assert "nobody's" not in render_verify(case(), "a", NEAR, guides, "seed").user


def test_a_label_without_a_guide_has_its_name() -> None:
    assert guide_of({}, "card_arrival").name == "card_arrival"


def test_a_guide_has_another_version_with_every_word() -> None:
    made = [Guide.of("a"), Guide.of("b"), Guide.of("a", "b"), Guide.of("a", "", "b")]
    assert len({guide.version for guide in made}) == 4
    assert Guide.of("a", "n", "t") == Guide.of("a", "n", "t")


def test_the_prompt_version_changes_with_every_template(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {prompts.version()}
    for name in ("SYSTEM", "VERIFY", "CHOOSE", "OTHERS", "TEXT"):
        with monkeypatch.context() as patch:
            patch.setattr(prompts, name, getattr(prompts, name) + " ")
            versions.add(prompts.version())
    assert len(versions) == 6


def test_the_guides_shown_sign_the_prompt() -> None:
    one = render_verify(case(), "a", NEAR, {}, "seed").guides
    guides = {"a": Guide.of("a", "", "text"), "b": Guide.of("b", "", "text")}
    assert render_verify(case(), "a", NEAR, guides, "seed").guides != one
    assert render_verify(case(), "a", NEAR, {"b": guides["b"]}, "seed").guides == one
