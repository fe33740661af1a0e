"""Writes the pages that follow from the code: settings, commands, records, what moves on Kafka.

    python -m tools.reference

A test holds that they are as the code is now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import typer.main
from pydantic import SecretStr

from streams.program.cli import app
from streams.program.config_file import grouped
from streams.program.configuration import secrets
from streams.program.evaluate import findings
from streams.program.renamed import RENAMED
from streams.program.settings import Settings
from streams.records import decided, forgotten, model, signals, taught, text
from streams.topology import TOPICS
from streams.wire import Record
from tools import asyncapi, goldens, metrics_page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MADE = "<!-- Made by `python -m tools.reference` from the code: change it there. -->\n"

LONGEST = 60
"""Characters of a value in an example, beyond which it is cut."""


def pages() -> dict[str, str]:
    """Return every page by its file's name."""
    return {
        "settings.md": settings(),
        "commands.md": commands(),
        "records.md": record_pages(),
        "evaluation.md": evaluation(),
        "asyncapi.yaml": asyncapi.page(),
        "metrics.md": metrics_page.page(),
    }


def settings() -> str:
    """Return the page of the settings."""
    lines = [
        "# Settings",
        "",
        MADE,
        "A setting is given as a flag (where the command has one), as `REDSTREAM_NAME` in the",
        "environment, or in `redstream.toml` under its name; the first that is there holds.",
        "`redstream init` writes such a file, `redstream config` shows what holds and from where.",
        "Paths in the file are seen from the file. A name that does not exist is an error.",
    ]
    hidden = [name for name in Settings.model_fields if name in secrets()]
    for title, names in [*grouped(), ("Keys: from the environment alone", hidden)]:
        lines += ["", f"## {title or 'General'}", "", "| name | default | what it does |"]
        lines.append("| --- | --- | --- |")
        for name in names:
            field = Settings.model_fields[name]
            default = "-" if field.default is None else f"`{field.default}`"
            told = str(field.description) + _choices(field.annotation)
            lines.append(f"| `{name}` | {default} | {_cell(told)} |")
    if RENAMED:
        lines += ["", "## Called otherwise now", "", "| old name | name | read until |"]
        lines.append("| --- | --- | --- |")
        for name, now in RENAMED.items():
            lines.append(f"| `{name}` | `{now.now}` | before {now.until} |")
    return "\n".join(lines) + "\n"


def _choices(annotation: Any) -> str:
    values = [value for value in get_args(annotation) if isinstance(value, str)]
    return f" ({', '.join(values)})" if values and annotation is not SecretStr else ""


def commands() -> str:
    """Return the page of the commands."""
    lines = ["# Commands", "", MADE, "Every command tells the same with `--help`.", ""]
    for name, command in _walk("redstream", typer.main.get_command(app)):
        lines += [f"## {name}", "", _plain(command.help or ""), ""]
        if hasattr(command, "commands"):
            continue
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option"]
        usage = " ".join([name, *(_placeholder(one) for one in arguments)])
        lines += ["```", f"{usage} [OPTIONS]" if options else usage, "```", ""]
        if arguments or options:
            lines += ["| | |", "| --- | --- |"]
        for one in arguments:
            lines.append(f"| {_placeholder(one)} | {_cell(one.help or '')} |")
        for one in options:
            flags = ", ".join(f"`{flag}`" for flag in (*one.opts, *one.secondary_opts))
            lines.append(f"| {flags} | {_cell(one.help or '')} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for sub, found in getattr(command, "commands", {}).items():
        if not found.hidden:
            yield from _walk(f"{name} {sub}", found)


def _placeholder(argument: Any) -> str:
    name = str(argument.metavar or argument.name).strip("{}[]").upper()
    return name if argument.required else f"[{name}]"


def _plain(told: str) -> str:
    """Return a help text with its paragraphs, each on one line."""
    return "\n\n".join(" ".join(part.split()) for part in told.split("\n\n"))


def record_pages() -> str:
    """Return the page of the records."""
    lines = [
        "# Records",
        "",
        MADE,
        "What moves is JSON in UTF-8. Our own readers pass over fields they do not know; what",
        "comes from outside (`texts`) keeps them as `attributes`. Times: seconds since 1970, UTC.",
        "In `models`, trees and manifests are the same JSON as a zlib stream, parts are bytes.",
        "",
        "| topic | key | record | kept |",
        "| --- | --- | --- | --- |",
    ]
    for topic in TOPICS:
        kind = (
            f"[{topic.record.__name__}](#{topic.record.__name__.lower()})" if topic.record else ""
        )
        kept = "the newest of a key" if topic.compacted else _days(topic.keep_days)
        kept = f"{kept}, but for what is erased" if topic.erasable else kept
        kept = "until every stage has read it" if topic.passing else kept
        lines.append(f"| `{topic.name}` | {topic.key} | {kind} | {kept} |")
    examples = _examples()
    for kind in _kinds():
        lines += ["", f"## {kind.__name__}", "", _plain(kind.__doc__ or ""), ""]
        lines += ["| field | type | default |", "| --- | --- | --- |"]
        schema = kind.model_json_schema()
        for name, field in schema["properties"].items():
            default = "required" if name in schema.get("required", ()) else _default(field)
            lines.append(f"| `{name}` | {_type(field)} | {default} |")
        if kind.__name__ in examples:
            lines += ["", "```json", examples[kind.__name__], "```"]
    return "\n".join(lines) + "\n"


def evaluation() -> str:
    """Return the page of what `redstream evaluate --json` writes."""
    lines = [
        "# What `redstream evaluate --json` writes",
        "",
        MADE,
        f"One object, an `Evaluation` of format {findings.FORMAT}; fields may come, names stay.",
        "What the figures mean: [`evaluate.md`](evaluate.md).",
    ]
    own = [kind for kind in vars(findings).values() if isinstance(kind, type)]
    parts = [k for k in own if issubclass(k, findings.Finding) and k is not findings.Finding]
    for kind in [findings.Evaluation, *(k for k in parts if k is not findings.Evaluation)]:
        lines += ["", f"## {kind.__name__}", "", _plain(kind.__doc__ or ""), ""]
        lines += ["| field | type |", "| --- | --- |"]
        fields = kind.model_json_schema()["properties"]
        lines += [f"| `{name}` | {_type(field)} |" for name, field in fields.items()]
    return "\n".join(lines) + "\n"


def _kinds() -> list[type[Record]]:
    in_order = (text, decided, taught, forgotten, model, signals)
    return [
        kind
        for module in in_order
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Record)
        and kind.__module__ == module.__name__
    ]


def _days(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(one) for one in field["anyOf"]))
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else "object"
    return str(field.get("type", "any"))


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "empty"
    return f"`{json.dumps(field['default'])}`"


def _examples() -> dict[str, str]:
    """Return one example of each kind of record, the newest golden file of it; long values cut."""
    found: dict[str, str] = {}
    kinds = {re.sub(r"\W|_", "", kind.__name__.lower()): kind.__name__ for kind in _kinds()}
    for path in [path for folder in goldens.folders() for path in sorted(folder.glob("*.json"))]:
        kind = kinds.get(re.sub(r"\W|_", "", path.stem.lower()))
        if kind:
            value = _cut(json.loads(path.read_text()))
            found[kind] = json.dumps(value, ensure_ascii=False, indent=1)
    return found


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner) for inner in value]
    return f"{value[:LONGEST]}…" if isinstance(value, str) and len(value) > LONGEST else value


def _cell(told: str) -> str:
    return " ".join(told.split()).replace("|", "\\|")


if __name__ == "__main__":
    for file, content in pages().items():
        (DOCS / file).write_text(content, encoding="utf-8")
        print(DOCS / file)
