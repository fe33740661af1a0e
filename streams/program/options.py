"""Options of the commands, and what the settings are with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.program.configuration import Configuration
    from streams.program.settings import Settings

Var = Annotated[
    Path | None, typer.Option(help="Folder of everything that is kept [REDSTREAM_VAR, var]")
]

TextColumn = Annotated[
    str | None,
    typer.Option(
        help="Column or field of the texts, dotted (`ticket.body`) within others"
        " [REDSTREAM_TEXT_COLUMN, found by its name]"
    ),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="The same of the labels [REDSTREAM_LABEL_COLUMN]")
]
IdColumn = Annotated[str | None, typer.Option(help="The same of the ids [REDSTREAM_ID_COLUMN]")]

GOLD_FILE = "File of ids with their right labels: CSV, TSV, JSONL, Parquet; or .gz"

# The key is none of them: what stands in a command line is seen by everybody on the machine.
_PANEL = "With --judge llm (the key: REDSTREAM_LLM_KEY, or a file REDSTREAM_LLM_KEY_FILE)"


def _llm(words: str, setting: str) -> Any:
    return typer.Option(help=f"{words} [REDSTREAM_LLM_{setting}]", rich_help_panel=_PANEL)


LlmUrl = Annotated[
    str | None, _llm("An OpenAI-compatible endpoint, http://127.0.0.1:11434/v1 for one", "URL")
]
LlmModel = Annotated[str | None, _llm("The model's name, as the endpoint knows it", "MODEL")]
LlmTimeout = Annotated[float | None, _llm("Seconds for one request", "TIMEOUT, 12")]
LlmPatience = Annotated[
    float | None, _llm("Seconds for one question with its waits and retries", "PATIENCE, 20")
]
LlmPerMinute = Annotated[
    float | None, _llm("Most requests in a minute: more wait their turn", "PER_MINUTE")
]
LlmPriceIn = Annotated[float | None, _llm("Money per million tokens read", "PRICE_IN, 0")]
LlmPriceOut = Annotated[float | None, _llm("Money per million tokens written", "PRICE_OUT, 0")]
LlmDayMoney = Annotated[
    float | None,
    _llm("Most money in a day (UTC): the rest waits", "DAY_MONEY"),
]
LlmAllCalls = Annotated[
    int | None,
    _llm("Most requests in all: the rest stays undecided", "ALL_CALLS"),
]
LlmAllMoney = Annotated[
    float | None,
    _llm("Most money in all: the rest stays undecided", "ALL_MONEY"),
]


_file: Path | None = None


def use_file(path: Path | None) -> None:
    """Read settings from this file from now on, instead of `redstream.toml` where it is there."""
    global _file
    _file = path


def settings_of(**flags: Any) -> Settings:
    """Return the settings: flags over environment over `redstream.toml` over defaults.

    Raises:
        Fatal: a value or a name cannot be used.
    """
    return configuration_of(**flags).settings


def configuration_of(**flags: Any) -> Configuration:
    """Return the settings with where each comes from. Raises as `settings_of`."""
    from streams.program.configuration import load

    return load(flags, _file)
