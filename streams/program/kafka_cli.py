"""The commands of a run on Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.program import options as given
from streams.program.options import Var, settings_of

Kafka = Annotated[
    str | None, typer.Option(help="Brokers, as host:port,host:port [REDSTREAM_KAFKA]")
]

topics_commands = typer.Typer(help="The topics on Kafka.", no_args_is_help=True)


@topics_commands.command("create")
def create(kafka: Kafka = None) -> None:
    """Create the topics that are not there. What is there stays as it is."""
    import asyncio

    from streams.kafka.topics import create as make
    from streams.program import screen
    from streams.program.kafka_settings import connection, topics

    settings = settings_of(kafka=kafka)
    made = asyncio.run(make(connection(settings), topics(settings)))
    for name in made:
        screen.say(f"{name} is created.")
    _check(kafka)


@topics_commands.command("check")
def check(kafka: Kafka = None) -> None:
    """Tell which topics are missing or not as declared; exit status 1 if any. Changes nothing."""
    from streams.program import screen

    _check(kafka)
    screen.say("All topics are as declared.")


def _check(kafka: str | None) -> None:
    import asyncio

    from models.errors import Fatal
    from streams.kafka.topics import differences
    from streams.program import screen
    from streams.program.kafka_settings import connection, topics

    settings = settings_of(kafka=kafka)
    found = asyncio.run(differences(connection(settings), topics(settings)))
    for line in found:
        screen.say(line)
    if found:
        raise Fatal(
            "topics are not as declared: `redstream topics create` makes those that are not there;"
            " others are for kafka-configs and kafka-topics, since redstream changes none"
        )


def worker(
    stages: Annotated[
        list[str],
        typer.Argument(help="classify, judge, later, remember, train, ledger, drift"),
    ],
    kafka: Kafka = None,
    var: Var = None,
    judge: Annotated[
        str | None, typer.Option(help="local, llm or simulated [REDSTREAM_JUDGE]")
    ] = None,
    gold: Annotated[
        Path | None, typer.Option(help=f"{given.GOLD_FILE}, for the simulated judge only")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="As in fit [REDSTREAM_ENCODER]")] = None,
    metrics: Annotated[
        int | None,
        typer.Option(help="Port for /metrics, /livez and /readyz [REDSTREAM_METRICS_PORT]"),
    ] = None,
) -> None:
    """Run stages on Kafka until told to stop (SIGTERM), within ten seconds.

    Several stages may run in one process, and a stage in several: classify, judge and later share
    their work out by partitions; of the others one has all, and the rest stand by. Started before
    there are brokers, topics or a model, it waits for them.
    """
    from streams.program.logs import libraries_to_standard_error, to_standard_error
    from streams.program.worker import work

    settings = settings_of(
        kafka=kafka, var=var, judge=judge, gold=gold, encoder=encoder, metrics_port=metrics
    )
    to_standard_error(settings.log)
    libraries_to_standard_error(settings.log)
    work(settings, stages)


def up(
    local: Annotated[
        bool, typer.Option("--local", help="On this machine, one worker of each stage")
    ] = False,
    kafka: Kafka = None,
    var: Var = None,
) -> None:
    """Start one of each worker, for a look; stopped, all of them stop."""
    from models.errors import Fatal
    from streams.program.up import up as start

    if not local:
        raise Fatal("say --local; elsewhere workers are started one by one (docs/kafka.md)")
    start(settings_of(kafka=kafka, var=var))


def rounds(
    kafka: Kafka = None,
    var: Annotated[
        Path | None, typer.Option(help="Folder of the ledger's worker [REDSTREAM_VAR, var]")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--rounds", help="Most rounds [REDSTREAM_ROUNDS, 5]")
    ] = None,
) -> None:
    """When a finite input has ended: examine what is held again, until that no longer helps.

    Waits until the workers have nothing to do, before each round and behind the last. `redstream
    run` does the same at the end of a file.
    """
    from streams.program import screen, screen_rounds
    from streams.program.end_rounds import end_rounds

    settings = settings_of(kafka=kafka, var=var, rounds=most)
    found = end_rounds(settings, screen.say)
    if found:
        screen.console.print(screen_rounds.table(found, None))
        screen.say(screen_rounds.why_over(found[-1], settings.rounds))
    else:
        screen.say("Nothing is held that another round could help.")


def produce(
    texts: Annotated[str, typer.Argument(help="File or folder as for `run`, or - for a pipe")],
    kafka: Kafka = None,
    var: Var = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on as file or folder grows, until stopped")
    ] = False,
    text_column: given.TextColumn = None,
    id_column: given.IdColumn = None,
) -> None:
    """Put the texts of a file into the topic `texts`, each once, keyed by id."""
    from streams.program import screen
    from streams.program.logs import to_standard_error
    from streams.program.produce import produce as put

    settings = settings_of(kafka=kafka, var=var, text_column=text_column, id_column=id_column)
    to_standard_error(settings.log)
    count = put(settings, texts, follow=follow, tell=screen.say)
    screen.say(f"{count} texts are in {settings.kafka_prefix}texts.")


def consume(
    topic: Annotated[
        str, typer.Argument(help="labeled-latest (the newest truth), labeled, deadletters, ...")
    ] = "labeled-latest",
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on as events come, until stopped")
    ] = False,
    newest: Annotated[
        bool, typer.Option("--newest", help="Of each text only the last word; not with --follow")
    ] = False,
    kafka: Kafka = None,
) -> None:
    """Print events as JSON, a line each, from the topic's beginning to its end."""
    from streams.program.produce import consume as take

    take(settings_of(kafka=kafka), topic, follow=follow, newest=newest)
