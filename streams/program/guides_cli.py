"""`redstream guides`: what labels mean, for whoever judges."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program.options import Var, settings_of

if TYPE_CHECKING:
    from streams.program.guides import Desk
    from streams.program.guides_write import Proposal

NOTHING_CHANGED = 3
"""Exit code of `write` where it would have changed something and did not."""

guides_commands = typer.Typer(
    help="What every label means, what it does not, and what it is confused with: a file that you"
    " edit (VAR/guides.md), and that a judge is shown. See docs/guides.md.",
    no_args_is_help=True,
)
GuidesFile = Annotated[
    Path | None, typer.Option("--guides", help="The file [REDSTREAM_GUIDES, VAR/guides.md]")
]


@guides_commands.command("write")
def write_guides(
    labels: Annotated[
        list[str] | None, typer.Argument(help="Left out: all that no person wrote")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Who writes, a larger model than judges [REDSTREAM_LLM_MODEL]"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the file changes")] = False,
    guides: GuidesFile = None,
    var: Var = None,
) -> None:
    """Write guides from the labels' texts and their nearest confusions, and show the change.

    With an endpoint set (REDSTREAM_LLM_URL) a model writes them; without one they are composed of
    quotes. Nothing is replaced before you agree. A guide that a person wrote (in the file, or with
    the label) is replaced only where its label is named. Exit code 3: there is a change, and
    nothing was changed.
    """
    from streams.program import screen
    from streams.program.guides import open_desk
    from streams.program.guides_write import accept, ask_model, compose_all, propose
    from streams.program.logs import to_standard_error

    to_standard_error()
    settings = settings_of(var=var, guides=guides)
    desk = open_desk(settings)
    _odd(desk.odd)
    if settings.llm_url or model:
        origin, write = ask_model(settings, model, _cost)
    else:
        origin, write = "composed", compose_all
        screen.say("No endpoint is set: composed from examples, without a model.")
    proposal = propose(settings, desk, labels or [], write, origin)
    _told(proposal)
    if proposal.guides:
        _show_difference(desk, proposal)
        if not yes and not _agreed(proposal):
            screen.say("Nothing was changed.")
            raise typer.Exit(NOTHING_CHANGED)
        accept(desk, proposal)
        screen.say(f"{len(proposal.guides)} guides written ({origin}): {desk.path}")
    elif not proposal.failed:
        screen.say("No guide would change.")
    if proposal.failed:
        raise typer.Exit(1)


@guides_commands.command("show")
def show_guide(
    label: Annotated[str, typer.Argument(metavar="LABEL")],
    version: Annotated[
        str | None, typer.Option(help="An earlier one: a guide's version, or a verify verdict's")
    ] = None,
    guides: GuidesFile = None,
    var: Var = None,
) -> None:
    """Show the guide of a label as a judge is shown it, and which versions there were."""
    from rich.text import Text

    from judge.guides.file import LONGEST_SHOWN
    from models.errors import Fatal
    from streams.program.guides import open_desk
    from streams.program.plain import visible
    from streams.program.screen import console

    desk = open_desk(settings_of(var=var, guides=guides))
    guide = desk.in_force(label)
    origin = desk.history.origin(guide)
    if version is not None:
        kept = desk.history.find(label, version)
        if kept is None:
            raise Fatal(f"no version {version!r} of {label!r} is kept; without --version: a list")
        guide, origin = kept.guide, kept.origin
    lines = [f"{label} ({guide.name}), version {guide.version}, by {origin}"]
    lines.append(guide.text[:LONGEST_SHOWN] or "(the name alone)")
    if (more := len(guide.text) - LONGEST_SHOWN) > 0:
        lines.append(f"({more:,} more characters, which no judge is shown)")
    for kept in desk.history.of(label) if version is None else ():
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(kept.at))
        lines.append(f"  {kept.guide.version}  {when}  {kept.origin}")
    for line in lines:
        console.print(Text(visible(line)), soft_wrap=True)


@guides_commands.command("list")
def list_guides(guides: GuidesFile = None, var: Var = None) -> None:
    """List all labels: the version in force, whose work it is, and whether it is in the file."""
    from rich.table import Table

    from judge.guides.history import HAND, origins
    from streams.program.guides import open_desk
    from streams.program.screen import cell, console

    desk = open_desk(settings_of(var=var, guides=guides))
    whose = origins(desk.history.all())
    table = Table(title=cell(desk.path, "bold"), title_justify="left")
    for column in ("label", "version", "by", "in the file", "characters"):
        table.add_column(column, overflow="fold")
    for label in desk.names:
        guide = desk.in_force(label)
        by = whose.get((label, guide.version), HAND)
        there = "yes" if label in desk.own else "no"
        row = (label, guide.version, by, there, f"{len(guide.text):,}")
        table.add_row(*map(cell, row))
    console.print(table)
    _odd(desk.odd)


@guides_commands.command("check")
def check_guides(guides: GuidesFile = None, var: Var = None) -> None:
    """Read the file and say what is odd in it. Broken, it is one line with the line's number."""
    from streams.program import screen
    from streams.program.guides import open_desk

    desk = open_desk(settings_of(var=var, guides=guides))
    _odd(desk.odd)
    screen.say(f"{desk.path}: {len(desk.own)} guides for {len(desk.names)} labels.")


def _odd(lines: list[str]) -> None:
    from streams.program.plain import complain

    for line in lines:
        complain(line)


def _cost(calls: int, tokens: int) -> None:
    from streams.program.screen import say

    say(f"{calls} calls, {tokens:,} tokens.")


def _told(proposal: Proposal) -> None:
    from streams.program.plain import complain
    from streams.program.screen import say

    for line in proposal.failed:
        complain(f"no guide for {line}")
    if proposal.left:
        left = _some(proposal.left)
        say(f"Written by a person, left alone (name them to write them anew): {left}")
    if proposal.by_hand:
        say(f"WRITTEN BY A PERSON, and would be replaced: {_some(proposal.by_hand)}")


def _show_difference(desk: Desk, proposal: Proposal) -> None:
    from rich.text import Text

    from streams.program.guides_write import difference
    from streams.program.plain import visible
    from streams.program.screen import console

    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in difference(desk, proposal):
        console.print(Text(visible(line), style=styles.get(line[:1], "")), soft_wrap=True)


def _agreed(proposal: Proposal) -> bool:
    if not _is_terminal():
        return False
    question = f"Write these {len(proposal.guides)} guides?"
    if proposal.by_hand:
        question = f"Write these, also over what a person wrote ({_some(proposal.by_hand)})?"
    return typer.confirm(question, default=False)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _some(labels: list[str]) -> str:
    from streams.program.plain import visible

    return visible(", ".join(labels), lines=False)
