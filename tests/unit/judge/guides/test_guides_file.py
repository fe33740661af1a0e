"""The file that people edit: what is read back, what is left alone, what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from judge.guides import Guide
from judge.guides.file import TOP, load_guides, parse, read_guides, replaced, tidied
from judge.llm.prompt import Limits, render_verify
from models.errors import Fatal
from tests.unit.judge.hostile import HOSTILE
from tests.unit.judge.llm.make import NEAR, case

EDITED = """\
# Ours

## card_lost
Name: lost card

The card is gone.
### Not
somebody took it

## pin

The code of the card.
"""
LABELS = {"card_lost": "card lost", "pin": "pin", "top_up": "top up"}


def load(tmp_path: Path, content: str) -> dict[str, Guide]:
    path = tmp_path / "guides.md"
    path.write_text(content, encoding="utf-8")
    return load_guides(path, LABELS)


def test_the_limit_is_the_one_of_the_prompt() -> None:
    from judge.guides.file import LONGEST_SHOWN

    assert Limits().guide == LONGEST_SHOWN


def test_a_guide_is_what_stands_below_its_heading(tmp_path: Path) -> None:
    assert load(tmp_path, EDITED) == {
        "card_lost": Guide.of(
            "card_lost", "lost card", "The card is gone.\n### Not\nsomebody took it"
        ),
        "pin": Guide.of("pin", "pin", "The code of the card."),
    }


def test_no_file_and_an_empty_file_have_no_guides(tmp_path: Path) -> None:
    assert load_guides(tmp_path / "none.md", LABELS) == {}
    assert load(tmp_path, "") == {}


def test_line_ends_and_a_mark_of_another_editor_change_no_version(tmp_path: Path) -> None:
    path = tmp_path / "guides.md"
    path.write_bytes(b"\xef\xbb\xbf" + EDITED.replace("\n", "\r\n").encode())
    assert load_guides(path, LABELS) == load(tmp_path, EDITED)


@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.text(), st.text()),
        max_size=5,
        unique_by=lambda row: row[0],
    )
)
def test_whatever_a_guide_holds_comes_back(rows: list[tuple[str, str, str]]) -> None:
    guides = [Guide.of(*row) for row in rows]
    content = replaced("", guides, "x").encode().decode()
    back = [Guide.of(entry.label, entry.name, entry.text) for entry in parse(content, "x")]
    assert back == [tidied(guide) for guide in guides]


def test_hostile_texts_stay_inside_their_guide() -> None:
    guides = [Guide.of(f"label {i}", text, text) for i, text in enumerate(HOSTILE)]
    entries = parse(replaced(EDITED, guides, "x"), "x")
    assert [entry.label for entry in entries] == [
        "card_lost",
        "pin",
        *(guide.label for guide in guides),
    ]
    assert [entry.text for entry in entries[2:]] == [tidied(guide).text for guide in guides]


def test_replacing_leaves_everything_else_as_it_is() -> None:
    new = replaced(EDITED, [Guide.of("card_lost", "gone", "New."), Guide.of("top_up")], "x")
    assert new == (
        "# Ours\n\n## card_lost\nName: gone\n\nNew.\n\n## pin\n\nThe code of the card.\n"
        "\n## top_up\nName: top_up\n"
    )
    assert replaced("", [], "x") == TOP


def test_replacing_twice_is_replacing_once() -> None:
    guides = [Guide.of("pin", "the pin", "# one\n## two\n\\# three"), Guide.of("top_up", "", "Up.")]
    once = replaced(EDITED, guides, "x")
    assert replaced(once, guides, "x") == once


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("## a\n\n## b\n## a\n", 4, "a second guide for 'a'; line 1"),
        ("\n##a\ntext", 2, "a blank is missing after ##"),
        ("## a\ntext\n# b\n", 3, "a label's heading has two #"),
        ("x\n##\ntext", 2, "the heading names no label"),
        ('## ""\n', 1, "the heading names no label"),
        ('## "a\n', 1, "a label that begins with a quote has to be JSON"),
    ],
)
def test_a_broken_file_is_one_error_with_its_line(
    tmp_path: Path, content: str, line: int, told: str
) -> None:
    with pytest.raises(Fatal) as error:
        load(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'guides.md'}:{line}: {told}")
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_one_error_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "guides.md"
    path.write_bytes(b"## a\nfine\n\xff\n")
    with pytest.raises(Fatal, match=r"guides\.md:3: the guides have to be UTF-8 text"):
        load_guides(path, LABELS)
    with pytest.raises(Fatal, match="cannot read the guides"):
        load_guides(tmp_path, LABELS)


def test_a_guide_for_no_label_is_named_with_the_nearest_and_does_no_harm(tmp_path: Path) -> None:
    with capture_logs() as logs:
        guides = load(tmp_path, EDITED + "\n## card_lots\nWho knows.\n")
    assert list(guides) == ["card_lost", "pin"]
    (line,) = [entry["event"] for entry in logs]
    assert line.endswith("a guide for 'card_lots', which is no label; did you mean 'card_lost'?")
    assert "\n" not in line


def test_a_guide_of_100_kb_is_warned_about_and_cut_in_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "guides.md"
    path.write_text("## pin\n" + "long " * 20_000)
    guides, odd = read_guides(path, LABELS)
    assert odd == [
        f"{path}:1: the guide of 'pin' has 99,999 characters; a judge is shown the first 600"
    ]
    prompt = render_verify(case(), "pin", NEAR, guides, "seed")
    assert guides["pin"].text[:600] in prompt.user
    assert guides["pin"].text[:601] not in prompt.user


def test_a_set_of_labels_without_names_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "guides.md"
    path.write_text("## card_lost\nGone.")
    assert load_guides(path, ["card_lost"])["card_lost"].name == "card lost"
