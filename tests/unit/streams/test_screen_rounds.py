"""What a person sees of the rounds."""

import io

import pytest
from rich.console import Console

from models.measures import Rate
from streams.program.screen_rounds import table, why_over
from streams.records import Round, RoundEnd


def found(number: int, before: int, after: int | None) -> Round:
    end = None
    if after is not None:
        counts = {"examined": before - 1, "accepted": before - after, "sure": 0, "refused": 1}
        end = RoundEnd(**counts, after=after, version=9, labeled=0, at=2.0)
    offsets = {"texts": 400, "rechecks": 0, "verdicts": 0, "labeled": 0}
    return Round(number=number, version=8, before=before, **offsets, end=end, at=1.0)


def shown(rounds: list[Round], right: list[Rate] | None = None) -> list[list[str]]:
    """The cells of every row, the bar's as it is drawn."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False, legacy_windows=False)
    console.print(table(rounds, right))
    assert isinstance(console.file, io.StringIO)
    rows = [line for line in console.file.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_every_round_is_a_row_and_the_bar_shrinks_with_what_is_held() -> None:
    rows = shown([found(1, 40, 20), found(2, 20, 0)])
    assert [row[:6] for row in rows] == [
        ["-", "", "", "", "", "40"],
        ["1", "40", "39", "20", "1", "20"],
        ["2", "20", "19", "20", "1", "0"],
    ]
    assert [len(row[6]) for row in rows] == [12, 6, 0]


def test_with_gold_it_tells_what_was_right_before_the_first_and_after_each() -> None:
    right = [Rate(300, 400), Rate(310, 400)]
    rows = shown([found(1, 40, 20), found(2, 20, None)], right)
    assert [row[-1] for row in rows] == ["0.750", "0.775", ""]
    assert rows[2][:3] == ["2", "20", "under way"]


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (found(1, 40, None), ""),
        (found(1, 40, 0), "Nothing is held any more"),
        (found(2, 40, 40), "less than 1%"),
        (found(5, 40, 20), "No more than 5 rounds"),
        (found(3, 40, 20), "examined by the newest model"),
    ],
)
def test_it_says_why_no_round_follows(last: Round, words: str) -> None:
    assert words in why_over(last, 5)
    assert bool(words) == bool(why_over(last, 5))
