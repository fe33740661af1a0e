"""`redstream examples`: the validated examples that a judge is shown."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program.options import IdColumn, LabelColumn, TextColumn, Var, settings_of

if TYPE_CHECKING:
    from streams.program.examples_store import Shown

examples_commands = typer.Typer(
    help="The validated examples a judge is shown: look at them, write them out, add your own."
    " They are a cache of what was taught (topic `retrain`), in VAR/examples or on the Qdrant"
    " server that REDSTREAM_QDRANT names; lost or damaged, `rebuild` fills them again.",
    no_args_is_help=True,
)


@examples_commands.command("rebuild")
def rebuild_examples(var: Var = None) -> None:
    """Fill the example store again from everything that was taught.

    For a store that was lost, is damaged, or has moved to a server. What was taught comes from
    the log and is not touched; examples in the store that were never taught, or were revoked,
    are deleted. Nothing is encoded again. Killed or failed, the same command starts over.
    """
    from streams.program import screen
    from streams.program.examples_store import rebuild
    from streams.program.logs import to_standard_error

    to_standard_error()
    rebuilt = rebuild(settings_of(var=var))
    screen.say(f"{rebuilt.where} holds {rebuilt.examples} examples.")
    if rebuilt.removed:
        screen.say(f"{rebuilt.removed} that were never taught, or revoked, are deleted.")
    if rebuilt.unusable:
        screen.say(f"{rebuilt.unusable} lessons cannot be used; see `redstream deadletters list`.")


@examples_commands.command("export")
def export_examples(
    out: Annotated[Path | None, typer.Option(help="A new file; left out: standard output")] = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="With `embedding` and the `encoder` that made it")
    ] = False,
    var: Var = None,
) -> None:
    """Write all examples as JSON Lines: `id`, `label`, `text`.

    By label, oldest first; also while a run is under way. The file can be edited and given to
    `redstream examples import`, here or for another folder.
    """
    from streams.program import screen
    from streams.program.examples_store import exported, write_lines

    lines = exported(settings_of(var=var), embeddings=embeddings)
    if out is None:
        for line in lines:
            sys.stdout.write(line + "\n")
        return
    screen.say(f"{write_lines(lines, out)} examples: {out}")


@examples_commands.command("import")
def import_examples(
    path: Annotated[
        Path,
        typer.Argument(
            help="File of texts with labels, perhaps ids: CSV, TSV, JSONL, Parquet; or .gz"
        ),
    ],
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    label_column: LabelColumn = None,
    var: Var = None,
    encoder: Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")] = None,
) -> None:
    """Teach labelled examples as a person's word: to the classifier and to the store.

    They are gold, as the examples of `fit` are. The labels must be known already. An id that
    was taught under another label moves to this one; what is known as it stands is no work, so
    the same file can be given again. One bad line, and nothing is taken in.
    """
    from streams.program import screen
    from streams.program.lessons import take_in
    from streams.program.logs import to_standard_error

    to_standard_error()
    settings = settings_of(
        var=var,
        encoder=encoder,
        text_column=text_column,
        id_column=id_column,
        label_column=label_column,
    )
    with screen.steps() as progress:
        taken = take_in(settings, path, progress, screen.say)
    known = f", {taken.known} known already" if taken.known else ""
    screen.say(f"{taken.new} examples taught{known}; the model is at version {taken.version}.")


@examples_commands.command("show")
def show_examples(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The label, as the model has it")],
    limit: Annotated[int, typer.Option(min=1, help="The newest so many")] = 50,
    var: Var = None,
) -> None:
    """Show the examples of a label: text, whose word it is, when, and whether they are stored.

    `gold` came from a person (fit, import), `accepted` from a judge.
    """
    from streams.program.examples_store import show

    _print(label, show(settings_of(var=var), label), limit)


def _print(label: str, shown: Shown, limit: int) -> None:
    from rich.table import Table

    from streams.program.screen import cell, console

    table = Table(title=cell(label, "bold"), title_justify="left")
    table.add_column("id", overflow="fold")
    table.add_column("text", overflow="fold", ratio=1)
    for column in ("kind", "signed", "taught"):
        table.add_column(column, no_wrap=True)
    if shown.stored is not None:
        table.add_column("stored", no_wrap=True)
    for lesson in reversed(shown.lessons[-limit:]):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(lesson.at))
        cells = [
            lesson.id,
            lesson.text,
            "gold" if lesson.gold else "accepted",
            lesson.signed or "fit",
            when,
        ]
        if shown.stored is not None:
            cells.append("yes" if lesson.id in shown.stored else "NO")
        table.add_row(*map(cell, cells))
    if shown.lessons:
        console.print(table)
    _print_difference(shown)


def _print_difference(shown: Shown) -> None:
    from streams.program.screen import say

    taught = {lesson.id for lesson in shown.lessons}
    if shown.stored is None:
        say(f"{len(taught)} taught. The store was not looked into: {shown.why}")
        return
    missing, strays = taught - shown.stored, shown.stored - taught
    say(f"{len(taught)} taught, {len(shown.stored)} stored.")
    if missing or strays:
        say(
            f"{len(missing)} are not stored and {len(strays)} stored were not taught: the next run"
            " stores what waits in the log; `redstream examples rebuild` mends the rest."
        )
