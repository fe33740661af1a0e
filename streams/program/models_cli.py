"""`redstream models`: the versions of the model, and the way back."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.program.options import Var, settings_of

models_commands = typer.Typer(
    help="The versions of the model: look at them, compare two, go back to one. The newest 20 are"
    " kept, and the pinned. See docs/models.md.",
    no_args_is_help=True,
)
Number = Annotated[int, typer.Argument(metavar="N", help="A version's number, from the list")]


@models_commands.command("list")
def list_models(var: Var = None) -> None:
    """List the versions that are kept, the oldest first; also while a run is under way.

    `learnt`: lessons it holds beyond the examples it was fitted from. `applied`: the place in the
    training set (topic `retrain`) from which it goes on learning. `threshold`: the confidence from
    which nobody is asked. `touched`: labels whose head or examples it changed.
    """
    from streams.program import screen_models
    from streams.program.logs import to_standard_error
    from streams.program.versions import list_versions

    to_standard_error()
    screen_models.versions(list_versions(settings_of(var=var)))


@models_commands.command("show")
def show_model(number: Number, var: Var = None) -> None:
    """Show all of one version: encoder, labels, parts, and what the version before has as well."""
    from streams.program import screen_models
    from streams.program.logs import to_standard_error
    from streams.program.versions import show_version

    to_standard_error()
    screen_models.version(show_version(settings_of(var=var), number))


@models_commands.command("diff")
def diff_models(
    a: Annotated[int, typer.Argument(metavar="A", help="The version before")],
    b: Annotated[
        int | None, typer.Argument(metavar="[B]", help="Left out: the one in service")
    ] = None,
    var: Var = None,
) -> None:
    """Tell what B has otherwise than A: labels, examples, heads, threshold, lessons learnt.

    With neighbouring numbers: what that version changed.
    """
    from streams.program import screen_models
    from streams.program.logs import to_standard_error
    from streams.program.versions import compare

    to_standard_error()
    screen_models.difference(compare(settings_of(var=var), a, b))


@models_commands.command("rollback")
def roll_back(number: Number, var: Var = None) -> None:
    """Bring an older version back into service, as a new one with the next number.

    Lessons taught since stay in the training set (topic `retrain`) and before the judge's eyes,
    but the model has them no more, and does NOT learn them again: it goes on with what is taught
    from now on. How many are left out is said. Texts that were taken back since are taken out of
    the older version as well, and labels stay as they are now. A rollback to the version before
    it undoes it.
    """
    from streams.program import screen_models
    from streams.program.logs import to_standard_error
    from streams.program.rollback import rollback

    to_standard_error()
    screen_models.rolled_back(rollback(settings_of(var=var), number), number)


@models_commands.command("pin")
def pin_model(number: Number, var: Var = None) -> None:
    """Keep a version however many come after it."""
    from streams.program import screen
    from streams.program.logs import to_standard_error
    from streams.program.rollback import set_pin

    to_standard_error()
    new = set_pin(settings_of(var=var), number, pinned=True)
    screen.say(f"Version {number} is pinned{'.' if new else ' already.'}")


@models_commands.command("unpin")
def unpin_model(number: Number, var: Var = None) -> None:
    """Take a pin away: the version goes with the next one published, if 20 newer are there."""
    from streams.program import screen
    from streams.program.logs import to_standard_error
    from streams.program.rollback import set_pin

    to_standard_error()
    new = set_pin(settings_of(var=var), number, pinned=False)
    screen.say(f"Version {number} is {'no longer pinned.' if new else 'not pinned.'}")
