"""What a fit finds in its examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.encoder import HashingEncoder
from models.exemplars import fingerprint
from models.held_out import HeldOut
from streams.program import screen_fit
from streams.program.examples import LabelText, SeedExample
from streams.program.fit_report import Report, report
from streams.program.languages import others
from streams.program.settings import Settings
from tests.unit.streams import tiny

ENCODER = HashingEncoder(64)
NAMES = [LabelText("printer", "printer"), LabelText("room", "room", "Booking rooms.")]
GIVEN = [
    SeedExample("paper jam in the tray", "printer"),
    SeedExample("toner is empty", "printer"),
    SeedExample("toner is empty", "printer"),
    SeedExample("Toner is  EMPTY", "room"),
]


def look(
    given: list[SeedExample], names: list[LabelText] = NAMES, held: HeldOut | None = None
) -> Report:
    once = list(dict.fromkeys(given))
    rows = ENCODER.encode([seed.text for seed in once])
    ids = [seed.text for seed in once]
    return report(given, ids, rows, names, held or HeldOut.nothing(), 0.5)


def held_out(*found: tuple[str, str, str, float]) -> HeldOut:
    texts, labels, said, sure = zip(*found, strict=True)
    return HeldOut(
        np.asarray([fingerprint(text) for text in texts], np.uint64),
        labels,
        said,
        np.asarray(sure),
        np.ones(len(texts)),
    )


def test_the_same_text_under_two_labels_is_found_whatever_its_case() -> None:
    found = look(GIVEN)
    assert found.repeated == 1
    assert found.twins_in_all == 1
    twin = found.twins[0]
    assert {twin.label, twin.other_label} == {"printer", "room"}
    assert twin.text.casefold().startswith("toner")


def test_texts_that_differ_are_no_twins() -> None:
    assert not look([GIVEN[0], SeedExample("book a room", "room")]).twins


def test_labels_with_few_examples_or_none_are_named() -> None:
    names = [*NAMES, LabelText("travel", "travel", "Trips."), LabelText("misc", "misc")]
    found = look([*GIVEN, *(SeedExample(f"printer {n}", "printer") for n in range(5))], names)
    assert found.few == {"room": 1}
    assert found.only_described == ["travel"]
    assert found.bare == ["misc"]


def test_what_is_taken_for_what_is_shown_with_its_texts_both_ways_together() -> None:
    held = held_out(
        ("a", "printer", "printer", 0.9),
        ("b", "printer", "room", 0.6),
        ("c", "printer", "room", 0.8),
        ("d", "room", "printer", 0.4),
        ("e", "room", "travel", 0.3),
    )
    texts = [SeedExample(text, label) for text, label in zip("abcde", held.label, strict=True)]
    found = look(texts, held=held)
    assert found.left_out == {"printer": 3, "room": 2}
    assert found.right == {"printer": 1}
    assert [(one.label, one.said, one.count) for one in found.confusions] == [
        ("printer", "room", 2),
        ("room", "printer", 1),
        ("room", "travel", 1),
    ]
    assert found.confusions[0].texts == ["c", "b"]
    assert found.weakest == ["room", "printer"]
    assert found.judged == pytest.approx(2 / 5)


def test_another_language_is_noticed_and_english_is_not() -> None:
    german = ["Mein Drucker druckt heute leider nicht", "Ich kann mich nicht mehr anmelden"]
    assert others([*german, "My printer does not print today at all"])[0] == {"de": 2}
    assert others(["vpn", "mfa"]) == ({}, 0)


def test_a_person_is_told_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    german = [
        SeedExample("Mein Drucker druckt heute leider nicht", "printer"),
        SeedExample("Ich kann mich leider nicht mehr anmelden", "room"),
    ]
    lines = "\n".join(screen_fit.told(look([*GIVEN, *german]), Settings(var=tmp_path)))
    assert "stood there twice: 1" in lines
    assert "under two labels: 1" in lines
    assert "cannot be told" in lines
    assert "multilingual" in lines


def test_a_fit_keeps_what_it_found_and_tells_it_again(tmp_path: Path) -> None:
    var = tiny.fit_folder(tmp_path)
    kept = Report.kept(var / "fitted.json")
    assert kept is not None
    assert kept.examples == sum(map(len, tiny.EXAMPLES.values()))
    assert sum(kept.left_out.values()) == kept.examples
    assert sum(kept.right.values()) > kept.examples / 2
    assert kept.judged is not None
    (var / "fitted.json").write_text("{}")
    assert Report.kept(var / "fitted.json") is None
