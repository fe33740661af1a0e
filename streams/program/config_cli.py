"""`redstream init` and `redstream config`: the settings written down, and which hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.program.options import configuration_of


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it")] = Path(),
) -> None:
    """Write `redstream.toml` with every setting in it, at its default and commented out.

    A file that is there already is left as it is.
    """
    from streams.program import screen
    from streams.program.config_file import write

    path = write(folder)
    screen.say(f"Written: {path}. It changes nothing until you take a # away.")


def config(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Show every setting, and where its value comes from. Keys are never shown.

    Flags are stronger than REDSTREAM_… in the environment, and those than `redstream.toml` in the
    folder one works in (or the file that --config or REDSTREAM_CONFIG names).
    """
    found = configuration_of()
    rows = [
        (name, _shown(getattr(found.settings, name)), origin)
        for name, origin in found.origins.items()
    ]
    if as_json:
        told = {name: {"value": value, "from": origin} for name, value, origin in rows}
        print(json.dumps({"file": str(found.file) if found.file else None, "settings": told}))
        return
    from rich.table import Table

    from streams.program.screen import cell, console, say

    table = Table()
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold")
    for name, value, origin in rows:
        style = "dim" if origin == "default" else None
        table.add_row(name, cell("-" if value is None else value), cell(origin), style=style)
    console.print(table)
    say(f"File: {found.file or 'none; `redstream init` writes one'}.")


def _shown(value: Any) -> Any:
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return "set (hidden)"
    return str(value) if isinstance(value, Path) else value
