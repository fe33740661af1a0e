"""`redstream judge`: the judge as an instrument that has errors of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program.options import (
    IdColumn,
    LabelColumn,
    LlmModel,
    LlmUrl,
    TextColumn,
    Var,
    settings_of,
)

if TYPE_CHECKING:
    from streams.program.measure import Measured

IS_NO_JUDGE = 3
"""Exit code of `measure` where the judge says yes, or no, to everything."""

SHOWN = 10
"""Pairs of labels that are printed, the worst first."""

WHO = {
    "local": "the local judge (weighs neighbours; no LLM)",
    "simulated": "a SIMULATED judge (knows these gold labels and errs on purpose; no LLM)",
    "replay": "recorded answers",
}

judge_commands = typer.Typer(
    help="Who validates: how far its word can be trusted. See docs/measure.md.",
    no_args_is_help=True,
)


@judge_commands.callback()
def about() -> None:
    """Keep `measure` a command by its name, alone as it is."""


@judge_commands.command("measure")
def measure_judge(
    gold: Annotated[
        Path,
        typer.Argument(
            help="File of texts with their right labels, perhaps ids: CSV, TSV, JSONL, Parquet;"
            " or .gz"
        ),
    ],
    texts: Annotated[int, typer.Option(min=1, help="At most so many, drawn by the seed")] = 100,
    judge: Annotated[
        str | None, typer.Option(help="local, simulated, replay or llm [REDSTREAM_JUDGE]")
    ] = None,
    recorded: Annotated[
        Path | None,
        typer.Option(help="For replay: file of ids with the labels answered, empty for none"),
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    label_column: LabelColumn = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    var: Var = None,
    encoder: Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws the texts and orders the options")] = None,
) -> None:
    """Measure a judge on texts whose right label is known: five questions for each text.

    How often it holds the right label valid, and refuses the wrong one that the classifier would
    propose; how it chooses; whether the order of the options matters. Nothing is labelled or
    taught. Exit code 3: the judge says yes (or no) to everything and validates nothing.
    """
    from streams.program import screen
    from streams.program.logs import to_standard_error
    from streams.program.measure import measure
    from streams.program.settings import columns_beside

    settings = settings_of(
        var=var,
        encoder=encoder,
        seed=seed,
        llm_url=llm_url,
        llm_model=llm_model,
        text_column=text_column,
        id_column=id_column,
        label_column=label_column,
    )
    wanted = columns_beside(settings, text=text_column, id=id_column, label=label_column)
    kind = judge or settings.judge
    to_standard_error()
    screen.say(f"Measuring {WHO.get(kind, settings.llm_model or kind)}.")

    def told(done: int, of: int) -> None:
        if done % 50 == 0 and done < of:
            screen.say(f"{done} of {of} texts")

    found = measure(settings, gold, kind, texts, recorded, told, wanted, screen.say)
    _print(found)
    if found.is_no_judge:
        screen.say(f"This judge cannot be used: {found.is_no_judge}.")
        raise typer.Exit(IS_NO_JUDGE)


def _print(found: Measured) -> None:
    from rich.table import Table

    from judge.measure import PAIR
    from streams.program.screen import cell, console, say

    verify, choose, order = found.verify, found.choose, found.order
    left_out = "".join(f"; left out: {n} {why}" for why, n in found.left_out.items())
    say(f"{found.texts} gold texts, judge {found.signature}{left_out}.")
    table = Table(title="rate, 95% interval (Clopper-Pearson)", title_justify="left")
    table.add_column("what")
    table.add_column("rate", justify="right", no_wrap=True)
    table.add_row("verify: right label held valid (true positives)", str(verify.right))
    table.add_row("verify: wrong label refused (true negatives)", str(verify.wrong))
    table.add_section()
    table.add_row("choose: right label chosen where it is offered", str(choose.right))
    table.add_row('choose: "none" although it is offered', str(choose.none_there))
    table.add_row('choose: "none" where it is not offered', str(choose.none_away))
    table.add_section()
    table.add_row("order: another answer in another order", str(order.differs))
    chance = f", {order.by_chance:.3f} by chance" if order.by_chance is not None else ""
    table.add_row(f"order: first option chosen{chance}", str(order.first))
    console.print(table)
    for title, rates in (
        ("Right label held valid", list(verify.labels.items())),
        ("Wrong label refused", list(verify.pairs.items())),
    ):
        bad = [(key, rate) for key, rate in rates if rate.part < rate.whole]
        for key, rate in bad[:SHOWN]:
            name = key if isinstance(key, str) else " proposed as ".join(key)
            console.print(cell(f"{title}, {name}: {rate}"), soft_wrap=True)
    if not verify.labels and not verify.pairs:
        say(f"No label or pair has {PAIR} answers or more, so none is shown by itself.")
    if order.prefers_first:
        say("It prefers the option that stands first.")
    silent = sum(found.answers.kinds.values())
    kinds = ", ".join(f"{name} {n}" for name, n in found.answers.kinds.most_common())
    answers = found.answers
    say(
        f"{answers.asked} questions, {answers.calls} calls, {answers.tokens:,} tokens;"
        f" without a verdict {silent}{f' ({kinds})' if kinds else ''}."
    )
