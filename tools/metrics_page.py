"""The tables in the page of metrics: what is in the program's registry, and the alerts on it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from streams.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
PAGE, RULES = ROOT / "docs" / "metrics.md", ROOT / "ops" / "prometheus" / "rules.yml"


def page() -> str:
    """Return the page as it stands, with both tables as they are now."""
    tables = {"metrics": _metrics(), "alerts": _alerts()}
    written = PAGE.read_text(encoding="utf-8")
    for name, rows in tables.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        table = "\n".join(["", *rows, "", ""])
        written, found = marked.subn(lambda m, made=table: m[1] + made + m[2], written)
        if found != 1:
            raise ValueError(f"{PAGE} has no place for the table of {name}")
    return written


def _metrics() -> list[str]:
    rows = ["| metric | kind | by | what it says |", "| --- | --- | --- | --- |"]
    for one in Metrics().declared:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
    return rows


def _alerts() -> list[str]:
    rows = ["| alert | when | what to do first |", "| --- | --- | --- |"]
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        for one in group["rules"]:
            told = one["annotations"]
            name = f"[`{one['alert']}`](runbook.md#{one['alert'].lower()})"
            rows.append(f"| {name} | {told['summary']} | {told['todo']} |")
    return rows
