"""How a stream went as a picture: along the texts, and by round."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import Fatal
from streams.program.drawing import plotter, save

if TYPE_CHECKING:
    from streams.program.course import Course

JUDGED, UNDECIDED, FIRST, RIGHT, DRIFT = "#4477aa", "#999933", "#88ccee", "#228833", "#bb5566"


def draw_into(path: Path, found: Course) -> None:
    """Write an SVG, PNG or PDF file, by its suffix.

    Raises:
        Fatal: nothing was labelled yet; it cannot be written, or not in that format.
    """
    if not found.blocks:
        raise Fatal("nothing was labelled yet: there is nothing to draw")
    rounds = [one for one in found.rounds if one.end]
    columns = 2 if rounds else 1
    ratios = [2.0, 1.0][:columns]
    size = (5.6 + 3.6 * len(ratios[1:]), 3.8)
    figure, panels = plotter().subplots(
        1, columns, figsize=size, width_ratios=ratios, squeeze=False
    )
    _along(panels[0][0], found)
    if rounds:
        _by_round(panels[0][1], found)
    save(figure, panels[0], path)


def _along(panel: Any, found: Course) -> None:
    texts = [block.texts for block in found.blocks]
    panel.plot(texts, [b.judged for b in found.blocks], color=JUDGED, label="judged")
    panel.plot(texts, [b.undecided for b in found.blocks], color=UNDECIDED, label="undecided")
    if any(block.right is not None for block in found.blocks):
        first = [float("nan") if b.first is None else b.first for b in found.blocks]
        right = [float("nan") if b.right is None else b.right for b in found.blocks]
        panel.plot(texts, first, color=FIRST, label="classifier right at first")
        panel.plot(texts, right, color=RIGHT, label="right")
    for number, (since, noticed, event) in enumerate(found.drifts):
        panel.axvspan(since, noticed, color=DRIFT, alpha=0.25, label=None if number else "drift")
        panel.annotate(event.kind, (since, 1.03), rotation=90, fontsize=7, color=DRIFT, va="top")
    panel.set_ylim(0, 1.05)
    panel.set_xlabel("texts so far")
    panel.set_ylabel("share of the texts around")
    panel.set_title("Along the stream", loc="left")
    panel.legend(frameon=False, fontsize=8)


def _by_round(panel: Any, found: Course) -> None:
    ends = [(one.number, one.end) for one in found.rounds if one.end]
    numbers = [0, *(number for number, _ in ends)]
    held = [found.rounds[0].before, *(end.after for _, end in ends)]
    panel.bar(numbers, held, color=UNDECIDED, width=0.6, label="held")
    for name, color in (("accepted", JUDGED), ("refused", DRIFT)):
        counts = [getattr(end, name) for _, end in ends]
        panel.plot(numbers[1:], counts, "o-", color=color, label=name)
    panel.set_xticks(numbers)
    panel.set_xlabel("round")
    panel.set_ylabel("texts")
    panel.set_title("Rounds over what was held", loc="left")
    panel.legend(frameon=False, fontsize=8)
    if found.right:
        accuracy = panel.twinx()
        shares = [float("nan") if one.value is None else one.value for one in found.right]
        accuracy.plot(numbers[: len(shares)], shares, "s--", color=RIGHT)
        accuracy.set_ylabel("right of all", color=RIGHT)
