"""`redstream encoder`: which encoder the model reads, and moving it to another one."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.program.kafka_cli import Kafka
from streams.program.options import Var, settings_of

encoder_commands = typer.Typer(
    help="The encoder of the model: see it, and move the model to another one while it serves."
    " See docs/encoder.md.",
    no_args_is_help=True,
)


@encoder_commands.command("show")
def show_encoder(var: Var = None, kafka: Kafka = None) -> None:
    """Show which encoder the model reads, since when, and which was before; also during a run."""
    from streams.program import screen_encoder
    from streams.program.encoder_stores import shown
    from streams.program.logs import to_standard_error

    to_standard_error()
    settings = settings_of(var=var, kafka=kafka)
    screen_encoder.shown(shown(settings), settings)


@encoder_commands.command("change")
def change_encoder(
    name: Annotated[
        str,
        typer.Argument(
            help="default, hashing, hashing:64 (vectors of that length), a folder or a hub name;"
            " with `+words` behind it letters and words as well"
        ),
    ],
    path: Annotated[
        str | None,
        typer.Option(help="Its arithmetic: fp32, bfloat16 or auto [REDSTREAM_ENCODER_PATH, auto]"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only measure what it would bring; write nothing")
    ] = False,
    var: Var = None,
    kafka: Kafka = None,
) -> None:
    """Move the model to another encoder while it serves: nothing stops, nothing taught is lost.

    Everything it was taught is encoded anew, fitted as by `fit`, measured beside the encoder in
    service on people's examples that both left out, and published as the next version. Workers
    (or a run) load the encoder and switch; those that cannot go on with the version before, and
    say so. The same command with the name of the encoder before moves back.
    """
    from streams.program import screen, screen_encoder
    from streams.program.encoder_change import change
    from streams.program.logs import to_standard_error

    to_standard_error()
    settings = settings_of(var=var, kafka=kafka, encoder_path=path)
    with screen.steps() as progress:
        found = change(settings, name, settings.encoder_path, progress, dry=dry_run)
    screen_encoder.moved(found, dry=dry_run)


@encoder_commands.command("clean")
def clean_encoder(var: Var = None, kafka: Kafka = None) -> None:
    """Delete the example store of the encoder before, once nothing on its way needs it any more.

    That is when no worker serves the version before (`/readyz` says so) and what waited for the
    judge at the change was judged. Until then its cases are shown the examples of their own
    encoder; afterwards none.
    """
    from streams.program import screen
    from streams.program.encoder_stores import clean

    whose = clean(settings_of(var=var, kafka=kafka))
    if whose is None:
        screen.say("The model was never moved: there is no other example store.")
    else:
        screen.say(f"The examples in vectors of {whose} are deleted.")
