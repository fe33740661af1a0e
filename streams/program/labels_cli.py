"""`redstream labels`: which labels there are; add, retire, rename and merge them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program.options import IdColumn, LabelColumn, TextColumn, Var, settings_of

if TYPE_CHECKING:
    from streams.program.labels import Done, Prepared
    from streams.program.settings import Settings

labels_commands = typer.Typer(
    help="The label set: look at it, and change it in mid-stream. A run that holds the folder takes"
    " a change in with its next version; without one it is made at once. See docs/labels.md.",
    no_args_is_help=True,
)
Label = Annotated[str, typer.Argument(metavar="LABEL", help="The label, as the model has it")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only tell what it would touch; write nothing")
]
EncoderName = Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")]


@labels_commands.command("list")
def list_labels(var: Var = None) -> None:
    """List all labels: exemplars in use, gold among them, lessons learnt, subset, when added."""
    from streams.program import labels_screen
    from streams.program.labels_list import listed

    labels_screen.all_of_them(listed(settings_of(var=var)))


@labels_commands.command("show")
def show_label(label: Label, var: Var = None) -> None:
    """Show all about one label: guide, examples, share, what the judge made of it, confusions.

    How often the judge confirmed it is its precision, by the judge: where the classifier was sure,
    that of what goes out unasked.
    """
    from streams.program import labels_screen
    from streams.program.labels_show import show

    labels_screen.one(show(_settings(var), label))


@labels_commands.command("add")
def add_label(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="A name never used before")],
    name: Annotated[
        str | None, typer.Option(help="What people call it; left out: the label as words")
    ] = None,
    guide: Annotated[str | None, typer.Option(help="What it means, in a sentence or more")] = None,
    guide_file: Annotated[Path | None, typer.Option(help="A file with the guide")] = None,
    examples: Annotated[
        Path | None,
        typer.Option(help="File of texts, perhaps with ids: CSV, TSV, JSONL, Parquet; or .gz"),
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    label_column: LabelColumn = None,
    dry_run: DryRun = False,
    var: Var = None,
    encoder: EncoderName = None,
) -> None:
    """Add a label: from a few examples, or from its name and guide alone.

    Five examples are enough to begin with. Name and guide count as one more. A label that was
    retired comes back with the examples it had. The very same command again is no work.
    """
    from models.errors import Fatal
    from streams.program.labels import publish
    from streams.program.labels_add import prepare_add
    from streams.program.screen import say, steps
    from streams.program.settings import columns_beside

    if guide is not None and guide_file is not None:
        raise Fatal("give the guide with --guide or with --guide-file, not with both")
    asked = {"text_column": text_column, "id_column": id_column, "label_column": label_column}
    settings = _settings(var, encoder, **asked)
    words = guide if guide_file is None else _read(guide_file)
    with steps() as progress:
        prepared = prepare_add(
            settings,
            label,
            name=name,
            guide=(words or "").strip(),
            examples=examples,
            progress=progress,
            wanted=columns_beside(settings, text=text_column, id=id_column, label=label_column),
            tell=say,
        )
        if prepared is None:
            return say(f"{label} is there, with this name, guide and examples: nothing to do.")
        if dry_run:
            return _foresee(settings, prepared)
        progress("teaching", 0.5)
        done = publish(settings, prepared)
    _say(f"{label} is added, with {done.examples} examples", done)


@labels_commands.command("retire")
def retire_label(label: Label, dry_run: DryRun = False, var: Var = None) -> None:
    """Retire a label: it is not proposed any more.

    Texts that have it keep it. Lessons for it are kept in the log and not learnt. `labels add`
    brings it back.
    """
    from streams.program.labels import Prepared, change
    from streams.records import LabelCommand

    settings = _settings(var)
    command = LabelCommand(command="retire", label=label, at=time.time())
    if dry_run:
        return _foresee(settings, Prepared(command))
    done = change(settings, command)
    _say(f"{label} is retired", done)
    _odd_guides(settings)


@labels_commands.command("rename")
def rename_label(
    label: Label,
    into: Annotated[str, typer.Argument(metavar="NEW", help="A name never used before")],
    name: Annotated[
        str | None, typer.Option(help="What people call it; left out: as before, or NEW as words")
    ] = None,
    dry_run: DryRun = False,
    var: Var = None,
    encoder: EncoderName = None,
) -> None:
    """Rename a label: its examples and what is learnt go with it.

    What still comes under the old name is learnt under the new one. Texts labelled before keep
    the old name: events are history.
    """
    from streams.program import screen
    from streams.program.labels import prepare_rename, publish

    settings = _settings(var, encoder)
    with screen.steps() as progress:
        prepared = prepare_rename(settings, label, into, name, progress)
    if dry_run:
        return _foresee(settings, prepared)
    done = publish(settings, prepared)
    _say(f"{label} is called {into} now", done)
    _odd_guides(settings)


@labels_commands.command("merge")
def merge_labels(
    label: Label,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The label that stays")],
    dry_run: DryRun = False,
    var: Var = None,
) -> None:
    """Merge a label into another, which gets its examples.

    What still comes under the merged label is learnt under the other. Texts labelled before keep
    the old name: events are history.
    """
    from streams.program.labels import Prepared, change
    from streams.records import LabelCommand

    settings = _settings(var)
    command = LabelCommand(command="merge", label=label, into=into, at=time.time())
    if dry_run:
        return _foresee(settings, Prepared(command))
    done = change(settings, command)
    _say(f"{label} is a part of {into} now", done)
    _odd_guides(settings)


def _foresee(settings: Settings, prepared: Prepared) -> None:
    from streams.program.labels_dry import foresee, in_words
    from streams.program.screen import say

    for line in in_words(foresee(settings, prepared)):
        say(line)


def _settings(var: Path | None, encoder: str | None = None, **columns: str | None) -> Settings:
    from streams.program.logs import to_standard_error

    to_standard_error()
    return settings_of(var=var, encoder=encoder, **columns)


def _read(path: Path) -> str:
    from models.errors import Fatal

    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Fatal(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Fatal(f"{path} is not UTF-8") from None


def _say(what: str, done: Done) -> None:
    from streams.program.screen import say

    if done.version is None:
        say(f"{what} as soon as the process that holds the folder, or the next run, takes it in.")
    else:
        say(f"{what}: model {done.version}.")


def _odd_guides(settings: Settings) -> None:
    """Name the guides in the file that stand under no label any more."""
    from models.errors import Fatal
    from streams.program.guides import open_desk
    from streams.program.plain import complain

    try:
        odd = open_desk(settings).odd
    except Fatal as error:  # the label has changed all the same
        odd = [str(error)]
    for line in odd:
        complain(line)
