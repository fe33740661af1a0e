"""Where settings come from: flags, over environment, over `redstream.toml`, over defaults."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import SecretStr, ValidationError

from models.errors import Fatal
from streams.program.plain import is_unicode
from streams.program.renamed import RENAMED, called_now
from streams.program.settings import Settings

FILE = "redstream.toml"
"""Read from the folder one works in, where nothing else is named."""

PREFIX = "REDSTREAM_"

OTHERS = ("CONFIG", "SETUP_", "TEST_", "DATA")
"""What may follow the prefix and is no setting: this file's place, set-up, tests, benchmarks."""

Origin = Literal["flag", "environment", "file", "default"]


@dataclass(frozen=True)
class Configuration:
    """Settings, where each came from, and the file that was read, if there is one."""

    settings: Settings
    origins: dict[str, Origin]
    file: Path | None


def load(flags: Mapping[str, Any], file: Path | None = None) -> Configuration:
    """Put the settings together. `file`: instead of REDSTREAM_CONFIG, or FILE where it is there.

    Raises:
        Fatal: a value or a name cannot be used; says which, where, and what is nearest to it.
    """
    set_ = {name: value for name, value in flags.items() if value is not None}
    in_environment, older = _environment()
    path = _file(file)
    written = _read(path) if path else {}
    origins: dict[str, Origin] = {
        name: "flag"
        if name in set_
        else "environment"
        if name in in_environment
        else "file"
        if name in written
        else "default"
        for name in Settings.model_fields
    }
    below = {name: value for name, value in written.items() if origins[name] == "file"}
    try:
        return Configuration(Settings(**{**below, **older, **set_}), origins, path)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        where = f"{path}: {name}" if origins.get(name) == "file" else f"setting {_variable(name)}"
        raise Fatal(f"{where}: {first['msg']}") from None


def secrets() -> set[str]:
    """Return the names of settings that are never written into a file nor shown."""
    return {
        name
        for name, field in Settings.model_fields.items()
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
    }


def paths() -> set[str]:
    """Return the names of settings that are paths."""
    return {
        name
        for name, field in Settings.model_fields.items()
        if field.annotation is Path or Path in get_args(field.annotation)
    }


def _environment() -> tuple[set[str], dict[str, str]]:
    """Return the settings that the environment sets, and the values of those under old names.

    Raises:
        Fatal: a variable with our prefix is none of ours, or not any more.
    """
    found, older = set(), {}
    ours = {one[len(PREFIX) :].lower(): one for one in os.environ if one.upper().startswith(PREFIX)}
    for name, variable in ours.items():
        if not is_unicode(os.environ[variable]):
            raise Fatal(f"{variable} is no UTF-8: correct it where it is set")
        if name in RENAMED:
            now = called_now(name, "the environment", ours, _variable)
            found.add(now)
            older[now] = os.environ[variable]
        elif name in Settings.model_fields:
            found.add(name)
        elif not name.upper().startswith(OTHERS):
            raise Fatal(
                f"{variable} is set, but there is no such setting"
                f"{_nearest(name, Settings.model_fields, _variable)}"
            )
    return found, older


def _file(given: Path | None) -> Path | None:
    if given is None and (named := os.environ.get(f"{PREFIX}CONFIG")):
        given = Path(named)
    if given is not None:
        return given
    usual = Path(FILE)
    return usual if usual.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Fatal(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise Fatal(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise Fatal(f"{path} is no settings file: it nests too deep to be read") from None
    hidden = secrets()
    for name in [name for name in written if name in RENAMED]:
        written[called_now(name, _line(path, name), written)] = written.pop(name)
    for name, value in written.items():
        if isinstance(value, dict):
            raise Fatal(
                f"{_line(path, name)}: [{name}] is a table; settings stand one below the other, by"
                f" their whole names ({name}_… = …)"
            )
        if name in hidden:
            raise Fatal(
                f"{_line(path, name)}: {name} is a secret, and no secret is read from here: set"
                f" {_variable(name)}, or name a file that holds it with {name}_file"
            )
        if name not in Settings.model_fields:
            near = _nearest(name, Settings.model_fields, str)
            raise Fatal(f"{_line(path, name)}: there is no setting {name!r}{near}")
    # As everywhere: what a file names lies beside the file.
    return {
        name: str(path.parent / value) if name in paths() and isinstance(value, str) else value
        for name, value in written.items()
    }


def _line(path: Path, name: str) -> str:
    """Return the file, and the line on which a name stands."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if re.match(rf"\s*\[?\s*[\"']?{re.escape(name)}\b", line):
            return f"{path}:{number}"
    return str(path)


def _nearest(name: str, names: Iterable[str], spoken: Any) -> str:
    near = difflib.get_close_matches(name.lower(), list(names), 1, 0.6)
    return f"; did you mean {spoken(near[0])}?" if near else "; `redstream config` shows all"


def _variable(name: str) -> str:
    return PREFIX + name.upper()
