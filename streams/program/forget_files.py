"""What a folder's own files beside log and ledger say of texts: guides that quote them, the report
of the fit, and output files, which are a person's to clean.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from judge.guides.compose import quoted
from judge.guides.file import parse, read, replaced
from judge.guides.guide import Guide
from judge.guides.history import FIT, HAND, History
from streams.program.folder import Folder
from streams.program.guides import path_of
from streams.program.outgoing import write_text
from streams.program.settings import Settings
from streams.records import FileMark
from streams.stage import Log
from streams.topology import MARKS

LONG = 20
"""Characters from which on a text that stands in a guide as it is was taken from there."""

STRUCK = '"…"'
"""Put in the place of a quotation."""


def strike_out(settings: Settings, words: Collection[str]) -> list[str]:
    """Take quotations of these texts out of the folder's guides and report.

    Return the labels whose guides a person wrote and that quote one: they are left to the person.
    """
    if not words:
        return []
    folder = Folder(settings.var)
    _report(folder.report, words)
    theirs = _guides(path_of(settings), History(folder.guide_versions), words)
    _history(folder.guide_versions, words)
    return theirs


def _quotes(text: str, words: Collection[str]) -> list[str]:
    found = []
    for one in words:
        found += [quote for quote in {quoted(one)} if quote in text]
        found += [one] if len(one) >= LONG and one in text else []
    return found


def _guides(path: Path, history: History, words: Collection[str]) -> list[str]:
    content = read(path)
    theirs, struck = [], []
    for entry in parse(content, str(path)):
        quotes = _quotes(entry.text, words)
        if not quotes:
            continue
        if history.origin(Guide.of(entry.label, entry.name, entry.text)) in (HAND, FIT):
            theirs.append(entry.label)
            continue
        text = entry.text
        for quote in quotes:
            text = text.replace(quote, STRUCK)
        struck.append(Guide.of(entry.label, entry.name, text))
    if struck:
        write_text(path.resolve(), replaced(content, struck, str(path)))
    return theirs


def _history(path: Path, words: Collection[str]) -> None:
    """Leave out the versions that quote a text: a verdict's guide is then told by its version."""
    with suppress(OSError):
        lines = path.read_text(encoding="utf-8").splitlines()
        left = [line for line in lines if not _quoting(line, words)]
        if len(left) < len(lines):
            write_text(path, "".join(line + "\n" for line in left))


def _quoting(line: str, words: Collection[str]) -> bool:
    with suppress(ValueError, KeyError, TypeError):
        return bool(_quotes(str(json.loads(line)["text"]), words))
    return False


def _report(path: Path, words: Collection[str]) -> None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text(encoding="utf-8"))
        twins = [t for t in found["twins"] if not {t["text"], t["other_text"]} & set(words)]
        changed = len(twins) < len(found["twins"])
        found["twins"] = twins
        for one in found["confusions"]:
            texts = [text for text in one["texts"] if text not in words]
            changed = changed or len(texts) < len(one["texts"])
            one["texts"] = texts
        if changed:
            write_text(path, json.dumps(found))


def outputs_with(log: Log, ids: Collection[str]) -> dict[str, int]:
    """Return the output files that runs wrote, by path, with how many lines of them name a text."""
    needles = [json.dumps(one, ensure_ascii=False).encode() for one in ids]
    needles += [one.encode() for one in ids if len(one) >= LONG]
    found: dict[str, int] = {}
    for role in ("out", "rows"):
        for key in log.keys(MARKS.name, f"{role}:"):
            newest = log.newest(MARKS.name, key)
            if newest is None:
                continue
            path = FileMark.decode(newest.value).path
            with suppress(OSError), Path(path).open("rb") as file:
                count = sum(any(one in line for one in needles) for line in file)
                if count:
                    found[path] = count
    return found
