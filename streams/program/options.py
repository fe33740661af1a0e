"""What the commands have in common: the option --var, and flags over environment over defaults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.program.settings import Settings

Var = Annotated[
    Path | None, typer.Option(help="Folder of everything that is kept [REDSTREAM_VAR, var]")
]


def settings_of(**flags: Any) -> Settings:
    """Return the settings: flags over environment over defaults."""
    from pydantic import ValidationError

    from models.errors import Fatal
    from streams.program.settings import Settings

    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Fatal(f"setting REDSTREAM_{str(first['loc'][0]).upper()}: {first['msg']}") from None
