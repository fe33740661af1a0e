"""Guides in one file that people edit: Markdown, a `## ` heading for every label.

Markdown because a guide is prose of several lines: nothing in it has to be quoted or indented, a
diff of it reads as text, and what is wrong is wrong on one line. (In TOML one lost quote makes all
that follows unreadable, and the error is reported far from it.)

```
# Label guides                       what stands above the first label is for people

## card_lost
Name: lost card

The customer no longer has the card and does not know where it is.
Not stolen_card: there somebody took it.
```

`Name:` may be left out. A line of a guide that begins with # is written \\#. A label that does not
fit on a line, or begins with a quote, stands in the heading as a JSON string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import structlog

from judge.guides.guide import Guide
from models.errors import Fatal

LONGEST_SHOWN: Final = 600
"""Characters of a guide that a judge is shown: its beginning. The prompt's own limit."""

TOP: Final = """\
# Label guides

One heading for every label; below it what the label means, and what it does not. A judge is shown
the first 600 characters. Saved, it counts from the next question on; earlier versions are kept.
"""

_LABEL: Final = "## "
_NAME: Final = "Name:"
_NO_LABEL: Final = re.compile(r"##[^#\s]")
_ESCAPED: Final = re.compile(r"\\+#")
_TO_ESCAPE: Final = re.compile(r"\\*#")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """One guide as it stands in the file; lines are counted from 1, `end` is past the last."""

    label: str
    name: str
    text: str
    line: int
    end: int


def parse(content: str, where: str) -> list[Entry]:
    """The guides of a file, in its order; `where` names the file in errors.

    Raises:
        Fatal: a heading cannot be meant so; names file and line.
    """
    lines = _lines(content)
    heads: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        at = f"{where}:{number}"
        if line == "##" or line.startswith(_LABEL):
            heads.append((number, _label(line[2:].strip(), at)))
        elif _NO_LABEL.match(line):
            raise Fatal(f"{at}: a blank is missing after ## (or write \\## in a guide's text)")
        elif heads and re.match(r"#\s", line):
            raise Fatal(f"{at}: a label's heading has two #: ## (or write \\# in a guide's text)")
    first: dict[str, int] = {}
    entries = []
    ends = [*(number for number, _ in heads), len(lines) + 1]
    for (number, label), end in zip(heads, ends[1:], strict=True):
        if label in first:
            raise Fatal(f"{where}:{number}: a second guide for {label!r}; line {first[label]}")
        first[label] = number
        name, text = _body(lines[number : end - 1])
        entries.append(Entry(label, name, text, number, end))
    return entries


def replaced(content: str, guides: Iterable[Guide], where: str) -> str:
    """The file with these guides in the place of those of the same labels, or at its end.

    Nothing else in it changes: what a person wrote above, and the order, stay.
    """
    lines = _lines(content or TOP)
    spans = {entry.label: entry for entry in parse("\n".join(lines), where)}
    fresh: list[str] = []
    changed: list[tuple[Entry, Guide]] = []
    for guide in guides:
        if guide.label in spans:
            changed.append((spans[guide.label], guide))
        else:
            fresh += ["", *_section(guide)]
    # From the end, so that the lines above keep their numbers.
    for entry, guide in sorted(changed, key=lambda pair: -pair[0].line):
        gap = [""] if entry.end <= len(lines) else []
        lines[entry.line - 1 : entry.end - 1] = [*_section(guide), *gap]
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join([*lines, *fresh]) + "\n"


def read(path: Path) -> str:
    """The file as text; empty where there is none.

    Raises:
        Fatal: it cannot be read, or is no UTF-8; names the line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Fatal(f"cannot read the guides in {path}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Fatal(f"{path}:{line}: the guides have to be UTF-8 text") from None


def load_guides(path: Path, labels: Mapping[str, str] | Iterable[str]) -> dict[str, Guide]:
    """The guides of a file, by label; none where there is no file.

    `labels` are those there are, with their names if it is a mapping: the name of a guide without
    one. A guide for another label is left out, and named in a warning, as is one too long.

    Raises:
        Fatal: the file is broken; names the line.
    """
    guides, odd = read_guides(path, labels)
    for what in odd:
        log.warning(what)
    return guides


def read_guides(
    path: Path, labels: Mapping[str, str] | Iterable[str]
) -> tuple[dict[str, Guide], list[str]]:
    """As `load_guides`, with what is odd but harmless in lines of their own instead of a log."""
    names = labels if isinstance(labels, Mapping) else {label: spoken(label) for label in labels}
    guides: dict[str, Guide] = {}
    odd = []
    for entry in parse(read(path), str(path)):
        at = f"{path}:{entry.line}"
        if entry.label not in names:
            near = get_close_matches(entry.label, names, 1, 0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            odd.append(f"{at}: a guide for {entry.label!r}, which is no label{hint}")
            continue
        if len(entry.text) > LONGEST_SHOWN:
            odd.append(
                f"{at}: the guide of {entry.label!r} has {len(entry.text):,} characters; a judge"
                f" is shown the first {LONGEST_SHOWN}"
            )
        guides[entry.label] = Guide.of(entry.label, entry.name or names[entry.label], entry.text)
    return guides, odd


def tidied(guide: Guide) -> Guide:
    """The guide as it comes back from the file: line ends are one kind, blanks around it gone."""
    name = " ".join(_unicode(guide.name).split()) or " ".join(_unicode(guide.label).split())
    return Guide.of(guide.label, name, "\n".join(_lines(_unicode(guide.text))).strip())


def spoken(label: str) -> str:
    """A label as words."""
    return label.replace("_", " ").strip()


def _lines(content: str) -> list[str]:
    return content.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _unicode(text: str) -> str:
    """Without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _label(heading: str, at: str) -> str:
    if heading.startswith('"'):
        try:
            found = json.loads(heading)
        except ValueError:
            raise Fatal(f"{at}: a label that begins with a quote has to be JSON") from None
        if isinstance(found, str) and found:
            return found
    if not heading or heading == '""':
        raise Fatal(f"{at}: the heading names no label")
    return heading


def _body(lines: list[str]) -> tuple[str, str]:
    """Name and text of what stands below a heading."""
    name = ""
    rest = list(lines)
    while rest and not rest[0].strip():
        rest.pop(0)
    if rest and rest[0].startswith(_NAME):
        name = rest.pop(0)[len(_NAME) :].strip()
    text = "\n".join(line[1:] if _ESCAPED.match(line) else line for line in rest)
    return name, text.strip()


def _section(guide: Guide) -> list[str]:
    clean = tidied(guide)
    label = guide.label
    plain = label == label.strip() and label.isprintable() and not label.startswith('"')
    heading = label if plain else json.dumps(label)
    head = [f"{_LABEL}{heading}", f"{_NAME} {clean.name}"]
    if not clean.text:
        return head
    body = [f"\\{line}" if _TO_ESCAPE.match(line) else line for line in _lines(clean.text)]
    return [*head, "", *body]
