"""`redstream deadletters`: what could not be used."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from streams.program.options import Var, settings_of

deadletters_commands = typer.Typer(help="What could not be used: list it, look at it, put it back.")


@deadletters_commands.command("list")
def list_letters(
    every: Annotated[bool, typer.Option("--all", help="Also those that were put back")] = False,
    var: Var = None,
) -> None:
    """List the dead letters, oldest first."""
    from streams.program import screen
    from streams.program.deadletters import list_dead

    screen.dead_letters(list_dead(settings_of(var=var), all_of_them=every))


@deadletters_commands.command("show")
def show_letter(
    position: Annotated[str, typer.Argument(help="topic/partition/offset, from the list")],
    var: Var = None,
) -> None:
    """Write the original bytes of one dead letter to standard output.

    On a terminal they are shown as text, with what a terminal would obey made visible.
    """
    from models.errors import Fatal
    from streams.program.deadletters import list_dead
    from streams.program.plain import visible

    for letter in list_dead(settings_of(var=var), all_of_them=True):
        if letter.position == position:
            if _is_terminal():
                print(visible(letter.original().decode("utf-8", "replace")))
            else:
                sys.stdout.buffer.write(letter.original())
            return
    raise Fatal(f"no dead letter at {position}; `redstream deadletters list` shows them")


@deadletters_commands.command("requeue")
def requeue_letters(
    positions: Annotated[list[str] | None, typer.Argument(help="Positions from the list")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were not put back yet")] = False,
    var: Var = None,
) -> None:
    """Put dead letters back where they came from; the next run handles them."""
    from models.errors import Fatal
    from streams.program import screen
    from streams.program.deadletters import requeue

    if not positions and not every:
        raise Fatal("name positions from `redstream deadletters list`, or --all")
    count = requeue(settings_of(var=var), None if every else set(positions or ()))
    screen.say(f"{count} put back; the next run handles them")


def _is_terminal() -> bool:
    return sys.stdout.isatty()
