"""`redstream run`: its options, and what it says around the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program import options as given
from streams.program.options import Var, settings_of

if TYPE_CHECKING:
    from streams.program.settings import Settings


Texts = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSONL or Parquet file (or .gz), a folder of such, or - for a pipe"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help=".jsonl: labelled events, the last line of an id holds; .csv, .tsv, .parquet:"
        " your own rows with their labels; a folder: the same for each file of a folder"
    ),
]
AsRows = Annotated[
    bool, typer.Option("--rows", help="Rows with their labels also into a .jsonl file")
]
JudgeName = Annotated[str | None, typer.Option(help="local, llm or simulated [REDSTREAM_JUDGE]")]
Gold = Annotated[
    Path | None,
    typer.Option(help=f"{given.GOLD_FILE}, for simulated judge and summary only"),
]
GoldLabels = Annotated[
    str | None, typer.Option(help="Its column of labels [REDSTREAM_LABEL_COLUMN]")
]
EncoderName = Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")]
MostRounds = Annotated[
    int | None,
    typer.Option(
        help="Most rounds over the undecided when the input has ended; 0: none"
        " [REDSTREAM_ROUNDS, 5]"
    ),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="Go on as file or folder grows, until stopped")
]
Lockstep = Annotated[
    bool, typer.Option("--lockstep", help="One stage at a time, in an order fixed by the log")
]


def run(
    texts: Texts,
    out: Out = None,
    rows: AsRows = False,
    text_column: given.TextColumn = None,
    id_column: given.IdColumn = None,
    var: Var = None,
    judge: JudgeName = None,
    gold: Gold = None,
    label_column: GoldLabels = None,
    encoder: EncoderName = None,
    rounds: MostRounds = None,
    follow: Follow = False,
    lockstep: Lockstep = False,
    llm_url: given.LlmUrl = None,
    llm_model: given.LlmModel = None,
    llm_timeout: given.LlmTimeout = None,
    llm_patience: given.LlmPatience = None,
    llm_per_minute: given.LlmPerMinute = None,
    llm_price_in: given.LlmPriceIn = None,
    llm_price_out: given.LlmPriceOut = None,
    llm_day_money: given.LlmDayMoney = None,
    llm_all_calls: given.LlmAllCalls = None,
    llm_all_money: given.LlmAllMoney = None,
) -> None:
    """Label a stream. Stopped or killed, the same command goes on where it was.

    The judge is asked about what the classifier is not sure of: `local` weighs the nearest
    examples and needs nothing, `llm` asks a language model and teaches the classifier what it
    accepts (docs/judge.md), `simulated` knows the gold labels and errs on purpose.

    What stays undecided is held. When the input has ended, rounds begin: all that is held is
    examined again by what was learnt since, asked about again where another label leads now, and
    teaches in its turn; until a round lowers what is held by less than 1%.
    """
    settings = settings_of(
        var=var,
        judge=judge,
        gold=gold,
        encoder=encoder,
        rounds=rounds,
        text_column=text_column,
        id_column=id_column,
        label_column=label_column,
        llm_url=llm_url,
        llm_model=llm_model,
        llm_timeout=llm_timeout,
        llm_patience=llm_patience,
        llm_per_minute=llm_per_minute,
        llm_price_in=llm_price_in,
        llm_price_out=llm_price_out,
        llm_day_money=llm_day_money,
        llm_all_calls=llm_all_calls,
        llm_all_money=llm_all_money,
    )
    _label(settings, texts, out, rows=rows, follow=follow, lockstep=lockstep, label=label_column)


def _label(
    settings: Settings,
    texts: str,
    out: Path | None,
    *,
    rows: bool,
    follow: bool,
    lockstep: bool,
    label: str | None,
) -> None:
    """Run, and say around it what there is to say; `label`: the column of the gold labels."""
    from streams.program import screen
    from streams.program.changed import changed
    from streams.program.folder import Folder
    from streams.program.gold import read_gold
    from streams.program.grades import grade
    from streams.program.llm_settings import check
    from streams.program.logs import to_standard_error
    from streams.program.rows import rows_out
    from streams.program.run import run as work
    from streams.program.settings import columns_beside
    from streams.program.summary import summarize

    check(settings)
    to_standard_error(settings.log)
    screen.announce(settings, texts)
    wanted = columns_beside(settings, label=label)
    known = read_gold(settings.gold, wanted, screen.say) if settings.gold else None
    for line in changed(settings, Folder(settings.var).settings):
        screen.say(line)
    with screen.watching() as watch:
        finished = work(
            settings,
            texts,
            out,
            rows=rows,
            lockstep=lockstep,
            watch=watch,
            follow=follow,
            tell=screen.say,
        )
    found = summarize(settings)
    events = out if out and not rows_out(out, texts, rows=rows) else None
    screen.summary(found, grade(settings, known) if known else None, settings, events)
    if finished and settings.rounds and found.counts.held and not found.rounds:
        screen.say("No round over what is held: the newest model has examined it already.")
    if not finished:
        screen.say("Stopped. The same command goes on from here.")
        raise typer.Exit(130)
