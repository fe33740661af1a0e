"""The rounds over what was held when the input ended, as a person sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.table import Table

from streams.records import Round
from streams.rounds import LEAST_FALL, fell_enough

if TYPE_CHECKING:
    from models.measures import Rate
    from streams.figures import Counts

WIDTH = 12
"""Characters of the bar of what is still held."""


def held_again(counts: Counts) -> str:
    """Say in short what became of the texts the latest versions brought back; "" if none."""
    return f"rechecked {counts.rechecked}, resolved {counts.resolved}" if counts.rechecked else ""


def table(rounds: Sequence[Round], right: Sequence[Rate] | None) -> Table:
    """Return one row for each round; `right` is what was right before the first and after each."""
    shown = Table(title="Rounds over what was held", title_justify="left", title_style="bold")
    for column in ("round", "held", "examined", "accepted", "refused", "held after"):
        shown.add_column(column, justify="right")
    shown.add_column("")
    if right is not None:
        shown.add_column("right", justify="right")  # of all; 80 characters have to do
    most = rounds[0].before
    share = ["-" if one.value is None else f"{one.value:.3f}" for one in right or ()]
    shown.add_row("-", "", "", "", "", str(most), Bar(most, 0, most, width=WIDTH), *share[:1])
    for place, found in enumerate(rounds, 1):
        end = found.end
        if end is None:
            shown.add_row(str(found.number), str(found.before), "under way")
            continue
        shown.add_row(
            *map(str, (found.number, found.before, end.examined, end.accepted, end.refused)),
            str(end.after),
            Bar(most, 0, end.after, width=WIDTH),
            *share[place : place + 1],
        )
    return shown


def why_over(last: Round, most: int) -> str:
    """Say why no round follows the last one; "" while one is under way."""
    if last.end is None:
        return ""
    if not last.end.after:
        return "Nothing is held any more."
    if not fell_enough(last):
        return f"The last round lowered what is held by less than {LEAST_FALL:.0%}: the end."
    if last.number >= most:
        return f"No more than {most} rounds (REDSTREAM_ROUNDS)."
    return "What is still held was examined by the newest model, or waits for a person."
