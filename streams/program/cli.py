"""The program. Heavy modules are imported by the commands that need them: `--help` is fast."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.program import backup_cli, config_cli, evaluate_cli
from streams.program import options as given
from streams.program.deadletters_cli import deadletters_commands
from streams.program.encoder_cli import encoder_commands
from streams.program.examples_cli import examples_commands
from streams.program.forget_cli import forget
from streams.program.guides_cli import guides_commands
from streams.program.kafka_cli import consume, produce, rounds, topics_commands, up, worker
from streams.program.labels_cli import labels_commands
from streams.program.measure_cli import judge_commands
from streams.program.models_cli import models_commands
from streams.program.options import Var, settings_of
from streams.program.review_cli import review
from streams.program.run_cli import run

app = typer.Typer(
    help="Label a never-ending stream of texts from a few examples of each label. A cheap"
    " classifier labels what it is sure of, a judge validates the rest and teaches it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(config_cli.init)
app.command("config")(config_cli.config)
app.command("review")(review)
app.command("backup")(backup_cli.backup)
app.command("restore")(backup_cli.restore)
app.command("forget")(forget)
app.add_typer(deadletters_commands, name="deadletters")
app.add_typer(encoder_commands, name="encoder")
app.add_typer(examples_commands, name="examples")
app.add_typer(guides_commands, name="guides")
app.add_typer(judge_commands, name="judge")
app.add_typer(labels_commands, name="labels")
app.add_typer(models_commands, name="models")
app.add_typer(topics_commands, name="topics")
for command in (worker, up, produce, consume, rounds):
    app.command()(command)


@app.callback()
def everywhere(
    config: Annotated[
        Path | None,
        typer.Option(help="File of settings [REDSTREAM_CONFIG, redstream.toml if it is there]"),
    ] = None,
) -> None:
    given.use_file(config)


@app.command()
def fit(
    examples: Annotated[
        Path, typer.Argument(help="File of texts with labels: CSV, TSV, JSONL, Parquet; or .gz")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="File of labels with their names and guides: CSV, TSV, JSONL, Parquet"),
    ] = None,
    var: Var = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder name [REDSTREAM_ENCODER]")] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes every random choice")] = None,
    text_column: given.TextColumn = None,
    label_column: given.LabelColumn = None,
) -> None:
    """Make the first model from labelled examples, and tell what they are worth.

    Tells labels with too few examples, the same text under two labels, which labels are taken for
    each other, and how much the judge will be asked. The same examples again are no work.
    """
    from streams.program import screen, screen_fit
    from streams.program.fit import fit as make
    from streams.program.logs import to_standard_error

    settings = settings_of(
        var=var, encoder=encoder, seed=seed, text_column=text_column, label_column=label_column
    )
    to_standard_error()
    with screen.steps() as progress:
        fitted = make(settings, examples, labels, progress, screen.say)
    screen_fit.fitted(fitted, settings)


@app.command()
def plan(
    texts: Annotated[Path, typer.Argument(help="File or folder as for `run`")],
    target: Annotated[
        list[float] | None,
        typer.Option(help="A precision to plan for, as often as you like [.9, .95, .97, .98]"),
    ] = None,
    sample: Annotated[int, typer.Option(min=50, help="Texts to look at, drawn at random")] = 500,
    expected: Annotated[
        int | None, typer.Option("--texts", min=1, help="Texts to come; else what the file has")
    ] = None,
    latency: Annotated[
        float, typer.Option(min=0.01, help="Seconds until the LLM has answered a question")
    ] = 1.0,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this SVG or PNG file")] = None,
    var: Var = None,
    encoder: Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")] = None,
    text_column: given.TextColumn = None,
    id_column: given.IdColumn = None,
    llm_price_in: given.LlmPriceIn = None,
    llm_price_out: given.LlmPriceOut = None,
    llm_per_minute: given.LlmPerMinute = None,
) -> None:
    """Tell what a run over these texts would ask and cost, at several targets. Asks nothing.

    Needs a fitted folder (`redstream fit`), no endpoint and no key. It plays through what a run
    does: everything is judged until the target is certified, then the doubtful and the audits.
    """
    from streams.program import screen, screen_plan
    from streams.program.logs import to_standard_error
    from streams.program.plan import TARGETS
    from streams.program.plan import plan as forecast
    from streams.program.plan_plot import draw_into

    settings = settings_of(
        var=var,
        encoder=encoder,
        text_column=text_column,
        id_column=id_column,
        llm_price_in=llm_price_in,
        llm_price_out=llm_price_out,
        llm_per_minute=llm_per_minute,
    )
    to_standard_error()
    with screen.steps() as progress:
        found = forecast(
            settings,
            texts,
            sample=sample,
            texts=expected,
            targets=target or TARGETS,
            latency=latency,
            progress=progress,
            tell=screen.say,
        )
    screen_plan.planned(found, settings)
    if plot:
        draw_into(plot, found)
        screen.say(f"Drawn: {plot}")


app.command()(run)
app.command("evaluate")(evaluate_cli.evaluate)


@app.command()
def status(
    gold: Annotated[
        Path | None, typer.Option(help=f"{given.GOLD_FILE}, to tell what is right")
    ] = None,
    id_column: given.IdColumn = None,
    label_column: given.LabelColumn = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the stream and its rounds into this SVG or PNG file")
    ] = None,
    var: Var = None,
) -> None:
    """Show how things stand, also while a run is under way."""
    from streams.program import screen
    from streams.program.summary import summarize

    settings = settings_of(var=var, id_column=id_column, label_column=label_column)
    known, grades = None, None
    if gold:
        from streams.program.gold import read_gold
        from streams.program.grades import grade
        from streams.program.settings import columns_beside

        wanted = columns_beside(settings, id=id_column, label=label_column)
        known = read_gold(gold, wanted, screen.say)
        grades = grade(settings, known)
    screen.summary(summarize(settings), grades, settings, None)
    if plot:
        from streams.program.course import course
        from streams.program.course_plot import draw_into

        draw_into(plot, course(settings, known))
        screen.say(f"Drawn: {plot}")


@app.command()
def explain(
    text_id: Annotated[str, typer.Argument(metavar="ID", help="The text's id")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
    encode: Annotated[
        bool, typer.Option("--encode", help="Embed it again if no embedding of it was kept")
    ] = False,
    var: Var = None,
    encoder: Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")] = None,
) -> None:
    """Tell the whole story of a text.

    How it came to its label: what classifier, judge and people said, with the examples and guides
    the judge went by; what the model says of it now and what has changed; what it has taught.
    """
    from streams.program.explain import as_json as data
    from streams.program.explain import explain as story
    from streams.program.known import forgotten_on
    from streams.program.plain import visible

    settings = settings_of(var=var, encoder=encoder)
    if (forgotten := forgotten_on(settings, text_id)) is not None:
        plain = f"{text_id} was forgotten on {forgotten}. Nothing of it is kept."
        told = json.dumps({"id": text_id, "forgotten": forgotten})
        return typer.echo(told if as_json else visible(plain, lines=False))
    found = story(settings, text_id, encode=encode)
    if as_json:
        typer.echo(json.dumps(data(found)))
    else:
        from streams.program import explain_screen

        explain_screen.story(found)


def main() -> None:
    """Run the program; an error of ours is one clear line and exit code 1."""
    from models.errors import Fatal, RedstreamError
    from streams.program.logs import libraries_quiet
    from streams.program.plain import complain, is_unicode

    libraries_quiet()
    try:
        for odd in (one for one in sys.argv[1:] if not is_unicode(one)):
            raise Fatal(f"{odd!r} is no UTF-8: ids and labels are, and files have to be named so")
        app(prog_name="redstream")
    except RedstreamError as error:
        complain(str(error))
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:
        from streams.program.trouble import told

        line = told(error)
        if line is None:
            raise
        complain(line)
        sys.exit(1)
