"""`redstream.toml` as `redstream init` writes it: every setting, at its default, commented out."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from models.errors import Fatal
from streams.program.configuration import FILE, secrets
from streams.program.settings import Settings

HEAD = """\
# The settings of redstream. Stronger than this file are REDSTREAM_… in the environment, and
# stronger than those the flags of a command. `redstream config` shows what holds, and from where.
# Take the # away before a name to set it. Keys of services do not belong here: they are read from
# the environment, or from a file that the environment or this one names.
"""

WIDTH = 98

GROUPS = (
    ("qdrant", "The example store"),
    ("kafka", "The same stages on Apache Kafka (docs/kafka.md)"),
    ("llm", 'The LLM, with judge = "llm" (docs/judge.md)'),
)
"""Settings that begin with one of these stand together; all others come first."""


def write(folder: Path) -> Path:
    """Write the file into a folder.

    Raises:
        Fatal: there is one already, or it cannot be written.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(content())
    except FileExistsError:
        raise Fatal(f"{path} is there already, and is left as it is") from None
    except OSError as error:
        raise Fatal(f"cannot write {path}: {error.strerror}") from None
    return path


def content() -> str:
    """Return what is written."""
    parts = [HEAD]
    for title, names in grouped():
        parts.append(f"\n# {title}\n" if title else "\n")
        parts += [_setting(name) for name in names]
    return "".join(parts)


def grouped() -> list[tuple[str, list[str]]]:
    """Return the names of the settings that a file may hold, by groups with a title."""
    names = [name for name in Settings.model_fields if name not in secrets()]
    groups = [("", [name for name in names if _group(name) is None])]
    return groups + [(title, [n for n in names if _group(n) == key]) for key, title in GROUPS]


def _group(name: str) -> str | None:
    return next((key for key, _ in GROUPS if name == key or name.startswith(f"{key}_")), None)


def _setting(name: str) -> str:
    field = Settings.model_fields[name]
    told = textwrap.fill(f"{field.description}", WIDTH, initial_indent="# ", subsequent_indent="# ")
    default = "…" if field.default is None else _toml(field.default)
    return f"{told}\n#{name} = {default}\n"


def _toml(value: Any) -> str:
    return json.dumps(str(value) if isinstance(value, Path) else value)
