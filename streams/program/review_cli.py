"""`redstream review`: a person decides, in the terminal or by a script."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program.options import Var, settings_of

if TYPE_CHECKING:
    from streams.program.review import Review
    from streams.program.settings import Settings


class Of(StrEnum):
    """Which texts."""

    HELD = "held"
    AUDITS = "audits"
    PEOPLE = "people"


def review(
    text_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One text, decided already or not")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="With ID: its label. Without: only texts that may have this label"),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="With ID: none of the labels")] = False,
    of: Annotated[
        Of,
        typer.Option(
            help="held: undecided. audits: sure texts that the judge did not confirm."
            " people: decided by a person before"
        ),
    ] = Of.HELD,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many texts")] = None,
    var: Var = None,
    encoder: Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")] = None,
) -> None:
    """Decide yourself: the undecided texts one at a time, those most worth your time first.

    Shows the contenders with their guides, what the judge was asked and said, and the nearest
    examples. What you decide overrules classifier and judge, and is taught at once; undone, what
    they said holds again. A run that is under way takes it in. See docs/review.md.

    For scripts: `redstream review ID --label LABEL` and `redstream review ID --none`.
    """
    from models.errors import Fatal
    from streams.program.logs import to_standard_error
    from streams.program.review import Review

    settings = settings_of(var=var, encoder=encoder)
    to_standard_error()
    decides = text_id is not None and (label is not None or none)
    if none and (text_id is None or label is not None):
        raise Fatal("--none is said of one text: redstream review ID --none")
    if not decides and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Fatal(
            "review needs a terminal; without one, decide one text at a time:"
            " redstream review ID --label LABEL, or --none"
        )
    desk = Review(settings)
    try:
        if text_id is not None and decides:
            _decide(desk, text_id, label)
        else:
            ids = desk.queue(of.value, label) if text_id is None else [text_id]
            _sit(desk, settings, ids[:limit], held=text_id is None and of is Of.HELD)
    finally:
        desk.close()
    if desk.published:
        _take_in(settings, desk.decided)


def _decide(desk: Review, text_id: str, label: str | None) -> None:
    """Decide one text, unless it is decided so already."""
    from streams.program.review_screen import say

    wanted = None if label is None else desk.label(label)
    item = desk.item(text_id)
    told = wanted or "none of the labels"
    if item.before is not None and (item.before.label or None) == wanted:
        say(f"{text_id}: a person has said {told} already.")
        return
    desk.decide(item, wanted)
    say(f"{text_id}: {told}.")


def _sit(desk: Review, settings: Settings, ids: list[str], *, held: bool) -> None:
    """Let a person go through texts."""
    from streams.program.guides import open_guides
    from streams.program.review_keys import Session, keys_of_terminal
    from streams.program.review_screen import say

    if not ids:
        say("Nothing to review.")
        return
    guides = open_guides(settings, desk.log, desk.version.classifier, desk.labels)
    try:
        with keys_of_terminal() as keys:
            Session(desk, guides, keys).go_through(ids, held=held)
    except KeyboardInterrupt:
        say("Stopped; what was decided is kept.")


def _take_in(settings: Settings, count: int) -> None:
    from models.errors import RedstreamError
    from streams.program.review import take_in
    from streams.program.review_screen import say

    try:
        version = take_in(settings)
    except RedstreamError as error:
        say(f"{count} decided and kept, not taken in yet: {error}. The next run does it.")
        raise typer.Exit(1) from None
    if version is None:
        say(f"{count} decided: the process that holds the folder takes them in.")
    else:
        say(f"{count} decided and taken in: model {version}.")
