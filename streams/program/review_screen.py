"""What a person sees of a text to decide about. All of it comes from outside: nothing in it may
reach the terminal as an order to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from judge.guides import Guide, guide_of
from streams.program.plain import brief, visible
from streams.program.review import Item
from streams.program.screen import console
from streams.program.screen_judge import asked

CHARACTERS = 1_200
"""Of a text, before `m` shows the rest."""

GUIDE, EXAMPLE = 160, 140
"""Characters of a guide and of an example."""

KEYS = "1-9 that label · / search all labels · n none of them · s skip · u undo · ? help · q quit"

HELP = """\
1-9  the text has that label: it goes out as a person's word, and is taught
/    search all labels: type a part of a label or name, Enter, then its number
n    none of the labels: whatever label it has is taken away, and what it taught
s    skip it, for now
u    undo the last decision; again for the one before
m    all of a long text
q    quit; what was decided stays (so it does after Ctrl-C)"""


def say(line: str, style: str = "") -> None:
    """Print what may hold words from outside."""
    console.print(Text(visible(line), style=style))


def show(item: Item, place: str, guides: Mapping[str, Guide], *, whole: bool = False) -> None:
    """Print all that helps to decide about a text."""
    console.print()
    title = visible(f"{place} · {item.id} · {standing(item)}", lines=False)
    console.print(Rule(Text(title), align="left"))
    words = item.case.text.text
    kept = words if whole else words[:CHARACTERS]
    say(kept, "bold")
    if len(kept) < len(words):
        say(f"({len(kept)} of {len(words)} characters: m shows all)", "dim")
    console.print()
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold")
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for number, one in enumerate(item.case.contenders, 1):
        shown = labelled(one.label, guides)
        if one.label in item.case.rejected:
            shown.append("  (refused by the judge)", "dim")
        table.add_row(str(number) if number < 10 else "", f"{one.probability:.2f}", shown)
    console.print(table)
    for verdict in item.story.verdicts[-4:]:
        for line in asked(verdict):
            say(line, "dim")
    if item.near:
        say("Nearest examples", "dim")
    for near in item.near:
        say(f"  {near.similarity:.2f} {near.label}: {brief(near.text, EXAMPLE)}")


def labelled(label: str, guides: Mapping[str, Guide]) -> Text:
    """Return a label with its name, if it has one of its own, and the beginning of its guide."""
    guide = guide_of(guides, label)
    line = Text(visible(label, lines=False), style="bold")
    if guide.name not in (label, label.replace("_", " ")):
        line.append(f" ({visible(guide.name, lines=False)})", "not bold")
    if guide.text:
        line.append(f"  {brief(guide.text, GUIDE)}", "not bold dim")
    return line


def choices(labels: Sequence[str], more: int, guides: Mapping[str, Guide]) -> None:
    """Print the labels that a search found, numbered."""
    for number, label in enumerate(labels, 1):
        console.print(Text(f"{number}  ").append_text(labelled(label, guides)))
    if more > 0:
        say(f"and {more} more: type more letters", "dim")


def standing(item: Item) -> str:
    """Say how it stands with a text."""
    if item.before is not None:
        return f"a person said {item.now or 'none of the labels'}"
    truth = item.story.truth
    if item.story.held is not None or truth is None or item.now is None:
        rounds = item.story.rounds_left
        return "waits for a person" if item.for_a_person else f"undecided, {rounds} rounds left"
    return f"{item.now}, by {truth.authority}"
